"""What once went wrong around a worker's slots and its stop, found in reviews."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.ports import DEAD_REQUESTS, REQUESTS, GenerationRunning, JobPage, JobQuery, JobStore
from schemas.wire.completion import Outcome
from schemas.wire.message import encode_cancel, encode_request
from schemas.wire.request import CancelRequest
from subscriber.fair_slots import FairSlots
from subscriber.generation import poll_once
from subscriber.handler import InFlightJobs
from subscriber.runner import JobRunner
from subscriber.submission import submit_next
from subscriber.worker import Worker
from tests.worker.bench import Bench

PATIENCE_S = 10


@pytest.mark.parametrize("topic", [REQUESTS, DEAD_REQUESTS])
async def test_a_worker_that_stops_begins_no_job_that_waits_for_its_slot(bench: Bench, topic: str) -> None:
    """A slot comes free when a generating job is handed back, while the worker still waits for a paid call. Another
    paid call, begun then, would be cut off with the process: accepted, and its name written nowhere. A given-up
    request goes on in the same way, since its first clip is paid."""
    waiting = await _half_made(bench, "waiting")
    bench.model.outcome, bench.model.poll_every_s = GenerationRunning(), 60
    store = Watched(bench.ctx.jobs, "waiting")
    async with _working(bench, store, in_flight=2, drain_s=0) as stop:
        await bench.send(job_id="generating")
        await bench.model.polled.wait()
        bench.model.gate = asyncio.Event()
        await bench.send(job_id="in-its-call")
        await bench.model.at_gate.wait()
        await bench.ctx.bus.publish(topic, encode_request(waiting.request, at=bench.ctx.clock.now()))
        await store.known()
        stop.set()
        asyncio.get_running_loop().call_later(0.1, bench.model.gate.set)
    assert bench.model.accepted == ["work/waiting/0/1/", "work/generating/0/1/", "work/in-its-call/0/1/"]
    assert (await bench.job("waiting")).revision == waiting.revision
    assert (await bench.job("in-its-call")).clips[0].operation == "operations/3"

    bench.model.gate = bench.model.outcome = None
    async with bench.working():
        heard = [await bench.hear() for _ in range(3)]
    assert {each.job_id for each in heard} == {"waiting", "generating", "in-its-call"}
    assert {each.state for each in heard} == {Outcome.SUCCEEDED}
    assert len(bench.model.accepted) == 4


async def test_a_job_that_comes_after_the_stop_is_not_begun(bench: Bench) -> None:
    registry = InFlightJobs(FairSlots(1))
    await registry.shut_down()
    with pytest.raises(asyncio.CancelledError):
        await registry.run(await bench.queued(), lambda job: JobRunner(bench.ctx, job))
    assert registry.size == 0
    assert (await bench.job()).state is JobState.QUEUED


async def test_a_cancel_reaches_a_job_that_waits_for_a_slot(bench: Bench) -> None:
    """Its record is there before its turn comes, else the cancel finds nothing and the job is paid for later."""
    gate = bench.model.gate = asyncio.Event()
    store = Watched(bench.ctx.jobs, "waiting")
    async with _working(bench, store, in_flight=1):
        await bench.send(job_id="under-way")
        await bench.model.at_gate.wait()
        await bench.send(job_id="waiting")
        await store.known()
        wish = CancelRequest(job_id="waiting")
        await bench.ctx.bus.publish(REQUESTS, encode_cancel(wish, at=bench.ctx.clock.now()))
        first = await bench.hear()
        assert (first.job_id, first.state) == ("waiting", Outcome.CANCELLED)
        gate.set()
        heard = {(each.job_id, each.state) for each in [await bench.hear() for _ in range(2)]}
    assert heard == {("under-way", Outcome.SUCCEEDED), ("waiting", Outcome.CANCELLED)}
    assert bench.model.accepted == ["work/under-way/0/1/"]


async def _half_made(bench: Bench, job_id: str) -> Job:
    """Two clips, the first one paid and done, the second one not sent."""
    bench.model.clip_seconds = 1
    job = await submit_next(bench.ctx, await bench.queued(job_id=job_id, duration_seconds=2))
    made = await poll_once(bench.ctx, job, job.clips[0])
    assert made is not None
    bench.model.polled.clear()
    return made


@asynccontextmanager
async def _working(bench: Bench, jobs: JobStore, *, in_flight: int, drain_s: float = 5) -> AsyncIterator[asyncio.Event]:
    """A worker with few slots; the event stops it."""
    stop, ready = asyncio.Event(), asyncio.Event()
    worker = Worker(
        ctx=replace(bench.ctx, jobs=jobs, stopping=asyncio.Event()),
        in_flight=in_flight,
        prefetch=2,
        drain_s=drain_s,
        reconcile_every_s=3600,
    )
    running = asyncio.create_task(worker.run(stop, ready=ready.set))
    try:
        await asyncio.wait([running, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
        yield stop
    finally:
        stop.set()
        await running


@dataclass
class Watched(JobStore):
    """A real store that says when the worker has one job's record in hand."""

    store: JobStore
    job_id: str
    seen: asyncio.Event = field(default_factory=asyncio.Event)

    async def known(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.seen.wait()

    async def create(self, job: Job) -> Job:
        return self._watch(await self.store.create(job))

    async def create_all(self, jobs: Sequence[Job]) -> Sequence[Job]:
        return [self._watch(job) for job in await self.store.create_all(jobs)]

    async def get(self, job_id: str) -> Job | None:
        job = await self.store.get(job_id)
        return self._watch(job) if job else None

    async def save(self, job: Job) -> Job:
        return await self.store.save(job)

    async def list(self, query: JobQuery) -> JobPage:
        return await self.store.list(query)

    async def ahead_of(self, job: Job) -> int | None:
        return await self.store.ahead_of(job)

    async def count_queued(self, key: str, *, at_most: int) -> int:
        return await self.store.count_queued(key, at_most=at_most)

    def _watch(self, job: Job) -> Job:
        if job.job_id == self.job_id:
            self.seen.set()
        return job
