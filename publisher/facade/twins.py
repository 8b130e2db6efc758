"""Gives identical callers without a key a moment, before a second job is made for what may be one caller's retry.

A caller that hangs up and calls again at once is here before its first call is known to be gone, and so before the
record promises it anything. This holds inside one process; the promise itself lies in the record.
"""

import asyncio
from collections.abc import Hashable
from contextlib import suppress
from typing import Self

MOMENT_S = 0.3


class _Crowd:
    """Callers with one and the same request, in the order in which they came."""

    __slots__ = ("_stirred", "present", "promises")

    def __init__(self) -> None:
        self.present: dict[Twin, None] = {}
        self.promises = 0
        self._stirred: asyncio.Event | None = None

    async def stirred(self) -> None:
        """Until something changes here."""
        self._stirred = self._stirred or asyncio.Event()
        await self._stirred.wait()

    def stir(self) -> None:
        if self._stirred:
            self._stirred.set()
            self._stirred = None


class Twin:
    """One of them, here until it leaves, or the context ends."""

    __slots__ = ("_asked", "_crowd", "_promises_before", "_twins")

    def __init__(self, twins: "Twins", asked: Hashable, crowd: _Crowd) -> None:
        self._twins = twins
        self._asked = asked
        self._crowd = crowd
        self._promises_before = crowd.promises

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """The caller is gone. To be called once."""
        self._twins.left(self._asked, self)

    async def moment(self) -> None:
        """Until one who was here before is promised an answer, or all of them are gone; `MOMENT_S` at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(MOMENT_S):
                while self.must_wait:
                    await self._crowd.stirred()

    @property
    def must_wait(self) -> bool:
        """Whether it is not alone, and nobody was promised anything since it came."""
        is_first = next(iter(self._crowd.present)) is self
        return not is_first and self._crowd.promises == self._promises_before


class Twins:
    """The callers without an idempotency key in this process, by who they are and what they ask for."""

    def __init__(self) -> None:
        self._crowds: dict[Hashable, _Crowd] = {}

    def joined(self, asked: Hashable) -> Twin:
        """One more of those who ask for this."""
        crowd = self._crowds.setdefault(asked, _Crowd())
        twin = Twin(self, asked, crowd)
        crowd.present[twin] = None
        return twin

    def left(self, asked: Hashable, twin: Twin) -> None:
        """One of them is gone."""
        crowd = self._crowds[asked]
        del crowd.present[twin]
        crowd.stir()
        if not crowd.present:
            del self._crowds[asked]

    def promised(self, asked: Hashable) -> None:
        """One of them went without an answer, and its record says so."""
        if crowd := self._crowds.get(asked):
            crowd.promises += 1
            crowd.stir()
