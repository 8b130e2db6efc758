"""The courier: posts the ends of jobs to the webhooks of their requests, apart from the worker's own loops."""
