"""Lets in who shows an API key or a Google ID token, where the settings ask for one, and notes who that is."""

from collections.abc import Awaitable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from publisher.facade.gate import Gate
from publisher.facade.state import Call

OPEN_PATHS = frozenset({"/api/videos/health", "/livez", "/readyz"})
_LINKED = "/videos/"
"""Files are fetched by players, which send no key: their addresses are signed instead."""


def caller_of(call: Call) -> str | None:
    """Who calls; None where the facade does not ask."""
    caller: str | None = call.scope["caller"]
    return caller


class Callers:
    """Writes the caller into each call's scope. Raises `Unauthorized` and `Forbidden`."""

    def __init__(self, app: ASGIApp, *, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        scope["caller"] = None
        if (
            scope["type"] != "http"
            or self._gate.open
            or scope["path"] in OPEN_PATHS
            or scope["path"].startswith(_LINKED)
        ):
            return self._app(scope, receive, send)
        return self._named(scope, receive, send)

    async def _named(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["caller"] = await self._gate.caller(Headers(scope=scope))
        await self._app(scope, receive, send)
