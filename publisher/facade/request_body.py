"""The body of a request: its limits, the memory for uploads, and admission control.

`BodyLimit` and `ContentType` refuse a body before it is read. `Uploads` limits the bytes of all bodies that are read at
the same time. A small body needs no room, so uploads do not delay ordinary calls. A large one has its room until its
image is stored, because parsing JSON of 28 MB takes several times as much memory.

`AdmissionControl` limits how many requests are processed at the same time; further ones queue. A request needs much
memory while it is parsed, checked and stored, and the process would keep the memory of a burst of thousands. A queued
request costs its body and little more.
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
    """Refuses a Content-Length that is too large, and counts the bytes that arrive. Raises `TooLarge`."""

    def __init__(self, app: ASGIApp, *, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        said = Headers(scope=scope).get("content-length", "0")
        # The server refuses a Content-Length that is not a number. One of 20 digits counts as too large.
        is_short = said.isascii() and said.isdigit() and len(said) < 20
        _check_size(int(said) if is_short else 1 << 62, self._limit_bytes)
        return self._app(scope, _BodyLimitResponder(receive, self._limit_bytes).receive, send)


class _BodyLimitResponder:
    """Wraps `receive` for one call, and counts the bytes of its body."""

    __slots__ = ("_limit_bytes", "_receive", "_seen_bytes")

    def __init__(self, receive: Receive, limit_bytes: int) -> None:
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._seen_bytes: int | None = 0
        """None after the last part."""

    def receive(self) -> Awaitable[Message]:
        return self._receive() if self._seen_bytes is None else self._receive_part(self._seen_bytes)

    async def _receive_part(self, seen_bytes: int) -> Message:
        message = await self._receive()
        seen_bytes += len(message.get("body", b""))
        _check_size(seen_bytes, self._limit_bytes)
        self._seen_bytes = seen_bytes if message.get("more_body") else None
        return message


def _check_size(size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise TooLarge(f"The body must have at most {limit_bytes:,} bytes")


_POST_PATH_ENDS = ("/generate", "/batch", "/plan", "/replay", "/resolve", "/erase", "/films", "/retake")
"""The ends of the paths of the API that accept a POST, whatever path a proxy puts before them."""


def _takes_json(path: str) -> bool:
    return "/api/" in path and path.rstrip("/").endswith(_POST_PATH_ENDS)


class ContentType:
    """Requires JSON for a POST: a foreign page can't send it without a preflight. Raises `UnsupportedType`.

    A path that accepts no POST is left to the router, which answers 404 or 405.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] == "POST" and _takes_json(scope["path"]):
            headers = Headers(scope=scope)
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
                raise UnsupportedType(f"Send application/json, not {kind[:80] or 'a body without a Content-Type'}")
            if headers.get("content-encoding", "identity").lower() != "identity":
                raise UnsupportedType("Send the body without a Content-Encoding")
        return self._app(scope, receive, send)


WITHIN_S = 30.0
"""How long a request waits for a slot, and a large body for room."""


class Overloaded(Unavailable):
    """Too many requests arrive; no job was made of this one."""


class Slot:
    """The permission to process one request, until it is released or the context ends."""

    __slots__ = ("_slots", "queued")

    def __init__(self, slots: asyncio.Semaphore, *, queued: bool) -> None:
        self._slots: asyncio.Semaphore | None = slots
        self.queued = queued
        """True if the request had to queue: the caller may have disconnected meanwhile."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Give the slot to the next request."""
        if self._slots:
            self._slots.release()
        self._slots = None


