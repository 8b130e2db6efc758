"""The HTTP address of the pipeline: what the old backend promised its callers, and what they lacked."""
