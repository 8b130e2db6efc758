"""Cancels the jobs of a film's scenes for which nothing was sent. What was sent is paid, and goes on."""

from schemas.domain.events import CancelRequested, Step
from schemas.domain.film import Film
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import NotFound
from schemas.ports import REQUESTS, Bus, Clock, JobStore
from schemas.services.update import update_job
from schemas.wire.message import encode_cancel
from schemas.wire.request import CancelRequest

_REASON = "its film was cancelled"


async def cancel_scenes(film: Film, *, jobs: JobStore, bus: Bus, clock: Clock) -> None:
    """Cancel the jobs, and tell the workers. It may be repeated. Raises `Unavailable`."""

    def decide(newest: Job) -> Step | None:
        if newest.ended or newest.started or newest.cancel_requested:
            return None
        return CancelRequested(at=clock.now(), reason=_REASON, held=False)

    for job_id in film.job_ids:
        try:
            job = await update_job(jobs, job_id, decide)
        except NotFound:
            continue
        if job.cancel_requested or job.state is JobState.CANCELLED:
            cancel = CancelRequest(job_id=job_id, reason=_REASON)
            await bus.publish(REQUESTS, encode_cancel(cancel, at=clock.now()))
