"""The path under which a proxy offers the facade, and slashes too many: each address has one reading for all layers."""

from collections.abc import Awaitable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from publisher.settings import PublisherSettings

_OWN = ("/api", "/videos", "/livez", "/readyz", "/openapi.json")
_FILES = "/videos/"


def public_path(settings: PublisherSettings) -> str:
    """The path of the public URL, without a slash at its end."""
    return urlsplit(settings.public_url).path.rstrip("/")


class PublicPath:
    """Takes the path of the public URL off, for a proxy that leaves it on, and a slash at the end of an address.

    Nothing is redirected: a client would send its POST again, to what the `Host` header named.
    """

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        self._app = app
        # A prefix that could be the beginning of an own address is the proxy's to take off.
        is_own = any(f"{own}/".startswith(f"{prefix}/") or f"{prefix}/".startswith(f"{own}/") for own in _OWN)
        self._prefix = None if is_own else prefix

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            path: str = scope["path"]
            if self._prefix and (path == self._prefix or path.startswith(f"{self._prefix}/")):
                path = path.removeprefix(self._prefix)
            if not path.startswith(_FILES):
                path = path.rstrip("/") or "/"
            scope["path"] = path
        return self._app(scope, receive, send)
