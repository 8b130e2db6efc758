"""Lingering close: the caller of a refused upload can read why it was refused."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LINGER_S = 2.0


class LingeringClose:
    """Reads and drops the rest of a refused body for `_LINGER_S` at most, before the connection closes.

    If a server closes while bytes still arrive, the caller's kernel drops the answer: the caller sees a broken pipe
    instead of the 413.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        headers = Headers(scope=scope)
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        # A caller that expects 100 waits for an interim response before it sends its body.
        if not has_body or headers.get("expect", "").lower() == "100-continue":
            return self._app(scope, receive, send)
        responder = _LingeringResponder(receive, send)
        return self._app(scope, responder.receive, responder.send)


class _LingeringResponder:
    """Wraps `receive` and `send` for one call."""

    __slots__ = ("_receive", "_send", "_unread")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._unread = True

    def receive(self) -> Awaitable[Message]:
        return self._receive_unread() if self._unread else self._receive()

    async def send(self, message: Message) -> None:
        last = message["type"] == "http.response.body" and not message.get("more_body")
        if not (last and self._unread):
            await self._send(message)
            return
        await self._send({**message, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while (await self._receive()).get("more_body"):
                    pass
        await self._send({"type": "http.response.body", "body": b""})

    async def _receive_unread(self) -> Message:
        message = await self._receive()
        self._unread = message["type"] == "http.request" and bool(message.get("more_body"))
        return message
