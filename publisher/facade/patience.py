"""Notices a caller who hangs up, while something else is waited for."""

import asyncio
from contextlib import suppress
from typing import NoReturn

from publisher.facade.state import Call
from schemas.errors import ReelbusError


class HungUp(ReelbusError):
    """The caller is gone. Its job goes on: it may be paid already, and the caller may come back for it."""


async def hangs_up(call: Call) -> NoReturn:
    """Waits for that. The body was read before. Raises `HungUp`."""
    while (await call.receive())["type"] != "http.disconnect":
        pass
    raise HungUp


async def still_there(call: Call) -> None:
    """Whether it hung up meanwhile, without waiting. Raises `HungUp`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(0):
            await hangs_up(call)
