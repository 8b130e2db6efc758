"""Takes in so many requests at a time, and lets the others queue.

A request is large while it is read, checked and stored. A burst of thousands would hold all of them at once, and the
process would keep that memory; one who queues costs its body and little more, and is served no later.
"""

import asyncio
from typing import Self

from schemas.errors import Unavailable

WITHIN_S = 30.0


class Busy(Unavailable):
    """Too many requests come in; nothing was made of this one."""


class Turn:
    """One request's, until it is given up, or the context ends."""

    __slots__ = ("_turns", "queued")

    def __init__(self, turns: asyncio.Semaphore, *, queued: bool) -> None:
        self._turns: asyncio.Semaphore | None = turns
        self.queued = queued
        """Whether it took time: the caller may be gone."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_up()

    def give_up(self) -> None:
        """It is the next one's."""
        if self._turns:
            self._turns.release()
        self._turns = None


class Intake:
    """The turns of one process, first come, first served."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._turns = asyncio.Semaphore(at_once)

    async def turn(self) -> Turn:
        """Waits for one. Raises `Busy` after `WITHIN_S`."""
        queued = self._turns.locked()
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._turns.acquire()
        except TimeoutError:
            raise Busy(
                f"{self._at_once:,} requests are taken in at a time, and none was done within {WITHIN_S:g} s; "
                "nothing was made of this one"
            ) from None
        return Turn(self._turns, queued=queued)
