"""Publish requests and manage their jobs: use cases as functions over ports, the HTTP facade, and the CLI."""

from importlib.metadata import PackageNotFoundError, version

import schemas  # it leads imports of modules that have moved to their new places

__all__ = ["package_version", "schemas"]


def package_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("reelbus")
    except PackageNotFoundError:
        return "(a checkout that is not installed)"
