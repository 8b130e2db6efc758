"""Erases ended jobs: the record first, then letters and files, then a note that all is gone.

In that order, so that a crash half-way leaves a tombstone that says so, and `reconcile` goes on with it. The names of
the files follow from the id and the day, so that what turns up later is found as well.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from schemas.domain.events import Erased, FilesDeleted
from schemas.domain.job import Job
from schemas.domain.object_names import job_prefix
from schemas.domain.tombstone import erasure_blocker
from schemas.errors import Invalid, NotFound, ReelbusError
from schemas.ports import Bus, Clock, JobStore, VideoStore
from schemas.services.reference_images import release_reference
from schemas.services.update import update_job
from schemas.wire.message import job_id_of

logger = logging.getLogger(__name__)

LETTERS_LOOKED_AT = 10_000
LETTERS_HIDE_FOR = timedelta(minutes=10)
"""As long as any bus lets somebody keep a message for himself. A look so long afterwards sees what the first missed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Eraser:
    """The ports that erasing takes. `mark` some jobs, then `finish` them together: looking at letters is slow."""

    jobs: JobStore
    videos: VideoStore
    bus: Bus
    clock: Clock

    async def mark(self, job_id: str) -> Job:
        """The tombstone. Raises `NotFound`, and `Invalid` for a job that can't be erased (yet)."""
        job = await update_job(self.jobs, job_id, self._erase_event)
        logger.info("job erased", extra={"action": "job_erased", "job_id": job_id})
        return job

    async def finish(self, erased: Sequence[Job]) -> list[Job]:
        """Deletes what tombstones left behind; gives those that have to be finished later, which `reconcile` does."""
        hidden = await self._drop_letters({job.job_id for job in erased}) if erased else frozenset()
        return [job for job in erased if not await self._mark_swept(job, hidden)]

    def _erase_event(self, job: Job) -> Erased | None:
        at = self.clock.now()
        if reason := None if job.erased_at else erasure_blocker(job, at):
            raise Invalid(reason, field="job_id")
        return Erased(at=at)

    async def _drop_letters(self, job_ids: Collection[str]) -> Collection[str]:
        """Gives the jobs that have letters which could be seen and not be dropped, or may have unseen ones."""
        letters = await self.bus.dead_letters(limit=LETTERS_LOOKED_AT)
        theirs = [(job_id, letter.id) for letter in letters if (job_id := job_id_of(letter.message)) in job_ids]
        hidden = {job_id for job_id, letter_id in theirs if job_id and not await self._drop_page(letter_id)}
        if len(letters) < LETTERS_LOOKED_AT:
            return hidden
        logger.warning(
            "too many dead letters to see all", extra={"action": "letters_beyond_reach", "seen": len(letters)}
        )
        return job_ids

    async def _drop_page(self, letter_id: str) -> bool:
        """False where it is gone for us and perhaps only in somebody else's hands."""
        try:
            await self.bus.delete_dead_letter(letter_id)
        except NotFound:
            logger.info("a dead letter was gone already", extra={"action": "letter_gone", "letter_id": letter_id})
            return not self.bus.dead_letter_reads_are_exclusive
        return True

    def _letters_may_hide(self, job: Job) -> bool:
        """Of what somebody else looked at in that moment we saw nothing: a look later on tells."""
        since = job.erased_at or self.clock.now()
        return self.bus.dead_letter_reads_are_exclusive and self.clock.now() < since + LETTERS_HIDE_FOR

    async def _mark_swept(self, job: Job, hidden: Collection[str]) -> bool:
        try:
            return await self._sweep(job, letters_left=job.job_id in hidden or self._letters_may_hide(job))
        except ReelbusError as error:  # the tombstone says that there is more to do
            extra = {"action": "sweep_failed", "job_id": job.job_id, "reason": str(error)}
            logger.warning("an erased job's files could not be deleted yet", extra=extra)
            return False

    async def _sweep(self, job: Job, *, letters_left: bool) -> bool:
        work = await self.videos.list(job_prefix(job.job_id))
        for name in (*(file.name for file in work), job.final_name, job.poster_name):
            await self.videos.delete(name)
        if not await release_reference(job.request, self.jobs, self.videos, self.clock.now()):
            return False
        at = self.clock.now()
        is_last = job.sweep_until is None or at >= job.sweep_until
        if not (letters_left and is_last):  # else nobody would come back for the letters
            await update_job(self.jobs, job.job_id, lambda _: FilesDeleted(at=at))
        return not letters_left
