"""Brings a caller without a key back to the job whose answer it missed: legacy callers retry, and each job costs money.

The promise lies in the record, so that it holds across facades and restarts.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from publisher.desk import Desk
from schemas.advance import advance
from schemas.change import change
from schemas.errors import Conflict, ReelbusError
from schemas.event import Answered, WaitEnded
from schemas.failure import Charged
from schemas.job import Job
from schemas.ports import JobQuery
from schemas.state import JobState

logger = logging.getLogger(__name__)
_LOOK_BACK = 20
"""Identical jobs that are looked at, the newest first."""


async def unanswered(desk: Desk, fingerprints: Sequence[str], caller: str | None) -> Job | None:
    """The newest job for this caller's identical request that went without an answer. The image is claimed already; the
    request has more than one fingerprint if its image may have had another name."""
    for fingerprint in fingerprints:
        page = await desk.jobs.list(JobQuery(fingerprint=fingerprint, caller=caller, limit=_LOOK_BACK))
        if found := next((job for job in page.jobs if _is_owed(desk, job)), None):
            logger.info("caller came back", extra={"action": "reattach_found", "job_id": found.job_id})
            return found
    return None


async def left(desk: Desk, job_id: str, reattach_s: float, *, seen: Job | None = None) -> bool:
    """The caller went without an answer: it may come back. False where that could not be noted.

    `seen` saves a read where the record has not changed since.
    """
    now = desk.clock.now()
    try:
        await _note(desk, job_id, WaitEnded(at=now, until=now + timedelta(seconds=reattach_s)), seen)
    except ReelbusError:
        logger.warning("caller can't come back", extra={"action": "reattach_unnoted", "job_id": job_id})
        return False
    return True


async def answered(desk: Desk, job: Job) -> None:
    """The caller has its video: the next identical call means a new one. Best effort."""
    if job.reattach_until is None:
        return
    try:
        await change(desk.jobs, job.job_id, lambda _: Answered(at=desk.clock.now()))
    except ReelbusError:
        logger.warning("answer was not noted", extra={"action": "reattach_unanswered", "job_id": job.job_id})


async def _note(desk: Desk, job_id: str, event: WaitEnded, seen: Job | None) -> None:
    if seen:
        with suppress(Conflict):
            await desk.jobs.save(advance(seen, event))
            return
    await change(desk.jobs, job_id, lambda _: event)


def _is_owed(desk: Desk, job: Job) -> bool:
    if job.reattach_until is None or job.reattach_until <= desk.clock.now():
        return False
    # A job that ended without costing anything is not worth coming back to: a new one may do better.
    return not job.ended or job.state is JobState.SUCCEEDED or _was_paid_in_vain(job)


def _was_paid_in_vain(job: Job) -> bool:
    return job.state is JobState.FAILED and job.failure is not None and job.failure.charged is not Charged.NO
