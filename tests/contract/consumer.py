"""Another process that consumes a subscription until it is killed. The parent reads its lines.

`python -m tests.contract.consumer MODULE:OPENER URL DEADLINE_S SUBSCRIPTION` prints "ready" and, for each message, its
text and its attempt. It settles nothing.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib import import_module

from infra.adapters import Adapters
from schemas.ports import Bus, Subscription
from tests.support.processes import ROOT, Streamed, fork_streamed

PATIENCE_S = 30.0
REAL = "tests.contract.consumer:open_real"


async def open_real(adapters: Adapters, url: str, ack_deadline_s: float) -> Bus:
    """Open the bus as a service does."""
    return await adapters.bus(url, ack_deadline_s=ack_deadline_s)


class Consumer:
    """A consuming process as its parent sees it."""

    def __init__(self, process: Streamed) -> None:
        self._process = process

    async def read(self) -> str:
        """Return the next line that it printed."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            return (await self._process.stdout.readline()).decode().strip()

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def consumer(opener: str, url: str, deadline_s: float, subscription: Subscription) -> AsyncIterator[Consumer]:
    """Start one that has subscribed. Leaving the block kills it."""
    arguments = (opener, url, str(deadline_s), json.dumps(asdict(subscription)))
    process = await fork_streamed(
        "tests.contract.consumer", *arguments, stdout=PIPE, stderr=2, env=os.environ, cwd=ROOT
    )
    child = Consumer(process)
    try:
        assert await child.read() == "ready"
        yield child
    finally:
        await child.kill()


async def _consume(opener: str, url: str, deadline_s: str, subscription: str) -> None:
    module, _, name = opener.partition(":")
    async with Adapters() as adapters:
        bus = await getattr(import_module(module), name)(adapters, url, float(deadline_s))
        wanted = Subscription(**json.loads(subscription))
        if not wanted.ephemeral:
            await bus.ensure(wanted)
        async with bus.subscribe(wanted, limit=1) as flow:
            _say("ready")
            async for delivery in flow:
                _say(f"{delivery.message.data.decode()} {delivery.attempt}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_consume(*sys.argv[1:]))
