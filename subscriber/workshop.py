"""Everything a worker works with: the ports, its name, and its windows."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from schemas.advance import advance
from schemas.errors import NotFound
from schemas.event import Step
from schemas.job import Job
from schemas.ports import Bus, Clock, Editor, Heartbeats, JobStore, VideoModel, VideoStore
from subscriber.guard import Guard
from subscriber.pace import Pace
from subscriber.prices import Prices
from subscriber.windows import Windows


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop:
    """The ports of one worker, and the few verbs over them that every step needs."""

    bus: Bus
    jobs: JobStore
    videos: VideoStore
    model: VideoModel
    editor: Editor
    clock: Clock
    owner: str
    """Names this worker in the ledger, for a person who looks."""
    scratch: Path
    pace: Pace
    guard: Guard = field(default_factory=Guard)
    prices: Prices = field(default_factory=Prices)
    heartbeats: Heartbeats | None = None
    windows: Windows = field(default_factory=Windows)
    search_every_s: float = 15
    cancel_look_s: float = 60

    async def read(self, job_id: str) -> Job:
        """The newest version. Raises `NotFound`."""
        job = await self.jobs.get(job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        return job

    async def write(self, job: Job, event: Step) -> Job:
        """The job after the event, stored. Raises `Conflict` where somebody was faster."""
        return await self.jobs.save(advance(job, event))

    def store_time(self, job: Job, seen_at_boot: float) -> datetime:
        """The store's time now, for a job that was read when the boot clock stood at `seen_at_boot`."""
        return (job.read_at or self.clock.now()) + timedelta(seconds=self.clock.boot() - seen_at_boot)
