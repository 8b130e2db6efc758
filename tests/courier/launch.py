"""A courier in a process of its own that kills itself at one point: `python -m tests.courier.launch FOLDER POINT`.

Points: `before` or `after`, and `create`, `post` or `save`; or `never`. `AHEAD_S` in the environment sets its clock
ahead, so that the claim of a killed courier has expired.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from infra.clock import SystemClock
from schemas.ports import Deliveries, Poster
from tests.courier.house import House, house_in


class ClockAhead(SystemClock):
    """The clock of a later moment."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=float(os.environ.get("AHEAD_S", "0")))


class Tap:
    """A port whose process is killed before or after one call."""

    def __init__(self, target: object, point: str) -> None:
        self._target, self._point = target, point

    def __getattr__(self, verb: str) -> Any:
        found: Callable[..., Awaitable[Any]] = getattr(self._target, verb)

        async def call(*given: Any, **named: Any) -> Any:
            self._pass(f"before {verb}")
            answer = await found(*given, **named)
            self._pass(f"after {verb}")
            return answer

        return call

    def _pass(self, point: str) -> None:
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)


async def run(folder: Path, point: str) -> None:
    """Run until killed."""
    async with house_in(folder, clock=ClockAhead()) as house:
        deliveries = cast("Deliveries", Tap(house.ctx.deliveries, point))
        poster = cast("Poster", Tap(house.ctx.poster, point))
        async with House(replace(house.ctx, deliveries=deliveries, poster=poster)).running():
            print("running", flush=True)  # noqa: T201
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))