class AdmissionControl:
    """The slots of one process. Requests get them in the order of their arrival."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._slots = asyncio.Semaphore(at_once)

    async def acquire(self) -> Slot:
        """Wait for a slot. Raises `Overloaded` after `WITHIN_S`."""
        queued = self._slots.locked()
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._slots.acquire()
        except TimeoutError:
            raise Overloaded(
                f"{self._at_once:,} requests are processed at a time, and no slot became free within {WITHIN_S:g} s; "
                "no job was made of this request"
            ) from None
        return Slot(self._slots, queued=queued)


_SMALL_BYTES = 65_536
_SILENCE_S = 20.0
FLOOR_BYTES_PER_S = 1_000
FLOOR_AFTER_S = 10.0
"""A body that arrives more slowly, on average, is refused after so long: it would hold a connection and memory for two
minutes. The slowest links in use, such as GPRS, carry several times as much; a body of 10 kB has `FLOOR_AFTER_S`."""


def next_part_within(size_bytes: int, passed_s: float, *, within_s: float, waited_s: float = 0) -> tuple[float, str]:
    """Return by when the next part of a body must arrive, in seconds since the first one was awaited, and the rule.

    `size_bytes` have arrived in `passed_s`. For `waited_s` of them the facade read nothing: they count for no rate.
    """
    return min(
        (within_s, f"within {within_s:g} s"),
        (passed_s + _SILENCE_S, f"without a pause of {_SILENCE_S:g} s"),
        (
            waited_s + max(FLOOR_AFTER_S, size_bytes / FLOOR_BYTES_PER_S),
            f"at {FLOOR_BYTES_PER_S:,} bytes a second or more",
        ),
    )


class Uploads:
    """The room for the bodies of one process. Bodies get it in the order of their arrival."""

    def __init__(self, settings: PublisherSettings) -> None:
        self.body_limit_bytes = settings.body_limit_bytes
        self.body_within_s = settings.body_within_s
        self._limit_bytes = max(settings.bodies_limit_bytes, settings.body_limit_bytes)
        self._free_bytes = self._limit_bytes
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size_bytes: int) -> None:
        """Reserve room for a body. Raises `Overloaded` after `WITHIN_S`."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((size_bytes, turn))
        self._serve()
        try:
            async with asyncio.timeout(WITHIN_S):
                await turn
        except TimeoutError:
            if turn.cancelled():
                raise Overloaded(
                    f"Bodies of {self._limit_bytes:,} bytes in all are read at a time, and no room became free within "
                    f"{WITHIN_S:g} s; no job was made of this request"
                ) from None
        except asyncio.CancelledError:
            if not turn.cancelled():  # the room was granted in the same turn of the loop
                self.give_back(size_bytes)
            raise
        finally:
            self._serve()

    def give_back(self, size_bytes: int) -> None:
        """Return room, and serve the queue."""
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
    """One body. Its room is returned on `release`, or when the context ends."""

    __slots__ = ("_held_bytes", "_uploads")

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._held_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Return the room."""
        if self._held_bytes:
            self._uploads.give_back(self._held_bytes)
        self._held_bytes = 0

    async def read(self, call: Request[Any]) -> bytes:
        """Return the body. `call.body()` would keep it as long as the call lasts. Raises `TooSlow` and `Overloaded`."""
        said = call.headers.get("content-length", "")
        if said.isdigit() and int(said) > _SMALL_BYTES:
            await self._hold(int(said))
        within_s, now = self._uploads.body_within_s, asyncio.get_running_loop().time
        began = now()
        parts, size_bytes, waited_s = list[bytes](), 0, 0.0
        until_s, rule = next_part_within(0, 0, within_s=within_s)
        try:
            async with asyncio.timeout_at(began + until_s) as timeout:
                async for part in call.stream():
                    parts.append(part)
                    size_bytes += len(part)
                    if size_bytes > _SMALL_BYTES and not self._held_bytes:
                        timeout.reschedule(None)
                        asked_at = now()
                        await self._hold(self._uploads.body_limit_bytes)
                        waited_s = now() - asked_at
                    until_s, rule = next_part_within(size_bytes, now() - began, within_s=within_s, waited_s=waited_s)
                    timeout.reschedule(began + until_s)
        except TimeoutError:
            raise TooSlow(f"The body must arrive {rule}") from None
        return b"".join(parts)

    async def _hold(self, size_bytes: int) -> None:
        await self._uploads.take(size_bytes)
        self._held_bytes = size_bytes
