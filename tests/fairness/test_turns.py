"""Several workers that park, start, end and are killed in any order: no job is lost, and no key waits for ever.

The parts are the product's on a real file. The bus is a list; a killed worker's messages come again. What happens
between two steps of one worker is the business of `tests/model` and of `test_kills.py`.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from infra.adapters import Adapters
from schemas.domain import events as ev
from schemas.domain.job import Job, new_job
from schemas.errors import Category, Charged, Failure
from schemas.services.update import update_job
from schemas.wire.message import Message
from schemas.wire.request import VideoRequest
from schemas.wire.types import LANES
from subscriber.context import WorkerContext
from subscriber.fair_queue import Share
from subscriber.fairness import EXPECTED_S, LaneLoad, share_of
from subscriber.parking import Parking
from subscriber.worker import PARKED_AT_ONCE

DONE = Failure(category=Category.SAFETY_FILTER, code="safety_filter", message="Refused.", charged=Charged.NO)
FLOOD = 60
"""So many jobs of one key arrive while the others wait."""
DRAIN_ROUNDS = 4
"""In so many rounds one worker has parked the flood and all that was there before."""
picks = st.integers(0, 1000)


@dataclass
class Clock:
    """Stands still until the machine moves it."""

    passed_s: float = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 2, 9, tzinfo=UTC) + timedelta(seconds=self.passed_s)

    def boot(self) -> float:
        return self.passed_s


@dataclass
class ListBus:
    """The ids of the jobs whose request waits, in the order of the publishes."""

    waiting: list[str] = field(default_factory=list)

    async def publish(self, topic: str, message: Message) -> None:
        self.waiting.append(message.attributes["job_id"])


@dataclass
class Worker:
    """What one process has."""

    parking: Parking
    running: dict[str, Share] = field(default_factory=dict)


class Turns(RuleBasedStateMachine):
    """Up to three workers on one store."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.clock, self.bus = Clock(), ListBus()
        self.workers: list[Worker] = []
        self.started: list[str] = []
        """The jobs in the order of their first start."""
        self.names: list[str] = []
        self.run(self._open())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    async def _open(self) -> None:
        adapters = await self.stack.enter_async_context(Adapters())
        url = f"sqlite://{Path(self.folder.name)}/reelbus.db"
        self.jobs, self.parked = await adapters.jobs(url), await adapters.jobs_parked(url)

    @initialize(capacity=st.integers(1, 4))
    def begin(self, capacity: int) -> None:
        self.capacity = capacity
        self.a_worker_starts()

    @precondition(lambda self: len(self.workers) < 3)
    @rule()
    def a_worker_starts(self) -> None:
        unused: Any = dict.fromkeys(["videos", "model", "editor", "owner", "scratch", "rate_limiter"])
        ctx = WorkerContext(bus=cast("Any", self.bus), jobs=self.jobs, clock=cast("Any", self.clock), **unused)
        lanes = {lane: LaneLoad(lane, self.capacity) for lane in LANES}
        self.workers.append(Worker(Parking(ctx, self.parked, lanes)))

    @rule(key=st.sampled_from("abf"), count=st.integers(1, 4))
    def jobs_arrive(self, key: str, count: int) -> None:
        for _ in range(count):
            self.run(self._submit(key))

    async def _submit(self, key: str) -> None:
        name = f"{key}{len(self.names)}"
        self.names.append(name)
        request = VideoRequest(job_id=name, prompt="A harbour at dawn, gulls", project_id=key)
        await self.jobs.create(new_job(request, self.clock.now()))
        self.bus.waiting.append(name)

    @precondition(lambda self: self.bus.waiting and self.workers)
    @rule(which=picks, count=st.integers(1, 6))
    def messages_are_delivered(self, which: int, count: int) -> None:
        for _ in range(min(count, len(self.bus.waiting))):
            self.run(self._deliver(self.workers[which % len(self.workers)]))

    async def _deliver(self, worker: Worker) -> None:
        job = await self._job(self.bus.waiting.pop(0))
        if job.ended or job.job_id in worker.running:
            return  # acked; or joined
        if admitted := await worker.parking.admit(job):
            worker.running[job.job_id] = share_of(admitted)
            if job.job_id not in self.started:
                self.started.append(job.job_id)

    @precondition(lambda self: any(worker.running for worker in self.workers))
    @rule(which=picks)
    def a_job_ends(self, which: int) -> None:
        busy = [worker for worker in self.workers if worker.running]
        self.run(self._end_one(busy[which % len(busy)], which))

    async def _end_one(self, worker: Worker, which: int = 0) -> None:
        name = list(worker.running)[which % len(worker.running)]
        ended = ev.Failed(at=self.clock.now(), failure=DONE)
        await update_job(self.jobs, name, lambda job: None if job.ended else ended)
        worker.parking.leave(worker.running.pop(name))

    @precondition(lambda self: self.workers)
    @rule(which=picks)
    def a_worker_looks(self, which: int) -> None:
        self.run(self._look(self.workers[which % len(self.workers)]))

    async def _look(self, worker: Worker) -> None:
        for lane in worker.parking.lanes.values():
            await worker.parking.bring_back(lane)

    @rule()
    def time_passes(self) -> None:
        self.clock.passed_s += EXPECTED_S

    @precondition(lambda self: self.workers)
    @rule(which=picks)
    def a_worker_is_killed(self, which: int) -> None:
        killed = self.workers.pop(which % len(self.workers))
        self.bus.waiting += killed.running

    @invariant()
    def every_job_has_a_message_or_a_row_or_a_worker(self) -> None:
        running = {name for worker in self.workers for name in worker.running}
        for name in {*self.names} - {*self.bus.waiting} - running:
            assert self.run(self._job(name)).ended or self.run(self.parked.holds(name)), name

    async def _job(self, name: str) -> Job:
        job = await self.jobs.get(name)
        assert job is not None
        return job

    def teardown(self) -> None:
        try:
            if not self.workers:
                self.a_worker_starts()
            self.run(self._others_start_although_one_key_floods())
            self.run(self._everything_ends())
        finally:
            self.run(self.stack.aclose())
            self.runner.close()
            self.folder.cleanup()

    async def _others_start_although_one_key_floods(self) -> None:
        first, seen = len(self.names), len(self.started)
        for _ in range(FLOOD):
            await self._submit("f")
        for key in "aabb":
            await self._submit(key)
        others = {name for name in self.names if not name.startswith("f")} - {*self.started}
        while others - {*self.started}:
            await self._round()
        floods = [name for name in self.started[seen:] if name.startswith("f") and int(name[1:]) >= first]
        # The flood has its turns beside those of the others, those in which others went before it while it had its
        # share of a worker, and what each worker had room for while it parked the flood.
        owed = sum(not name.startswith("f") for name in self.started[:seen])
        room = (self.capacity + DRAIN_ROUNDS) * len(self.workers)
        assert len(floods) <= 2 * len(others) + owed + room, self.started[seen:]

    async def _everything_ends(self) -> None:
        while not all([(await self._job(name)).ended for name in self.names]):
            await self._round()
        await self._round()
        assert not [job for lane in LANES for job in await self.parked.next(lane, limit=10)]

    async def _round(self) -> None:
        """Each worker receives what it may hold, and ends one job."""
        self.clock.passed_s += EXPECTED_S / 4
        for worker in self.workers:
            for _ in range(min(self.capacity + PARKED_AT_ONCE, len(self.bus.waiting))):
                await self._deliver(worker)
            if worker.running:
                await self._end_one(worker)
            await self._look(worker)


LONG = settings.get_current_profile_name() == "long"
Turns.TestCase.settings = settings(
    max_examples=300 if LONG else 6,
    stateful_step_count=30,
    deadline=None,
    derandomize=not LONG,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
test_turns = pytest.mark.timeout(3600 if LONG else 300)(Turns.TestCase)
