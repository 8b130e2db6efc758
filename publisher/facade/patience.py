"""Goes on with what a caller waits for, as long as the caller is still there."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from publisher.facade.state import Call
from schemas.errors import ReelbusError

T = TypeVar("T")


class HungUp(ReelbusError):
    """The caller is gone. Its job goes on: it may be paid already, and the caller may come back for it."""


async def unless_gone(call: Call, wanted: Coroutine[Any, Any, T]) -> T:
    """What is wanted. The body was read before. Raises `HungUp`."""
    waiting = asyncio.create_task(wanted)
    leaving = asyncio.create_task(_left(call))
    try:
        await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        raise HungUp
    finally:
        waiting.cancel()
        leaving.cancel()
        await asyncio.gather(waiting, leaving, return_exceptions=True)


async def _left(call: Call) -> None:
    while (await call.receive())["type"] != "http.disconnect":
        pass
