"""Reads bodies: within a time, and never more bytes at once, in all of them together, than the settings say.

What is small is read at once, so that uploads hold up no ordinary call. The room of a large one is kept until its image
is stored: to read JSON of 28 MB takes several times as much.
"""

import asyncio
from collections import deque
from typing import Any, Self

from starlette.requests import Request

from publisher.facade.intake import WITHIN_S, Busy
from publisher.facade.limits import TooSlow
from publisher.settings import PublisherSettings

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
                raise Busy(
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
        self.give_up()

    def give_up(self) -> None:
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
