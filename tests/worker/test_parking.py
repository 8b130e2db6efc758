"""Jobs that wait for their key's turn: what may be parked, and what becomes of a parked job."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.adapters import Adapters
from publisher.compose import open_context
from publisher.settings import PublisherSettings
from publisher.submit import publish_if_due
from schemas.domain import events as ev
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.ports import WORKERS, ParkedJobs
from schemas.services.update import save_event, update_job
from schemas.wire.completion import Outcome
from schemas.wire.message import encode_request
from subscriber.context import WorkerContext
from subscriber.fairness import LaneLoad, share_of
from subscriber.parking import Parking
from subscriber.rate_limit import SubmitRateLimiter
from subscriber.reconcile import reconcile
from tests.worker.bench import Bench
from tests.worker.paid_model import QUOTA

LONG_AGO = timedelta(minutes=10)


@dataclass(frozen=True)
class Lot:
    """A worker that has one job of another key, and so has room for one job more of each lane."""

    bench: Bench
    ctx: WorkerContext
    store: ParkedJobs
    parking: Parking

    async def admitted(self, job: Job) -> bool:
        return await self.parking.admit(job) is not None

    async def parked(self, job_id: str = "job-1", **fields: Any) -> Job:
        """A parked job."""
        full = self.parking.lanes["interactive"]
        full.start("other", "other-1")
        full.start("other", "other-2")
        job = await self.bench.queued(job_id=job_id, **fields)
        assert not await self.admitted(job)
        full.end("other")
        full.end("other")
        return await self.bench.job(job_id)

    async def bring_back(self) -> None:
        await self.parking.bring_back(self.parking.lanes["interactive"])

    async def in_bus(self) -> list[str]:
        return [each["job_id"] for each in await self.ctx.bus.list_waiting(WORKERS)]


@pytest.fixture
async def lot(bench: Bench, tmp_path: Path) -> AsyncIterator[Lot]:
    async with Adapters() as adapters:
        store = await adapters.jobs_parked(f"sqlite://{tmp_path}/reelbus.db")
        ctx = replace(bench.ctx, parked=store)
        lanes = {"interactive": LaneLoad("interactive", 2), "batch": LaneLoad("batch", 2)}
        yield Lot(bench, ctx, store, Parking(ctx, store, lanes))  # type: ignore[arg-type]


async def test_a_parked_job_says_what_it_waits_for_and_comes_back(lot: Lot) -> None:
    job = await lot.parked()
    assert (job.state, job.waiting_for) == (JobState.QUEUED, "turn")
    assert await lot.store.holds("job-1")
    await lot.bring_back()
    assert await lot.in_bus() == ["job-1"]
    assert not await lot.store.holds("job-1")
    assert await lot.admitted(job)
    assert lot.parking.lanes["interactive"].held.total() == 1


async def test_a_job_that_was_brought_back_is_not_parked_again(lot: Lot) -> None:
    job = await lot.parked()
    await lot.bring_back()
    another = Parking(lot.ctx, lot.store, {"interactive": LaneLoad("interactive", 1)})
    another.lanes["interactive"].start("other", "other-1")
    assert await another.admit(job) is job
    assert not await lot.store.holds("job-1")


async def test_a_duplicate_of_a_parked_jobs_message_changes_nothing(lot: Lot) -> None:
    job = await lot.parked()
    (read,) = await lot.store.next("interactive", limit=10)
    assert not await lot.admitted(job)
    await lot.store.remove("job-1", version=read.version)  # by another worker that has just published it
    assert await lot.store.holds("job-1")
    await lot.bring_back()
    assert await lot.in_bus() == ["job-1"]


@pytest.mark.parametrize("case", ["submitted before", "cancelled", "past its deadline"])
async def test_what_may_be_paid_or_has_to_end_is_never_parked(lot: Lot, case: str) -> None:
    lot.parking.lanes["interactive"].park("flood")
    job = await lot.bench.queued()
    now = lot.ctx.clock.now()
    if case == "submitted before":  # and refused for want of quota: its plan is frozen
        plan = lot.bench.model.plan(job.request)
        job = await save_event(lot.ctx.jobs, job, ev.SubmitStarted(at=now, plan=plan, owner="w", nonce="n"))
        assert await lot.admitted(job)
        job = await save_event(lot.ctx.jobs, job, ev.SubmitWithdrawn(at=now, nonce="n", cause=QUOTA))
    elif case == "cancelled":
        job = await save_event(lot.ctx.jobs, job, ev.CancelRequested(at=now))
    else:
        job = job.model_copy(update={"deadline": now - timedelta(seconds=1)})
    assert await lot.admitted(job)
    assert not await lot.store.holds("job-1")


async def test_a_job_that_moves_while_it_is_parked_runs(lot: Lot) -> None:
    """Another worker has begun it: the message in hand stays with this worker's runner."""
    lot.parking.lanes["interactive"].park("flood")
    job = await lot.bench.queued()
    plan = lot.bench.model.plan(job.request)
    started = ev.SubmitStarted(at=lot.ctx.clock.now(), plan=plan, owner="w", nonce="n")
    await save_event(lot.ctx.jobs, job, started)
    admitted = await lot.parking.admit(job)
    assert admitted is not None
    assert admitted.state is JobState.SUBMITTING
    lot.parking.leave(share_of(job))
    await lot.bring_back()
    assert (await lot.in_bus(), await lot.store.holds("job-1")) == ([], False)


