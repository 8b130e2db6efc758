"""Cancels the jobs of a film's scenes for which nothing was sent. What was sent is paid, and goes on."""

import asyncio
from datetime import datetime
from functools import partial

from schemas.domain.events import CancelRequested, Step
from schemas.domain.film import Film
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import NotFound
from schemas.ports import REQUESTS, Bus, Clock, Films, JobStore
from schemas.services.update import update_job
from schemas.wire.message import encode_cancel
from schemas.wire.request import CancelRequest

_REASON = "its film was cancelled"


async def cancel_scenes(film: Film, *, films: Films, jobs: JobStore, bus: Bus, clock: Clock) -> None:
    """Cancel the jobs, and tell the workers. It may be repeated. A film that went on meanwhile keeps its jobs.

    Raises `Unavailable`.
    """
    # The jobs come before the film: what its next revision queues again has a later life than the one read here.
    found = await asyncio.gather(*(jobs.get(job_id) for job_id in film.job_ids))
    newest = await films.get(film.film_id)
    if newest is None or (newest.state, newest.request.revision) != (film.state, film.request.revision):
        return
    for seen in filter(None, found):
        try:
            job = await update_job(jobs, seen.job_id, partial(_decide, seen, clock.now()))
        except NotFound:
            continue
        if job.life == seen.life and (job.cancel_requested or job.state is JobState.CANCELLED):
            cancel = CancelRequest(job_id=job.job_id, reason=_REASON)
            await bus.publish(REQUESTS, encode_cancel(cancel, at=clock.now(), life=job.life))


def _decide(seen: Job, at: datetime, newest: Job) -> Step | None:
    if newest.life != seen.life or newest.ended or newest.started or newest.cancel_requested:
        return None
    return CancelRequested(at=at, reason=_REASON, held=False)
