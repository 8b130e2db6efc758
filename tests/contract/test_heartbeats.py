"""What every store promises about the workers' signs of life, and what callers are told when there are none."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from infra.adapters import Adapters
from infra.clock import SystemClock
from publisher.worker_watch import SILENT_S, WorkerWatch
from schemas.errors import Unavailable
from schemas.ports import Heartbeats, LastBeat
from tests.contract.conftest import ADAPTERS, store_of_each

Open = Callable[[], Awaitable[Heartbeats]]


@pytest.fixture(params=ADAPTERS)
async def open_heartbeats(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """What each of several processes would open."""
    async with store_of_each(request, tmp_path, Adapters.heartbeats) as open_store:
        yield open_store


async def test_there_is_none_before_the_first(open_heartbeats: Open) -> None:
    heartbeats = await open_heartbeats()
    assert await heartbeats.last_beat() is None
    silence = await WorkerWatch(heartbeats, SystemClock()).silence()
    assert silence is not None
    assert (silence.words, silence.is_fresh) == ("no worker has been seen yet", True)


async def test_another_process_sees_the_newest(open_heartbeats: Open) -> None:
    worker, facade = await open_heartbeats(), await open_heartbeats()
    for owner in ("host-1-a", "host-2-b"):
        await _beat(worker, owner)
    last = await facade.last_beat()
    assert last is not None
    assert last.owner == "host-2-b"
    assert timedelta() <= last.read_at - last.at < timedelta(minutes=1)
    await _beat(worker, "host-1-a")
    again = await facade.last_beat()
    assert again is not None
    assert again.owner == "host-1-a"
    assert again.at > last.at
    assert await WorkerWatch(facade, SystemClock()).silence() is None


async def _beat(heartbeats: Heartbeats, owner: str) -> None:
    """An emulator takes long for its first write; and two beats are told apart by milliseconds."""
    while True:
        try:
            await heartbeats.beat(owner)
        except Unavailable:
            continue
        await asyncio.sleep(0.002)
        return


class Still:
    """Heartbeats that stopped so long ago."""

    def __init__(self, last: LastBeat, ago_s: float) -> None:
        self.last = replace(last, at=last.read_at - timedelta(seconds=ago_s))
        self.looks = 0

    async def beat(self, owner: str, report: str = "") -> None:
        raise NotImplementedError

    async def last_beat(self) -> LastBeat | None:
        self.looks += 1
        return self.last


NOW = SystemClock().now()
LAST = LastBeat(owner="w", at=NOW, read_at=NOW)


@pytest.mark.parametrize(
    ("ago_s", "words"),
    [
        (SILENT_S, "no worker has been seen for 2 minutes"),
        (3600, "no worker has been seen for 60 minutes"),
        (3 * 3600, "no worker has been seen for 3 hours"),
        (90 * 86_400, "no worker has been seen for 90 days"),
    ],
)
async def test_how_long_is_said_in_words(ago_s: float, words: str) -> None:
    silence = await WorkerWatch(Still(LAST, ago_s), SystemClock()).silence()
    assert silence is not None
    assert (silence.words, silence.is_fresh, silence.since) == (words, False, NOW - timedelta(seconds=ago_s))


async def test_many_callers_cost_one_look() -> None:
    still = Still(LAST, 0)
    watch = WorkerWatch(still, SystemClock())
    assert set(await asyncio.gather(*(watch.silence() for _ in range(1000)))) == {None}
    assert still.looks == 1
