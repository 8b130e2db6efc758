"""A Node process that uses the package as its callers would, to be asked, watched and killed."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import House

DRIVE = Path(__file__).with_name("drive.js")
_LINE_AT_MOST = 64_000_000


class Refused(Exception):
    """What the package threw."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["stack"])
        self.message: str = error["message"]
        self.error = error


@dataclass
class Node:
    """One process. `news` holds what came before the answers."""

    process: asyncio.subprocess.Process
    news: "asyncio.Queue[dict[str, Any]]" = field(default_factory=asyncio.Queue)
    _answers: "dict[int, asyncio.Future[Any]]" = field(default_factory=dict)

    def ask(self, call: str, *args: Any) -> "asyncio.Future[Any]":
        """The answer to come. Raises `Refused` there."""
        number = len(self._answers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        self._say({"id": number, "call": call, "args": args})
        return self._answers[number]

    async def call(self, call: str, *args: Any) -> Any:
        """The answer."""
        return await self.ask(call, *args)

    def abort(self, number: int) -> None:
        """Ends the wait of the call with this number, the first being 0."""
        self._say({"abort": number})

    async def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        await self.process.wait()

    async def listen(self) -> None:
        """Takes lines until the process ends."""
        assert self.process.stdout
        async for line in self.process.stdout:
            told = json.loads(line)
            if "news" in told:
                self.news.put_nowait(told["news"])
            elif "error" in told:
                self._answers[told["id"]].set_exception(Refused(told["error"]))
            else:
                self._answers[told["id"]].set_result(told["value"])

    def _say(self, line: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(line).encode() + b"\n")


@asynccontextmanager
async def node(address: str, *, variables: dict[str, str] | None = None, **options: Any) -> AsyncIterator[Node]:
    """A Node process with a client of this address. What it writes to stderr is the test's."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(DRIVE),
        address,
        json.dumps(options),
        # An emulator asks for no credentials, but Google's library looks for a machine that would have some.
        env={**os.environ, "METADATA_SERVER_DETECTION": "none", "REELBUS_URL": address, **(variables or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_AT_MOST,
    )
    driven = Node(process)
    listening = asyncio.create_task(driven.listen())
    try:
        yield driven
    finally:
        await _ended(process)
        await listening


async def _ended(process: asyncio.subprocess.Process) -> None:
    """By itself once nobody asks any more; a process that doesn't end is a fault of the package."""
    assert process.stdin
    process.stdin.close()
    try:
        async with asyncio.timeout(20):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def refusal(asking: "asyncio.Future[Any]") -> dict[str, Any]:
    """What the package throws in the end: always its own error."""
    with pytest.raises(Refused) as caught:
        await asking
    assert caught.value.error["isOurs"], caught.value
    return caught.value.error


async def logged(house: House, action: str, *, times: int = 1) -> None:
    """Until the house's log has it."""
    await until(lambda: sum(line.get("action") == action for line in house.logged()) >= times)


async def until(happened: Callable[[], bool]) -> None:
    """Until it has happened."""
    while True:
        if happened():
            return
        await asyncio.sleep(0.02)
