"""SIGKILL of a courier at each of its steps: no event is lost, and a repeat has the same id and the same bytes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from schemas.domain.delivery import CLAIM, DeliveryState
from tests.courier.house import house_in
from tests.courier.receivers import Receiver, receiving

POINTS = {
    "before create": 1,
    "after create": 1,
    "before post": 1,
    "after post": 2,
    "before save": 2,
    "after save": 1,
}
"""Each point, and how often the receiver gets the event."""


@asynccontextmanager
async def courier(folder: Path, point: str, ahead_s: float = 0) -> AsyncIterator[asyncio.subprocess.Process]:
    """A courier process that runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.courier.launch", str(folder), point),
        env={**os.environ, "AHEAD_S": str(ahead_s)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        assert await process.stdout.readline() == b"running\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_courier_loses_nothing(tmp_path: Path, point: str) -> None:
    async with receiving(Receiver()) as receiver, house_in(tmp_path) as house:
        await house.end("j1", receiver.url)
        async with courier(tmp_path, point) as killed, asyncio.timeout(30):
            assert await killed.wait() == -signal.SIGKILL
        async with courier(tmp_path, "never", CLAIM.total_seconds() + 1), asyncio.timeout(60):
            while True:
                found = await house.deliveries()
                if found and found[0].state is DeliveryState.DELIVERED:
                    break
                await asyncio.sleep(0.05)
        await house.announce("j1")  # as `reconcile` may do: the event is known
        async with courier(tmp_path, "never"):
            await receiver.until(POINTS[point])
        assert len(await house.deliveries()) == 1
    assert len(receiver.got) == POINTS[point]
    assert {headers["webhook-id"] for headers, _ in receiver.got} == {"j1-1-failed"}
    assert len({body for _, body in receiver.got}) == 1
