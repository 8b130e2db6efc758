"""A director in a process of its own that kills itself at one point: `python -m tests.films.launch FOLDER POINT`.

A point is `before` or `after`, a port and its verb, and a number: `before films.save 2`.
"""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from tests.films.house import House, house_in


class Tap:
    """A port whose process is killed before or after one call."""

    def __init__(self, port: str, target: object, point: str) -> None:
        self._port, self._target, self._point = port, target, point
        self._calls = Counter[str]()

    def __getattr__(self, verb: str) -> Any:
        found: Callable[..., Any] = getattr(self._target, verb)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def call(*given: Any, **named: Any) -> Any:
            self._calls[verb] += 1
            step = f"{self._port}.{verb} {self._calls[verb]}"
            self._pass(f"before {step}")
            answer = await cast("Awaitable[Any]", found(*given, **named))
            self._pass(f"after {step}")
            return answer

        return call

    def _pass(self, point: str) -> None:
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)


async def run(folder: Path, point: str) -> None:
    """Run until killed."""
    async with house_in(folder) as house:
        ports = {name: Tap(name, getattr(house.ctx, name), point) for name in ("bus", "jobs", "films", "videos")}
        ctx = replace(house.ctx, **cast("Any", ports))
        async with House(house.desk, ctx, folder).directing():
            print("running", flush=True)  # noqa: T201
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))
