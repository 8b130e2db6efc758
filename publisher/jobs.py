"""Lists jobs, the newest first.

Ends a job that nobody wants any more. Free before a submit; later what was accepted stays charged.
"""

import logging

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from publisher.context import PublisherContext, find, outline
from schemas.domain.events import Announced, CancelRequested
from schemas.domain.job import Job
from schemas.domain.projections import JobView, completion_of
from schemas.domain.states import JobState
from schemas.errors import Invalid, ReelbusError, Unavailable
from schemas.ports import COMPLETIONS, REQUESTS, JobQuery
from schemas.services.update import update_job
from schemas.wire.message import encode_cancel, encode_completion
from schemas.wire.request import CancelRequest
from schemas.wire.validation import to_invalid

logger = logging.getLogger(__name__)


LIMIT_MAX = 200


class Listing(BaseModel):
    """One page of jobs."""

    model_config = ConfigDict(frozen=True)

    videos: list[JobView]
    next_cursor: str | None = Field(default=None, description="Give it back as `cursor`; null on the last page.")


async def list_jobs(
    desk: PublisherContext,
    *,
    state: str | None,
    project_id: str | None,
    cursor: str | None,
    limit: int = 50,
    caller: str | None = None,
    jobs_of: str | None = None,
) -> Listing:
    """A page of jobs that fit; for a `caller` only its own, by its own ids.

    An operator names a caller with `jobs_of`, and sees stored ids. Raises `Invalid` for a bad state, cursor or limit.
    """
    if not 1 <= limit <= LIMIT_MAX:
        raise Invalid(f"limit must be a whole number from 1 to {LIMIT_MAX}", field="limit")
    query = JobQuery(states=_states(state), project_id=project_id, caller=caller or jobs_of, cursor=cursor, limit=limit)
    page = await desk.jobs.list(query)
    return Listing(videos=[await outline(desk, job, caller=caller) for job in page.jobs], next_cursor=page.cursor)


def _states(state: str | None) -> frozenset[JobState]:
    if state is None:
        return frozenset()
    try:
        return frozenset({JobState(state)})
    except ValueError:
        raise Invalid(f"state must be one of {', '.join(JobState)}", field="state") from None


async def cancel(
    desk: PublisherContext,
    job_id: str,
    *,
    reason: str | None = None,
    traceparent: str | None = None,
    caller: str | None = None,
) -> Job:
    """The job after the wish: cancelled, or marked where a submit is under way. An ended job comes back unchanged.

    Raises `NotFound` (for a `caller` also where the job is somebody else's), `Invalid` for a reason that is too long,
    `Unavailable`.
    """
    job = await find(desk, job_id, caller=caller)
    if job.has_ended:
        return job
    nudge = _nudge(job.job_id, reason)
    job = await update_job(desk.jobs, job.job_id, lambda newest: _cancel_event(desk, newest, reason))
    if job.completion_due:
        job = await announce(desk, job, traceparent)
    await _send(desk, nudge, traceparent)
    logger.info("job cancelled", extra={"action": "job_cancelled", "job_id": job.job_id, "state": job.state})
    return job


def _nudge(job_id: str, reason: str | None) -> CancelRequest:
    try:
        return CancelRequest(job_id=job_id, reason=reason)
    except ValidationError as error:
        raise to_invalid(error) from error


def _cancel_event(desk: PublisherContext, job: Job, reason: str | None) -> CancelRequested | None:
    return None if job.has_ended else CancelRequested(at=desk.clock.now(), reason=reason, held=False)


async def announce(desk: PublisherContext, job: Job, traceparent: str | None) -> Job:
    """The end of a job without a video, told at once. Best effort: `completion_due` stays set where this fails, and
    `reconcile` tells it."""
    now = desk.clock.now()
    completion = completion_of(job, video_url=None)
    message = encode_completion(completion, at=now, traceparent=traceparent, caller=job.caller)
    try:
        await desk.bus.publish(COMPLETIONS, message)
        return await update_job(
            desk.jobs, job.job_id, lambda newest: Announced(at=now) if newest.life == job.life else None
        )
    except ReelbusError:
        logger.warning("completion is left to reconcile", extra={"action": "cancel_unannounced", "job_id": job.job_id})
        return job


async def _send(desk: PublisherContext, nudge: CancelRequest, traceparent: str | None) -> None:
    """Tells the worker that renders it. The record has the wish already, so a lost nudge only costs time."""
    try:
        await desk.bus.publish(REQUESTS, encode_cancel(nudge, at=desk.clock.now(), traceparent=traceparent))
    except Unavailable:
        logger.warning("cancel was not sent", extra={"action": "cancel_unsent", "job_id": nudge.job_id})
