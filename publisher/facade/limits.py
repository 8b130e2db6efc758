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
        _check_size(_said(Headers(scope=scope)), self._limit_bytes)
        return self._app(scope, _Counted(receive, self._limit_bytes).receive, send)


class _Counted:
    """One body, and how much of it has come."""

    __slots__ = ("_limit_bytes", "_receive", "_seen_bytes")

    def __init__(self, receive: Receive, limit_bytes: int) -> None:
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._seen_bytes: int | None = 0
        """None once all of it is there."""

    def receive(self) -> Awaitable[Message]:
        return self._receive() if self._seen_bytes is None else self._counted(self._seen_bytes)

    async def _counted(self, seen_bytes: int) -> Message:
        message = await self._receive()
        seen_bytes += len(message.get("body", b""))
        _check_size(seen_bytes, self._limit_bytes)
        self._seen_bytes = seen_bytes if message.get("more_body") else None
        return message


def _check_size(size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise TooLarge(f"The body must have at most {limit_bytes:,} bytes")


def _said(headers: Headers) -> int:
    """What Content-Length says. A server refuses one that is no number; what is absurdly long is too large."""
    said = headers.get("content-length", "0")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 1 << 62


class ContentType:
    """Demands that a POST says it carries JSON: a foreign page can't say so unasked. Raises `UnsupportedType`."""

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
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedType(f"Send application/json, not {kind[:80] or 'a body without a Content-Type'}")
