"""What every store promises about parked jobs: they stay until they are removed, and the keys of a lane take turns."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from infra.adapters import Adapters
from schemas.ports import ParkedJobs
from schemas.wire.types import Priority
from tests.contract.conftest import ADAPTERS, store_of_each

Open = Callable[[], Awaitable[ParkedJobs]]
INTERACTIVE: Priority = "interactive"


@pytest.fixture(params=ADAPTERS)
async def open_parked(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """What each of several processes would open."""
    async with store_of_each(request, tmp_path, Adapters.jobs_parked) as open_store:
        yield open_store


@pytest.fixture
async def parked(open_parked: Open) -> ParkedJobs:
    return await open_parked()


async def park(parked: ParkedJobs, *job_ids: str, priority: Priority = INTERACTIVE) -> None:
    """Each under the key that its first letter is."""
    for job_id in job_ids:
        await parked.park(job_id, key=job_id[0], priority=priority)


async def order(parked: ParkedJobs, *, priority: Priority = INTERACTIVE, without: tuple[str, ...] = ()) -> list[str]:
    return [each.job_id for each in await parked.next(priority, limit=100, without=without)]


async def test_nothing_is_parked_at_first(parked: ParkedJobs) -> None:
    assert await order(parked) == []
    assert not await parked.holds("a1")
    await parked.remove("a1")


async def test_keys_take_turns(parked: ParkedJobs) -> None:
    await park(parked, "a1", "a2", "a3", "a4", "b1", "c1", "b2", "c2")
    assert await order(parked) == ["a1", "b1", "c1", "a2", "b2", "c2", "a3", "a4"]
    assert [each.key for each in await parked.next(INTERACTIVE, limit=3)] == ["a", "b", "c"]


async def test_a_key_that_comes_late_is_in_the_round_that_is_served_now(parked: ParkedJobs) -> None:
    await park(parked, "a1", "a2", "a3", "a4", "a5")
    for job_id in ("a1", "a2"):
        await parked.remove(job_id)
    await park(parked, "b1", "b2", "b3")
    assert await order(parked) == ["a3", "b1", "a4", "b2", "a5", "b3"]


async def test_a_key_gains_nothing_by_parking_one_job_at_a_time(parked: ParkedJobs) -> None:
    await park(parked, *(f"a{number}" for number in range(1, 6)), "b1")
    served = []
    for number in range(2, 6):
        served.append(first := (await order(parked))[0])
        await parked.remove(first)
        if first.startswith("b"):
            await park(parked, f"b{number}")
    assert [each[0] for each in served].count("b") == 2


async def test_left_out_keys_hide_no_other(parked: ParkedJobs) -> None:
    await park(parked, *(f"a{number}" for number in range(120)), *(f"b{number}" for number in range(3)))
    for number in range(3):
        await parked.remove(f"b{number}")
        await park(parked, f"b{number}")
    assert await order(parked, without=("a",)) == ["b0", "b1", "b2"]
    assert await order(parked, without=("a", "b")) == []


async def test_lanes_are_apart(parked: ParkedJobs) -> None:
    await park(parked, "a1", "a2")
    await park(parked, "a3", "b1", priority="batch")
    assert await order(parked) == ["a1", "a2"]
    assert await order(parked, priority="batch") == ["a3", "b1"]


async def test_a_job_that_is_parked_twice_keeps_its_place(parked: ParkedJobs) -> None:
    await park(parked, "a1", "a2", "b1", "a1")
    assert await order(parked) == ["a1", "b1", "a2"]


async def test_a_job_that_is_parked_again_costs_its_key_no_turn(parked: ParkedJobs) -> None:
    await park(parked, "a1", "b1", "a1", "a1", "a1", "a2", "b2", "b3")
    assert await order(parked) == ["a1", "b1", "a2", "b2", "b3"]


async def test_another_process_sees_what_is_parked_and_keeps_its_order(open_parked: Open) -> None:
    first, second = await open_parked(), await open_parked()
    await park(first, "a1", "a2", "a3")
    await park(second, "b1", "a4", "b2")
    assert await order(first) == await order(second) == ["a1", "b1", "a2", "b2", "a3", "a4"]
    assert await second.holds("a1")
    await second.remove("a1")
    assert not await first.holds("a1")


async def test_a_version_removes_only_what_was_read(parked: ParkedJobs) -> None:
    await park(parked, "a1")
    (read,) = await parked.next(INTERACTIVE, limit=1)
    await park(parked, "a1")
    await parked.remove("a1", version=read.version)
    assert await parked.holds("a1")
    (again,) = await parked.next(INTERACTIVE, limit=1)
    assert again.version != read.version
    await parked.remove("a1")
    await park(parked, "a1")
    await parked.remove("a1", version=again.version)
    assert await parked.holds("a1")
    (last,) = await parked.next(INTERACTIVE, limit=1)
    await parked.remove("a1", version=last.version)
    assert not await parked.holds("a1")
    await parked.remove("a1", version=last.version)


async def test_processes_that_park_at_once_lose_nothing(open_parked: Open) -> None:
    stores = [await open_parked() for _ in range(3)]
    names = [f"{key}{number}" for key in "abc" for number in range(5)]
    await asyncio.gather(*(park(store, name) for store in stores for name in names))
    assert sorted(await order(stores[0])) == names


async def test_ids_that_firestore_reserves_are_parked_too(parked: ParkedJobs) -> None:
    await parked.park("__id__", key="", priority=INTERACTIVE)
    assert await parked.holds("__id__")
    assert await order(parked, without=("a",)) == ["__id__"]


async def test_a_flood_that_is_parked_at_once_still_has_one_job_in_each_round(parked: ParkedJobs) -> None:
    flood = [f"a{number}" for number in range(32)]
    await asyncio.gather(*(park(parked, name) for name in flood))
    await park(parked, "b1", "b2")
    assert [name[0] for name in await order(parked)] == list("abab") + ["a"] * 30
