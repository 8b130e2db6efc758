"""One worker process of the world: the product's own handler, on gated ports."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from schemas.domain.job import Job
from schemas.ports import Clock, JobPage, JobQuery
from subscriber.handler import Handler
from subscriber.reconcile import reconcile
from subscriber.worker import nack_on_error
from tests.model.post import Handed, Letter, Post
from tests.model.stage import Gated, Stage


@dataclass
class WorldTime:
    """One time for all."""

    began: datetime
    passed_s: float = 0.0

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.passed_s)


@dataclass
class WorldClock:
    """Time stands still until the machine moves it. A sleeper waits on the stage."""

    time: WorldTime
    actor: str
    stage: Stage

    def now(self) -> datetime:
        return self.time.now()

    def boot(self) -> float:
        return self.time.passed_s

    async def sleep(self, seconds: float) -> None:
        async def woken() -> None:
            """Nothing happens while one sleeps."""

        await self.stage.ask(self.actor, "sleep", woken, not_before=self.boot() + seconds)


@dataclass
class DatedJobs:
    """The real store, whose clock is the world's."""

    store: Any
    clock: Clock

    async def create(self, job: Job) -> Job:
        return self._dated(await self.store.create(job))

    async def create_all(self, jobs: Sequence[Job]) -> Sequence[Job]:
        return [self._dated(job) for job in await self.store.create_all(jobs)]

    async def get(self, job_id: str) -> Job | None:
        job = await self.store.get(job_id)
        return self._dated(job) if job else None

    async def save(self, job: Job) -> Job:
        return self._dated(await self.store.save(job))

    async def list(self, query: JobQuery) -> JobPage:
        page = await self.store.list(query)
        return JobPage(jobs=[self._dated(job) for job in page.jobs], cursor=page.cursor)

    async def ahead_of(self, job: Job) -> int | None:
        return None

    async def count_queued(self, key: str, *, at_most: int) -> int:
        return 0

    def _dated(self, job: Job) -> Job:
        return job.model_copy(update={"stored_at": self.clock.now(), "read_at": self.clock.now()})


@dataclass
class WorkerProcess:
    """Lives until it is crashed."""

    name: str
    stage: Stage
    post: Post
    handler: Handler
    tasks: list["asyncio.Task[Any]"] = field(default_factory=list)

    def take(self, letter: Letter) -> None:
        """A message is delivered to it."""
        letter.deliveries, letter.held_by = letter.deliveries + 1, self.name
        handed = Gated(Handed(self.post, letter, self.name, letter.deliveries), self.name, self.stage)
        self._begin(nack_on_error(handed, self.handler))

    def reconcile(self) -> None:
        """Its minute is over."""
        self._begin(reconcile(self.handler.ctx))

    def bring_back(self) -> None:
        """It has room for parked jobs, if it parks any."""
        if parking := self.handler.parking:
            for lane in parking.lanes.values():
                self._begin(parking.bring_back(lane))

    async def crash(self) -> None:
        await self.stage.crash(self.name)
        self.post.lose_leases(self.name)
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def _begin(self, work: Any) -> None:
        self.tasks.append(asyncio.ensure_future(work))
