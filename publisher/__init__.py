"""Publish requests and manage their jobs: use cases as functions over ports, the HTTP facade, and the CLI."""

import schemas  # it leads imports of modules that have moved to their new places

__all__ = ["schemas"]
