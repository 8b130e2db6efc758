"""Refuses bodies that are too large, or not JSON, before they are read."""

from collections.abc import Awaitable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.errors import ReelbusError


class TooLarge(ReelbusError):
    """The body is too large."""


class TooSlow(ReelbusError):
    """The body took too long to arrive."""


class UnsupportedType(ReelbusError):
    """The body must be JSON."""


class BodyLimit:
    """Believes a Content-Length that is too large, and counts where there is none. Raises `TooLarge`."""

    def __init__(self, app: ASGIApp, *, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        self._check(_said(Headers(scope=scope)))
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            self._check(seen)
            return message

        return self._app(scope, counted, send)

    def _check(self, size: int) -> None:
        if size > self._limit_bytes:
            raise TooLarge(f"The body must have at most {self._limit_bytes:,} bytes")


def _said(headers: Headers) -> int:
    """What Content-Length says. A server refuses one that is no number; what is absurdly long is too large."""
    said = headers.get("content-length", "0")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 1 << 62


class ContentType:
    """A POST carries JSON; where it doesn't say what it carries, it is taken for JSON. Raises `UnsupportedType`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] == "POST":
            headers = Headers(scope=scope)
            _check_json(headers.get("content-type", ""))
            if headers.get("content-encoding", "identity").lower() != "identity":
                raise UnsupportedType("Send the body without a Content-Encoding")
        return self._app(scope, receive, send)


def _check_json(content_type: str) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("", "application/json") and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedType(f"Send application/json, not {kind[:80]}")
