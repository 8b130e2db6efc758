"""The courier: what it stores, when it posts, and what it never calls."""
