"""Slots that are handed out in the order of a `FairQueue`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from subscriber.fair_queue import FairQueue, Share


@dataclass(slots=True)
class FairSlots:
    """A semaphore that is fair between keys and lanes."""

    free: int
    _waiting: FairQueue[asyncio.Future[None]] = field(default_factory=FairQueue)

    @asynccontextmanager
    async def hold(self, share: Share) -> AsyncIterator[None]:
        """Wait for a slot, and hold it."""
        if self.free and not self._waiting:
            self.free -= 1
        else:
            await self._wait(share)
        try:
            yield
        finally:
            self._release()

    async def _wait(self, share: Share) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(share, waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not self._waiting.remove(share, waiter):
                self._release()  # it was served and cancelled in the same moment
            raise

    def _release(self) -> None:
        waiter = self._waiting.take()
        if waiter is None:
            self.free += 1
        elif not waiter.done():  # a cancelled one is about to release the slot again
            waiter.set_result(None)
