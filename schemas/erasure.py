"""Erases ended jobs: the record first, then letters and files, then a note that all is gone.

In that order, so that a crash half-way leaves a tombstone that says so, and `reconcile` goes on with it. The names of
the files follow from the id and the day, so that what turns up later is found as well.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from schemas.change import change
from schemas.errors import Invalid, NotFound, ReelbusError
from schemas.event import Erased, Swept
from schemas.job import Job
from schemas.message import claimed_job_id
from schemas.names import job_prefix
from schemas.ports import Bus, Clock, JobStore, VideoStore
from schemas.referrers import drop_reference
from schemas.tombstone import why_kept

log = logging.getLogger(__name__)

LETTERS_LOOKED_AT = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Eraser:
    """The ports that erasing takes. `mark` some jobs, then `finish` them together: looking at letters is slow."""

    jobs: JobStore
    videos: VideoStore
    bus: Bus
    clock: Clock

    async def mark(self, job_id: str) -> Job:
        """The tombstone. Raises `NotFound`, and `Invalid` for a job that can't be erased (yet)."""
        job = await change(self.jobs, job_id, self._erasing)
        log.info("job erased", extra={"action": "job_erased", "job_id": job_id})
        return job

    async def finish(self, erased: Sequence[Job]) -> list[Job]:
        """Deletes what tombstones left behind; gives those that have to be finished later, which `reconcile` does."""
        if erased:
            await self._drop_letters({job.job_id for job in erased})
        return [job for job in erased if not await self._swept(job)]

    def _erasing(self, job: Job) -> Erased | None:
        at = self.clock.now()
        if reason := None if job.erased_at else why_kept(job, at):
            raise Invalid(reason, field="job_id")
        return Erased(at=at)

    async def _drop_letters(self, job_ids: Collection[str]) -> None:
        for letter in await self.bus.dead_letters(limit=LETTERS_LOOKED_AT):
            if claimed_job_id(letter.message) in job_ids:
                await self._drop(letter.id)

    async def _drop(self, letter_id: str) -> None:
        try:
            await self.bus.drop(letter_id)
        except NotFound:
            log.info("a dead letter was gone already", extra={"action": "letter_gone", "letter_id": letter_id})

    async def _swept(self, job: Job) -> bool:
        try:
            return await self._sweep(job)
        except ReelbusError as error:  # the tombstone says that there is more to do
            extra = {"action": "sweep_failed", "job_id": job.job_id, "reason": str(error)}
            log.warning("an erased job's files could not be deleted yet", extra=extra)
            return False

    async def _sweep(self, job: Job) -> bool:
        await delete_work(self.videos, job.job_id)
        for name in (job.final_name, job.poster_name):
            await self.videos.delete(name)
        if not await drop_reference(job.request, self.jobs, self.videos, self.clock.now()):
            return False
        await change(self.jobs, job.job_id, lambda _: Swept(at=self.clock.now()))
        return True


async def delete_work(videos: VideoStore, job_id: str, *, dry_run: bool = False) -> int:
    """How many files of the job lay under `work/`; none is there any more, unless it is a dry run."""
    files = await videos.list(job_prefix(job_id))
    for file in () if dry_run else files:
        await videos.delete(file.name)
    return len(files)