async def test_a_parked_job_of_a_newer_version_stays_and_holds_up_no_other(lot: Lot, tmp_path: Path) -> None:
    await lot.parked()
    await lot.parked("job-2")
    with closing(sqlite3.connect(tmp_path / "reelbus.db")) as database, database:
        newer = "UPDATE jobs SET record = json_set(record, '$.state', 'paused') WHERE job_id = 'job-1'"
        database.execute(newer)
    lot.parking.lanes["interactive"].capacity = 1
    await lot.bring_back()
    assert await lot.in_bus() == ["job-2"]
    assert [await lot.store.holds(f"job-{number}") for number in (1, 2)] == [True, False]


async def test_a_parked_job_is_cancelled_at_once(lot: Lot) -> None:
    await lot.parked()
    at = lot.ctx.clock.now()
    job = await update_job(lot.ctx.jobs, "job-1", lambda _: ev.CancelRequested(at=at))
    assert job.state is JobState.CANCELLED
    await lot.bring_back()
    assert (await lot.in_bus(), await lot.store.holds("job-1")) == ([], False)


async def test_reconcile_leaves_a_parked_job_to_its_turn_and_finds_a_lost_one(lot: Lot) -> None:
    job = await _due(lot, await lot.parked())
    assert (await reconcile(lot.ctx)).republished == 0
    assert (await lot.bench.job()).checks == job.checks + 1
    await _due(lot, await lot.bench.job())
    await lot.store.remove("job-1")
    assert (await reconcile(lot.ctx)).republished == 1
    assert await lot.in_bus() == ["job-1"]


async def test_a_parked_job_past_its_deadline_expires(lot: Lot) -> None:
    job = await lot.parked()
    late = job.model_copy(update={"deadline": lot.ctx.clock.now() - timedelta(seconds=1)})
    await _due(lot, late)
    assert (await reconcile(lot.ctx)).republished == 1
    async with lot.bench.working(parked=lot.store):
        assert (await lot.bench.hear()).state is Outcome.EXPIRED
    assert not await lot.store.holds("job-1")


async def test_a_repeated_call_brings_no_parked_job_back(lot: Lot, tmp_path: Path) -> None:
    job = await _due(lot, await lot.parked())
    async with open_context(PublisherSettings(data_dir=tmp_path)) as desk:
        assert (await publish_if_due(desk, job)).revision == job.revision
        assert await lot.in_bus() == []
        overdue = job.model_copy(update={"deadline": desk.clock.now() - timedelta(seconds=1)})
        await publish_if_due(desk, overdue)
    assert await lot.in_bus() == ["job-1"]


async def test_a_full_worker_parks_what_it_receives_and_makes_all(lot: Lot) -> None:
    """Sixteen run at once: beyond them the messages are settled, and come back."""
    count = 40
    for number in range(count):
        job = await lot.bench.queued(job_id=f"job-{number}")
        await lot.ctx.bus.publish("video-requests", encode_request(job.request, at=lot.ctx.clock.now()))
    async with lot.bench.working(parked=lot.store, rate_limiter=SubmitRateLimiter(lot.ctx.clock, 60_000)):
        ends = [await lot.bench.hear() for _ in range(count)]
    assert {end.state for end in ends} == {Outcome.SUCCEEDED}
    assert len(set(lot.bench.model.accepted)) == len(lot.bench.model.accepted) == count


async def _due(lot: Lot, job: Job) -> Job:
    return await lot.ctx.jobs.save(job.model_copy(update={"next_check_at": lot.ctx.clock.now() - LONG_AGO}))
