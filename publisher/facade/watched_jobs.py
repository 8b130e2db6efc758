"""The jobs that event streams follow: one read of the store serves all the streams of a job.

A completion ends the wait of each stream of its job, and the next read finds the end. All other changes are found by
reading: after `look_every_s` at first, and less often while nothing changes.
"""

import asyncio
import logging
from datetime import timedelta

from publisher.context import PublisherContext, find, queue_position
from publisher.facade.shared_looks import SLOWEST, SharedLooks
from schemas.domain.job import Job
from schemas.errors import ReelbusError

logger = logging.getLogger(__name__)


class WatchedJob:
    """What the streams of one job share: its newest record, and its position in the queue."""

    def __init__(self, ctx: PublisherContext, job: Job, look_every_s: float) -> None:
        self._ctx = ctx
        self._look_every_s = look_every_s
        self._pause_s = look_every_s
        self._reading = asyncio.Lock()
        self._job = job
        self._queue_position: int | None = None
        self._seen: tuple[str, int | None] | None = None
        """The revision and the position of the last read."""
        self._began_at: float | None = None
        """When the last read began, and None before the first one."""

    async def look(self, news_at: float | None = None) -> tuple[Job, int | None]:
        """Return the record and the position in the queue, read again if that is due.

        A read is due after the pause, or if the last one did not begin after `news_at`. If the store is out of reach,
        the last record is returned. Its `read_at` moves on, since progress is estimated from it.
        """
        async with self._reading:
            now = self._ctx.clock.boot()
            began_at = self._began_at
            if began_at is None or now - began_at >= self._pause_s or (news_at is not None and news_at >= began_at):
                self._began_at = began_at = now
                await self._read()
        passed_s = min(self._ctx.clock.boot() - began_at, self._pause_s)
        read_at = self._job.read_at and self._job.read_at + timedelta(seconds=passed_s)
        return self._job.model_copy(update={"read_at": read_at}), self._queue_position

    async def _read(self) -> None:
        try:
            job = await find(self._ctx, self._job.job_id)
            position = await queue_position(self._ctx, job)
        except ReelbusError:
            logger.warning("event stream sees nothing", extra={"action": "events_no_look", "job_id": self._job.job_id})
            return
        seen, slowest_s = (job.revision, position), SLOWEST * self._look_every_s
        self._pause_s = min(2 * self._pause_s, slowest_s) if seen == self._seen else self._look_every_s
        self._seen = seen
        self._job, self._queue_position = job, position


class WatchedJobs(SharedLooks[Job, WatchedJob]):
    """The jobs that have event streams in this process."""

    def __init__(self, ctx: PublisherContext, *, look_every_s: float) -> None:
        super().__init__(lambda job: WatchedJob(ctx, job, look_every_s), key_of=lambda job: job.job_id)
