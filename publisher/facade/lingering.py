"""Ends a refused upload politely, so that its caller gets to read why."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LINGER_S = 2.0


class Lingering:
    """Lets a refused caller finish sending for a moment before the connection closes.

    A server that closes while bytes still come in makes the caller's kernel drop the answer: instead of the 413 it
    would see a broken pipe. What comes in meanwhile is thrown away.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or not _sends_a_body(Headers(scope=scope)):
            return self._app(scope, receive, send)
        unread = True

        async def watched() -> Message:
            nonlocal unread
            message = await receive()
            unread = message["type"] == "http.request" and bool(message.get("more_body"))
            return message

        async def lingering(message: Message) -> None:
            last = message["type"] == "http.response.body" and not message.get("more_body")
            if not (last and unread):
                await send(message)
                return
            await send({**message, "more_body": True})
            await _discard(receive)
            await send({"type": "http.response.body", "body": b""})

        return self._app(scope, watched, lingering)


def _sends_a_body(headers: Headers) -> bool:
    if headers.get("expect", "").lower() == "100-continue":
        return False  # it waits for our word before it sends
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def _discard(receive: Receive) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            while (await receive()).get("more_body"):
                pass
