"""Erase ended jobs: first the record, then dead letters and files; at last the record says that all of it is deleted.

In that order, so that a crash leaves a tombstone from which `reconcile` goes on. The names of the files follow from the
job's id and day, so that files which appear later are found as well.
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
from schemas.ports import Bus, Clock, Deliveries, DeliveryQuery, JobStore, VideoStore
from schemas.services.reference_images import release_reference
from schemas.services.update import update_job
from schemas.wire.message import job_id_of

logger = logging.getLogger(__name__)

LETTERS_LOOKED_AT = 10_000
WEBHOOKS_AT_MOST = 1000
"""More than the lives of a job have webhooks."""
LETTERS_HIDE_FOR = timedelta(minutes=10)
"""The longest that any bus leases a dead letter to another reader. A look after that time finds what was hidden."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Eraser:
    """The ports that erasing needs. `mark` some jobs, then `finish` them together: reading dead letters is slow."""

    jobs: JobStore
    videos: VideoStore
    bus: Bus
    clock: Clock
    deliveries: Deliveries | None = None
    """Without them no body of a webhook is erased."""

    async def mark(self, job_id: str) -> Job:
        """Return the tombstone. Raises `NotFound`, and `Invalid` for a job that can't be erased, or not yet."""

        def erase(job: Job) -> Erased:
            at = self.clock.now()
            if reason := None if job.erased_at else erasure_blocker(job, at):
                raise Invalid(reason, field="job_id")
            return Erased(at=at)

        job = await update_job(self.jobs, job_id, erase)
        logger.info("job erased", extra={"action": "job_erased", "job_id": job_id})
        return job

    async def finish(self, erased: Sequence[Job]) -> list[Job]:
        """Delete what the tombstones left behind. Return those that `reconcile` has to finish later."""
        hidden = await self._delete_letters({job.job_id for job in erased}) if erased else frozenset()
        unfinished = []
        for job in erased:
            try:
                await self._erase_webhooks(job.job_id)
                is_finished = await self._delete_files(job, letters_may_be_left=job.job_id in hidden)
            except ReelbusError as error:  # the tombstone says that there is more to delete
                extra = {"action": "sweep_failed", "job_id": job.job_id, "reason": str(error)}
                logger.warning("an erased job's files could not be deleted yet", extra=extra)
                is_finished = False
            if not is_finished:
                unfinished.append(job)
        return unfinished

    async def _erase_webhooks(self, job_id: str) -> None:
        """Erase the bodies of the job's webhooks, and the addresses of those that no courier will post any more."""
        if self.deliveries is None:
            return
        page = await self.deliveries.list(DeliveryQuery(job_id=job_id, limit=WEBHOOKS_AT_MOST))
        for delivery in page.deliveries:
            if delivery.body or (delivery.next_at is None and delivery.url):
                await self.deliveries.save(delivery.erase())

    async def _delete_letters(self, job_ids: Collection[str]) -> Collection[str]:
        """Delete the jobs' dead letters. Return the jobs whose letters another reader holds, or that may have more."""
        letters = await self.bus.dead_letters(limit=LETTERS_LOOKED_AT)
        hidden: set[str] = set()
        for letter in letters:
            job_id = job_id_of(letter.message)
            if job_id is None or job_id not in job_ids:
                continue
            try:
                await self.bus.delete_dead_letter(letter.id)
            except NotFound:  # it is deleted, or another reader holds it
                logger.info("a dead letter was gone already", extra={"action": "letter_gone", "letter_id": letter.id})
                if self.bus.dead_letter_reads_are_exclusive:
                    hidden.add(job_id)
        if len(letters) < LETTERS_LOOKED_AT:
            return hidden
        extra = {"action": "letters_beyond_reach", "seen": len(letters)}
        logger.warning("there are more dead letters than one look reads", extra=extra)
        return job_ids

    async def _delete_files(self, job: Job, *, letters_may_be_left: bool) -> bool:
        now = self.clock.now()
        if self.bus.dead_letter_reads_are_exclusive and now < (job.erased_at or now) + LETTERS_HIDE_FOR:
            letters_may_be_left = True  # another reader may hold a letter that this look did not show
        work = await self.videos.list(job_prefix(job.job_id))
        for name in (
            *(file.name for file in work),
            job.final_name,
            job.poster_name,
            job.checks_name,
            job.evaluation_name,
            *(call.rubrics for call in job.evaluations if call.rubrics),
            *job.variant_names,
        ):
            await self.videos.delete(name)
        if not await release_reference(job.request, self.jobs, self.videos, self.clock.now()):
            return False
        at = self.clock.now()
        is_last_check = job.sweep_until is None or at >= job.sweep_until
        if not (letters_may_be_left and is_last_check):  # otherwise no later check would find the letters
            await update_job(self.jobs, job.job_id, lambda _: FilesDeleted(at=at))
        return not letters_may_be_left
