"""Tools for agents, by the Model Context Protocol: `/mcp` of the facade, and `reelbus mcp` on standard input.

The official SDK is the extra `mcp`. Only `publisher.mcp.server` and `publisher.mcp.stdio` import it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import Invalid


@contextmanager
def sdk_installed() -> Iterator[None]:
    """Raise `Invalid` if an import in the context needs the SDK and it is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        words = "the SDK of the Model Context Protocol is not installed: run scripts/bootstrap mcp, or see docs/mcp.md"
        raise Invalid(words) from error
