"""What every store promises about the money that it holds back: all or nothing with the job, and never taken twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.adapters import Adapters
from infra.clock import SystemClock
from schemas.domain.budget import SLICES_AT_MOST, BudgetShard, Limit
from schemas.domain.job import Job, new_job
from schemas.domain.states import JobState
from schemas.errors import Conflict, Unavailable
from schemas.ports import Budgets, JobStore
from schemas.services.update import get_job
from subscriber.budget_guard import BudgetGuard
from subscriber.context import WorkerContext
from subscriber.submission import submit_next
from tests.contract.conftest import ADAPTERS, store_of_each
from tests.worker.bench import Bench, a_request, bench_in
from tests.worker.paid_model import PRICE

WORKERS = 20
FITS = 25
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
TEN = Limit.model_validate({"scope": "all", "period": "month", "limit_usd": "10"})


@dataclass(frozen=True)
class Stores:
    """The two stores of one process."""

    jobs: JobStore
    budgets: Budgets

    async def queued(self, job_id: str = "j1") -> Job:
        return await self.jobs.create(new_job(a_request(job_id=job_id), NOON))

    async def slice(self, name: str = "all~2026-01~0") -> BudgetShard:
        (found,) = await self.budgets.read([name])
        return found


class Noon(SystemClock):
    """It stays in one period."""

    def now(self) -> datetime:
        return NOON


Open = Callable[[], Awaitable[Stores]]


@pytest.fixture(params=ADAPTERS)
async def open_stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """What each of several processes would open."""

    async def both(adapters: Adapters, url: str) -> Stores:
        return Stores(await adapters.jobs(url), await adapters.budgets(url))

    async with store_of_each(request, tmp_path, both) as open_both:
        yield open_both


@pytest.fixture
async def stores(open_stores: Open) -> Stores:
    return await open_stores()


def used(found: BudgetShard, usd: str) -> BudgetShard:
    return replace(found, terms="10/8", allotted=Decimal("1.25"), used=Decimal(usd))


async def test_a_slice_that_was_never_stored_is_empty(stores: Stores) -> None:
    names = ["all~2026-01~3", "project:ä/b~2026-01-31~0".replace("/", ":"), "label:a=b~2026-01~1"]
    assert await stores.budgets.read(names) == [BudgetShard(name=name) for name in names]


async def test_slices_come_back_in_the_order_in_which_they_were_asked_for(stores: Stores) -> None:
    job = await stores.queued()
    amounts = {"label:a=b~2026-01~1": "0.1", "all~2026-01~3": "0.000001", "project:ä~2026-01-31~0": "1.2345678901"}
    await stores.budgets.reserve(job, [used(BudgetShard(name=name), usd) for name, usd in amounts.items()])
    found = await stores.budgets.read(["all~2026-01~0", *reversed(amounts)])
    assert [each.name for each in found] == ["all~2026-01~0", *reversed(amounts)]
    assert [each.used for each in found] == [0, *map(Decimal, reversed(amounts.values()))]
    assert {(each.terms, each.allotted) for each in found[1:]} == {("10/8", Decimal("1.25"))}
    assert all(each.revision for each in found[1:])


async def test_a_job_is_saved_together_with_what_it_takes(stores: Stores) -> None:
    job = await stores.queued()
    saved = await stores.budgets.reserve(
        job.model_copy(update={"waiting_for": "quota"}), [used(await stores.slice(), "0.4")]
    )
    found = await stores.jobs.get("j1")
    assert found is not None
    assert (found.waiting_for, found.revision) == ("quota", saved.revision)
    assert saved.revision != job.revision
    again = await stores.budgets.reserve(saved, [used(await stores.slice(), "0.8")])
    assert (await stores.jobs.save(again)).revision != again.revision
    assert (await stores.slice()).used == Decimal("0.8")


async def test_a_job_that_moved_takes_nothing(stores: Stores) -> None:
    job = await stores.queued()
    await stores.jobs.save(job)
    with pytest.raises(Conflict):
        await stores.budgets.reserve(job, [used(await stores.slice(), "0.4")])
    assert await stores.slice() == BudgetShard(name="all~2026-01~0")


@pytest.mark.parametrize("known", [False, True])
async def test_a_slice_that_moved_leaves_job_and_other_slices_as_they_were(stores: Stores, known: bool) -> None:
    job = await stores.queued()
    if known:
        job = await stores.budgets.reserve(job, [used(await stores.slice(), "0.1")])
    stale, other = await stores.slice(), await stores.slice("all~2026-01~1")
    job = await stores.budgets.reserve(job, [used(stale, "0.2")])
    with pytest.raises(Conflict):
        await stores.budgets.reserve(job.model_copy(update={"checks": 9}), [used(other, "0.4"), used(stale, "0.4")])
    found = await stores.jobs.get("j1")
    assert found is not None
    assert (found.checks, found.revision) == (0, job.revision)
    assert (await stores.slice()).used == Decimal("0.2")
    assert await stores.slice("all~2026-01~1") == other


async def test_what_is_given_back_replaces_only_what_was_read(stores: Stores) -> None:
    await stores.budgets.reserve(await stores.queued(), [used(await stores.slice(), "0.8")])
    read = await stores.slice()
    await stores.budgets.give_back(used(read, "0.4"))
    with pytest.raises(Conflict):
        await stores.budgets.give_back(used(read, "0"))
    assert (await stores.slice()).used == Decimal("0.4")


@pytest.mark.parametrize("slices", [1, 8])
async def test_twenty_workers_that_race_use_a_limit_up_and_never_overspend(
    open_stores: Open, tmp_path: Path, slices: int
) -> None:
    """$10 at $0.40: 25 clips, whoever sends them."""
    limit = TEN.model_copy(update={"slices": slices})
    async with bench_in(tmp_path / "bench", b"") as bench:
        workers = [await open_stores() for _ in range(WORKERS)]
        ended = await asyncio.gather(*(_two_jobs(bench, stores, limit, n) for n, stores in enumerate(workers)))
    jobs = [job for pair in ended for job in pair]
    assert len(bench.model.accepted) == FITS
    assert sorted({job.state for job in jobs}) == [JobState.FAILED, JobState.GENERATING]
    assert {job.failure.code for job in jobs if job.failure} == {"budget_exceeded"}
    names = limit.slice_names(NOON)
    found = await workers[0].budgets.read(names)
    assert len(found) == SLICES_AT_MOST
    assert sum(each.used for each in found) == FITS * PRICE == limit.limit_usd
    assert all(each.used <= each.allotted for each in found)
    held = [part for job in jobs for clip in job.clips for part in clip.reserved]
    assert {name: sum(part.usd for part in held if part.name == name) for name in names} == {
        each.name: each.used for each in found
    }


async def _two_jobs(bench: Bench, stores: Stores, limit: Limit, number: int) -> list[Job]:
    """What one worker makes of its two jobs, with stores of its own."""
    changes: dict[str, Any] = {"jobs": stores.jobs, "guard": BudgetGuard((limit,), stores.budgets), "clock": Noon()}
    ctx = replace(bench.ctx, **changes)
    bench.ctx.rate_limiter.per_minute = 60_000
    return [await _patiently(ctx, await stores.queued(f"job-{number}-{nth}")) for nth in range(2)]


async def _patiently(ctx: WorkerContext, job: Job) -> Job:
    """A worker decides again after a doubt: an emulator under load lets a commit run into its time limit."""
    while True:
        try:
            return await submit_next(ctx, job)
        except (Conflict, Unavailable):
            job = await get_job(ctx.jobs, job.job_id)
