"""Delete what was kept for long enough: files under `work/` first, then everything but the tombstone.

It works in bounded portions, so that a pass never takes long. A scan goes through all ended jobs that are old enough,
the newest first. The next scan begins hours later. It reads the jobs that reached the age since then, and a week's jobs
before them, since some end late. A new process begins with a full scan, which finds what the short ones missed.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.domain.job import Job
from schemas.domain.object_names import job_prefix
from schemas.domain.states import JobState
from schemas.domain.tombstone import erasure_blocker
from schemas.errors import ReelbusError
from schemas.ports import JobQuery, JobStore
from schemas.services.erasure import Eraser
from subscriber.context import WorkerContext

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RetentionPolicy:
    """How long after a job's end its data is kept; None: for ever."""

    job: timedelta | None = None
    """Everything but the tombstone."""
    work: timedelta | None = None
    """The job's files under `work/`."""


PORTION = 50
REST = timedelta(hours=6)
MARGIN = timedelta(days=7)
_ENDS = frozenset(state for state in JobState if state.ended)


@dataclass(slots=True)
class JobScan:
    """Reads the jobs that ended longer ago than `age`, a portion at a time."""

    age: timedelta
    next_at: datetime | None = None
    _cutoff: datetime | None = None
    _floor: datetime | None = None
    _cursor: str | None = None

    def is_idle(self, now: datetime) -> bool:
        """True between two scans."""
        return self.next_at is not None and now < self.next_at

    async def next_batch(self, jobs: JobStore, now: datetime) -> list[Job]:
        """Return the next jobs that are old enough; none between two scans."""
        if self.is_idle(now):
            return []
        self.next_at = None
        self._cutoff = cutoff = self._cutoff or now - self.age
        query = JobQuery(states=_ENDS, created_before=cutoff, limit=PORTION, cursor=self._cursor)
        page = await jobs.list(query)
        self._cursor = page.cursor
        if page.cursor is None or (self._floor and page.jobs and page.jobs[-1].created_at < self._floor):
            self.next_at, self._cutoff, self._cursor, self._floor = now + REST, None, None, cutoff - MARGIN
        return [job for job in page.jobs if not job.erased_at and (job.since(job.state) or job.created_at) < cutoff]


@dataclass(slots=True)
class Retention:
    """Applies a policy in one process."""

    ctx: WorkerContext
    rules: RetentionPolicy
    _erasing: JobScan | None = field(init=False)
    _emptying: JobScan | None = field(init=False)

    def __post_init__(self) -> None:
        self._erasing = JobScan(self.rules.job) if self.rules.job else None
        self._emptying = JobScan(self.rules.work) if self.rules.work else None

    @property
    def is_idle(self) -> bool:
        """True if nothing is left to do for some hours."""
        now = self.ctx.clock.now()
        return all(scan is None or scan.is_idle(now) for scan in (self._erasing, self._emptying))

    async def erase(self, *, dry_run: bool = False) -> int:
        """Erase the next portion. Return how many jobs were erased, or would be. Raises `Unavailable`."""
        if self._erasing is None:
            return 0
        now = self.ctx.clock.now()
        due = [job for job in await self._erasing.next_batch(self.ctx.jobs, now) if erasure_blocker(job, now) is None]
        if dry_run:
            return len(due)
        eraser = eraser_of(self.ctx)
        marked: list[Job] = []
        for job in due:
            try:
                marked.append(await eraser.mark(job.job_id))
            except ReelbusError as error:  # the other jobs are erased all the same
                extra = {"action": "erasing_failed", "job_id": job.job_id, "reason": str(error)}
                logger.warning("a job could not be erased", extra=extra)
        await eraser.finish(marked)
        return len(marked)

    async def empty(self, *, dry_run: bool = False) -> int:
        """Delete the next portion's files under `work/`. Return of how many jobs, or would be. Raises `Unavailable`."""
        if self._emptying is None:
            return 0
        emptied = 0
        for job in await self._emptying.next_batch(self.ctx.jobs, self.ctx.clock.now()):
            deleted = 0
            files = await self.ctx.videos.list(job_prefix(job.job_id))
            for file in () if dry_run else files:
                newest = await self.ctx.jobs.get(job.job_id)
                if newest and (newest.life, newest.state) == (job.life, job.state):  # a replayed job needs its files
                    await self.ctx.videos.delete(file.name)
                    deleted += 1
            if deleted:
                logger.info("deleted an old job's work files", extra={"action": "work_deleted", "job_id": job.job_id})
            emptied += bool(files) if dry_run else deleted > 0
        return emptied


def eraser_of(ctx: WorkerContext) -> Eraser:
    """Return an eraser over the worker's ports."""
    return Eraser(jobs=ctx.jobs, videos=ctx.videos, bus=ctx.bus, clock=ctx.clock, deliveries=ctx.deliveries)
