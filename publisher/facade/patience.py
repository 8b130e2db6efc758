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
    leaving = asyncio.create_task(_left(call))
    try:
        async with asyncio.timeout(None) as stay:

            def let_go(_: object) -> None:
                stay.reschedule(0)

            leaving.add_done_callback(let_go)
            try:
                return await wanted  # in no task of its own: ten thousand wait at once
            finally:
                leaving.remove_done_callback(let_go)
    except TimeoutError:
        if stay.expired():
            raise HungUp from None
        raise
    finally:
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)


async def _left(call: Call) -> None:
    while (await call.receive())["type"] != "http.disconnect":
        pass
