"""List jobs, and cancel a job. A cancelled job costs nothing before a submit; what a model accepted stays charged."""

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
    next_cursor: str | None = Field(default=None, description="The `cursor` of the next page; null on the last page.")


async def list_jobs(
    ctx: PublisherContext,
    *,
    state: str | None,
    project_id: str | None,
    cursor: str | None,
    limit: int = 50,
    caller: str | None = None,
    jobs_of: str | None = None,
) -> Listing:
    """Return a page of the jobs that match; for a `caller` only its own jobs, by its own ids.

    An operator names a caller with `jobs_of`, and sees stored ids. Raises `Invalid` for a bad state, cursor or limit.
    """
    if not 1 <= limit <= LIMIT_MAX:
        raise Invalid(f"limit must be a whole number from 1 to {LIMIT_MAX}", field="limit")
    try:
        states = frozenset() if state is None else frozenset({JobState(state)})
    except ValueError:
        raise Invalid(f"state must be one of {', '.join(JobState)}", field="state") from None
    query = JobQuery(states=states, project_id=project_id, caller=caller or jobs_of, cursor=cursor, limit=limit)
    page = await ctx.jobs.list(query)
    return Listing(videos=[await outline(ctx, job, caller=caller) for job in page.jobs], next_cursor=page.cursor)


async def cancel(
    ctx: PublisherContext,
    job_id: str,
    *,
    reason: str | None = None,
    traceparent: str | None = None,
    caller: str | None = None,
) -> Job:
    """Cancel the job and return it, or mark it if a submit is under way. A job that has ended stays unchanged.

    Raises `NotFound` (for a `caller` also if the job belongs to another caller), `Invalid` for a reason that is too
    long, and `Unavailable`.
    """

    def decide(newest: Job) -> CancelRequested | None:
        return None if newest.ended else CancelRequested(at=ctx.clock.now(), reason=reason, held=False)

    job = await find(ctx, job_id, caller=caller)
    if job.ended:
        return job
    try:
        request = CancelRequest(job_id=job.job_id, reason=reason)
    except ValidationError as error:
        raise to_invalid(error) from error
    job = await update_job(ctx.jobs, job.job_id, decide)
    if job.completion_due:
        job = await announce(ctx, job, traceparent)
    try:
        await ctx.bus.publish(REQUESTS, encode_cancel(request, at=ctx.clock.now(), traceparent=traceparent))
    except Unavailable:  # the record holds the request, so a lost message to the worker only costs time
        logger.warning("cancel was not sent", extra={"action": "cancel_unsent", "job_id": job.job_id})
    logger.info("job cancelled", extra={"action": "job_cancelled", "job_id": job.job_id, "state": job.state})
    return job


async def announce(ctx: PublisherContext, job: Job, traceparent: str | None) -> Job:
    """Publish the completion of a job that ended without a video, and return the job.

    This is best effort: if it fails, `completion_due` stays set and `reconcile` publishes the completion.
    """
    now = ctx.clock.now()
    completion = completion_of(job, video_url=None)
    message = encode_completion(completion, at=now, traceparent=traceparent, caller=job.caller)
    try:
        await ctx.bus.publish(COMPLETIONS, message)
        return await update_job(
            ctx.jobs, job.job_id, lambda newest: Announced(at=now) if newest.life == job.life else None
        )
    except ReelbusError:
        logger.warning("completion is left to reconcile", extra={"action": "cancel_unannounced", "job_id": job.job_id})
        return job
