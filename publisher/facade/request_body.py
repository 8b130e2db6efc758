"""Refuses bodies that are too large, or not JSON, before they are read.

Reads bodies: within a time, and never more bytes at once, in all of them together, than the settings say.

What is small is read at once, so that uploads hold up no ordinary call. The room of a large one is kept until its image
is stored: to read JSON of 28 MB takes several times as much.

Takes in so many requests at a time, and lets the others queue.

A request is large while it is read, checked and stored. A burst of thousands would hold all of them at once, and the
process would keep that memory; one who queues costs its body and little more, and is served no later.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import Any, Self

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from publisher.settings import PublisherSettings
from schemas.errors import ReelbusError, Unavailable


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
        return self._app(scope, _BodyLimitResponder(receive, self._limit_bytes).receive, send)


class _BodyLimitResponder:
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


WITHIN_S = 30.0


class Overloaded(Unavailable):
    """Too many requests come in; nothing was made of this one."""


class Slot:
    """One request's, until it is given up, or the context ends."""

    __slots__ = ("_turns", "queued")

    def __init__(self, turns: asyncio.Semaphore, *, queued: bool) -> None:
        self._turns: asyncio.Semaphore | None = turns
        self.queued = queued
        """Whether it took time: the caller may be gone."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """It is the next one's."""
        if self._turns:
            self._turns.release()
        self._turns = None


class AdmissionControl:
    """The turns of one process, first come, first served."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._turns = asyncio.Semaphore(at_once)

    async def acquire(self) -> Slot:
        """Waits for one. Raises `Busy` after `WITHIN_S`."""
        queued = self._turns.locked()
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._turns.acquire()
        except TimeoutError:
            raise Overloaded(
                f"{self._at_once:,} requests are taken in at a time, and none was done within {WITHIN_S:g} s; "
                "nothing was made of this one"
            ) from None
        return Slot(self._turns, queued=queued)


_SMALL_BYTES = 65_536
_SILENCE_S = 20.0


class Uploads:
    """The room for the bodies of one process, first come, first served."""

    def __init__(self, settings: PublisherSettings) -> None:
        self.body_limit_bytes = settings.body_limit_bytes
        self.body_within_s = settings.body_within_s
        self._limit_bytes = max(settings.bodies_limit_bytes, settings.body_limit_bytes)
        self._free_bytes = self._limit_bytes
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size_bytes: int) -> None:
        """Wait for room. Raises `Busy` after `WITHIN_S`."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((size_bytes, turn))
        self._serve()
        try:
            async with asyncio.timeout(WITHIN_S):
                await turn
        except TimeoutError:
            if turn.cancelled():
                raise Overloaded(
                    f"Bodies of {self._limit_bytes:,} bytes in all are read at a time, and there was no room within "
                    f"{WITHIN_S:g} s; nothing was made of this one"
                ) from None
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came in the same turn of the loop
                self.give_back(size_bytes)
            raise
        finally:
            self._serve()

    def give_back(self, size_bytes: int) -> None:
        """The next ones may have it."""
        self._free_bytes += size_bytes
        self._serve()

    def _serve(self) -> None:
        while self._queue:
            size_bytes, turn = self._queue[0]
            if not turn.done():
                if size_bytes > self._free_bytes:
                    return
                self._free_bytes -= size_bytes
                turn.set_result(None)
            self._queue.popleft()


class Upload:
    """One body. Its room is given back when it is given up, or the context ends."""

    __slots__ = ("_held_bytes", "_uploads")

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._held_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """It needs its room no more."""
        if self._held_bytes:
            self._uploads.give_back(self._held_bytes)
        self._held_bytes = 0

    async def read(self, call: Request[Any]) -> bytes:
        """The body. Not `call.body()`, which keeps it for as long as the call lasts. Raises `TooSlow` and `Busy`."""
        said = call.headers.get("content-length", "")
        if said.isdigit() and int(said) > _SMALL_BYTES:
            await self._hold(int(said))
        within_s, loop = self._uploads.body_within_s, asyncio.get_running_loop()
        deadline, parts, size_bytes = loop.time() + within_s, list[bytes](), 0
        try:
            async with asyncio.timeout(min(within_s, _SILENCE_S)) as timeout:
                async for part in call.stream():
                    parts.append(part)
                    size_bytes += len(part)
                    if size_bytes > _SMALL_BYTES and not self._held_bytes:
                        timeout.reschedule(None)
                        await self._hold(self._uploads.body_limit_bytes)
                    timeout.reschedule(min(deadline, loop.time() + _SILENCE_S))
        except TimeoutError:
            waited = f"within {within_s:g} s" if loop.time() >= deadline else f"without a pause of {_SILENCE_S:g} s"
            raise TooSlow(f"The body must arrive {waited}") from None
        return b"".join(parts)

    async def _hold(self, size_bytes: int) -> None:
        await self._uploads.take(size_bytes)
        self._held_bytes = size_bytes
