"""The world: real stores in a folder, a bus and a model that may do all that they are allowed to, worker processes."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.adapters import Adapters
from infra.media.editor import FileEditor
from schemas.domain import events as ev
from schemas.domain.job import Job, new_job
from schemas.ports import REQUESTS, JobQuery, JobStore, ParkedJobs, VideoStore
from schemas.services.update import update_job
from schemas.wire.message import encode_request
from schemas.wire.request import VideoRequest
from schemas.wire.types import LANES, Priority
from subscriber.context import WorkerContext
from subscriber.fair_slots import FairSlots
from subscriber.fairness import LaneLoad
from subscriber.handler import Handler, InFlightJobs
from subscriber.parking import Parking
from subscriber.policy import Deadlines
from subscriber.rate_limit import SubmitRateLimiter
from tests.model.post import Post
from tests.model.provider import Provider
from tests.model.stage import Gated, Stage
from tests.model.worker import DatedJobs, WorkerProcess, WorldClock, WorldTime

BEGAN = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
HEALING_AT_MOST = 4000


@dataclass
class World:
    """Everything that there is. Each verb leaves every worker at its next call."""

    folder: Path
    film: bytes
    jobs: JobStore
    videos: VideoStore
    parked: ParkedJobs
    stack: AsyncExitStack
    capacity: int = 0
    """Jobs that a worker has before it parks the next one; 0: it parks none."""
    stage: Stage = field(default_factory=Stage)
    post: Post = field(default_factory=Post)
    time: WorldTime = field(default_factory=lambda: WorldTime(BEGAN))
    workers: list[WorkerProcess] = field(default_factory=list)
    started: int = 0

    def __post_init__(self) -> None:
        self.provider = Provider(self.videos, self.jobs, self.film, self.clock_of("provider"))

    @classmethod
    async def open(cls, folder: Path, film: bytes) -> "World":
        stack = AsyncExitStack()
        adapters = await stack.enter_async_context(Adapters())
        jobs = await adapters.jobs(f"sqlite://{folder}/reelbus.db")
        videos = await adapters.videos(f"file://{folder}/videos", base_url="http://facade")
        parked = await adapters.jobs_parked(f"sqlite://{folder}/reelbus.db")
        (folder / "scratch").mkdir()
        return cls(folder, film, jobs, videos, parked, stack)

    async def close(self) -> None:
        for worker in self.workers:
            await worker.crash()
        await self.stack.aclose()

    def clock_of(self, actor: str) -> WorldClock:
        return WorldClock(self.time, actor, self.stage)

    def start_worker(self) -> WorkerProcess:
        """One more process, with a name of its own."""
        self.started += 1
        name = f"worker-{self.started}"
        ctx = self._shop(name, self.clock_of(name))
        lanes: dict[Priority, LaneLoad] = {lane: LaneLoad(lane, self.capacity) for lane in LANES}
        parking = Parking(ctx, ctx.parked, lanes) if ctx.parked else None
        worker = WorkerProcess(name, self.stage, self.post, Handler(ctx, InFlightJobs(FairSlots(10)), parking))
        self.workers.append(worker)
        return worker

    def _shop(self, name: str, clock: WorldClock) -> WorkerContext:
        def gated(port: Any) -> Any:
            return Gated(port, name, self.stage)

        return WorkerContext(
            bus=gated(self.post),
            jobs=gated(DatedJobs(self.jobs, clock)),
            videos=gated(self.videos),
            model=gated(self.provider),
            parked=gated(self.parked) if self.capacity else None,
            editor=gated(FileEditor()),
            clock=clock,
            owner=name,
            scratch=self.folder / "scratch",
            rate_limiter=SubmitRateLimiter(clock, per_minute=100_000),
            deadlines=Deadlines(),
        )

    async def publish(self, request: VideoRequest, *, recorded: bool) -> None:
        """As the facade does, the record first; or as a direct publisher does."""
        if recorded:
            await self.jobs.create(new_job(request, self.time.now()))
        await self.post.publish(REQUESTS, encode_request(request, at=self.time.now()))

    async def cancel(self, job_id: str) -> None:
        """As the facade does."""
        at = self.time.now()
        await update_job(self.jobs, job_id, lambda job: None if job.ended else ev.CancelRequested(at=at))

    async def all_jobs(self) -> list[Job]:
        return list((await self.jobs.list(JobQuery(limit=100))).jobs)

    async def restore(self, backup: list[Job]) -> None:
        """Everything dies, and the records are again as the backup has them. The video store forgets nothing."""
        for worker in tuple(self.workers):
            await self.crash(worker)
        for old in backup:
            newest = await self.jobs.get(old.job_id)
            assert newest is not None
            await self.jobs.save(old.model_copy(update={"revision": newest.revision}))

    async def crash(self, worker: WorkerProcess) -> None:
        self.workers.remove(worker)
        await worker.crash()

    async def heal(self) -> None:
        """Nothing goes wrong from here on. Until everything has ended, and a day more for what turns up late."""
        worker = self.start_worker()
        for _ in range(HEALING_AT_MOST):
            for letter in self.post.free():
                worker.take(letter)
            await self.stage.settle()
            if not await self._go_on() and await self._at_rest():
                return
        waiting = [str(call) for call in self.stage.waiting]
        raise AssertionError(f"not everything came to its end: {await self.all_jobs()}, {self.post.letters}, {waiting}")

    async def _go_on(self) -> bool:
        """Lets everything through that may go on; else time passes. False where nobody waits for anything."""
        ready = self.stage.ready(self.time.passed_s)
        for call in ready:
            if call in self.stage.waiting:
                await self.stage.let(call)
        if not ready and self.stage.waiting:
            self.time.passed_s = max(self.time.passed_s + 20, min(call.not_before for call in self.stage.waiting))
        return bool(ready or self.stage.waiting)

    async def _at_rest(self) -> bool:
        """True once every job has ended and nobody looks after it any more; else an hour passes."""
        jobs = await self.all_jobs()
        parked = [job for lane in LANES for job in await self.parked.next(lane, limit=1)]
        if not self.post.letters and not parked and all(job.ended and job.next_check_at is None for job in jobs):
            return True
        for worker in self.workers:
            self.post.lose_leases(worker.name)  # what nobody works at was settled in vain, and comes again
        for operation in self.provider.operations.values():
            await self.provider.deliver(operation)
        self.time.passed_s += 3600
        self.workers[-1].reconcile()
        self.workers[-1].bring_back()
        await self.stage.settle()
        return False
