"""Publish how a job ended, and release what it reserved of the budgets and never spent.

A completion may be published again: the id of its event is the same each time.
"""

import logging
from dataclasses import replace

from schemas.domain.events import Announced, ReservationsReturned
from schemas.domain.fallback import fallback_attributes
from schemas.domain.job import Job
from schemas.domain.projections import completion_of, defect_of, rejection
from schemas.errors import Conflict, NotFound, ReelbusError, Unavailable
from schemas.ports import COMPLETIONS, Delivery
from schemas.services.checks import read_checks
from schemas.services.update import ATTEMPTS, get_job, save_event
from schemas.wire.message import encode_completion, encode_rejection
from subscriber.context import WorkerContext

logger = logging.getLogger(__name__)


async def announce(ctx: WorkerContext, job: Job) -> Job:
    """Publish the completion of an ended job. The record changes only if its completion was due.

    Another process may announce the same end at the same time, or change the record in another way. The newest record
    then decides: its completion is published too, unless it is not due any more. Raises `Conflict` if other processes
    were faster in all of `ATTEMPTS` attempts.
    """
    for _ in range(ATTEMPTS):
        await _publish_completion(ctx, job)
        if not job.completion_due:
            return job
        try:
            return await save_event(ctx.jobs, job, Announced(at=ctx.clock.now()))
        except Conflict:
            job = await get_job(ctx.jobs, job.job_id)
            if not job.completion_due:
                return job
    raise Conflict(f"job {job.job_id} changed too often: its completion stays due")


async def _publish_completion(ctx: WorkerContext, job: Job) -> None:
    url = await ctx.videos.url_for(job.result.gcs_path) if job.result and not job.erased_at else None
    completion = completion_of(job, video_url=url)
    message = encode_completion(
        completion, at=ctx.clock.now(), traceparent=job.traceparent, caller=job.caller, defect=defect_of(job)
    )
    attributes = {**message.attributes, **fallback_attributes(job)}
    if ctx.checks and (checks := await read_checks(ctx.videos, job, scratch=ctx.scratch)):
        attributes["checks"] = checks.summary
    message = replace(message, attributes=attributes)
    await ctx.bus.publish(COMPLETIONS, message)
    logger.info("announced the end of a job", extra={"action": "announced", "job_id": job.job_id, "state": job.state})


async def reject(
    ctx: WorkerContext, delivery: Delivery, job_id: str | None, reason: ReelbusError, *, conflict: bool = False
) -> None:
    """Publish why a message is refused. The job whose id the message may name does not change."""
    completion = rejection(job_id, str(reason), field=getattr(reason, "field", None), conflict=conflict)
    about = {"action": "rejected", "job_id": job_id, "message_id": delivery.message_id, "reason": str(reason)}
    logger.warning("rejected a message", extra=about)
    answer = encode_rejection(completion, delivery.message, message_id=delivery.message_id, at=ctx.clock.now())
    await ctx.bus.publish(COMPLETIONS, answer)


async def release_unused_budget(ctx: WorkerContext, job: Job) -> None:
    """Release what the job never spent, once: only the process that takes it off the record releases it.

    It may be skipped: an outage is logged, and does not fail the job.
    """
    if not (job.ended and job.unused_reservations):
        return
    try:
        known = await get_job(ctx.jobs, job.job_id)
        if known.ended and known.unused_reservations:
            await save_event(ctx.jobs, known, ReservationsReturned(at=ctx.clock.now()))
            ctx.guard.queue_release(known.unused_reservations)
    except (Conflict, NotFound, Unavailable) as error:
        about = {"action": "reservation_kept", "job_id": job.job_id, "reason": str(error)}
        logger.info("could not release an unused reservation yet", extra=about)
