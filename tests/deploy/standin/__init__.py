"""A stand-in for Terraform's Google providers, for machines that can't download them.

Terraform starts no provider then: it attaches to this one (`TF_REATTACH_PROVIDERS`), gets the real providers' schemas,
and validates, plans, tests and applies on a local state. The real providers also check patterns and conflicts in their
code, and Google's APIs refuse more: neither is known here.
"""
