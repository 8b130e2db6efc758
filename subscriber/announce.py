"""Tells everybody downstream how a job ended. May be repeated: the event's id is the same each time.

Frees what an ended job reserved of the budgets and never spent.
"""

import logging
from dataclasses import replace

from schemas.domain.events import Announced, ReservationsReturned
from schemas.domain.fallback import fallback_attributes
from schemas.domain.job import Job
from schemas.domain.projections import completion_of, defect_of, rejection
from schemas.errors import Conflict, NotFound, ReelbusError, Unavailable
from schemas.ports import COMPLETIONS, Delivery
from schemas.services.update import get_job, save_event
from schemas.wire.message import encode_completion, encode_rejection
from subscriber.context import WorkerContext

logger = logging.getLogger(__name__)


async def announce(ctx: WorkerContext, job: Job) -> Job:
    """Publishes the completion of an ended job; the record is touched only where it still owed one."""
    url = await ctx.videos.url_for(job.result.gcs_path) if job.result and not job.erased_at else None
    completion = completion_of(job, video_url=url)
    message = encode_completion(
        completion, at=ctx.clock.now(), traceparent=job.traceparent, caller=job.caller, defect=defect_of(job)
    )
    message = replace(message, attributes={**message.attributes, **fallback_attributes(job)})
    await ctx.bus.publish(COMPLETIONS, message)
    logger.info("announced the end of a job", extra={"action": "announced", "job_id": job.job_id, "state": job.state})
    return await save_event(ctx.jobs, job, Announced(at=ctx.clock.now())) if job.completion_due else job


async def reject(
    ctx: WorkerContext, delivery: Delivery, job_id: str | None, reason: ReelbusError, *, conflict: bool = False
) -> None:
    """Answers a message that is no job of ours; the one it may name is not touched."""
    completion = rejection(job_id, str(reason), field=getattr(reason, "field", None), conflict=conflict)
    about = {"action": "rejected", "job_id": job_id, "message_id": delivery.message_id, "reason": str(reason)}
    logger.warning("rejected a message", extra=about)
    answer = encode_rejection(completion, delivery.message, message_id=delivery.message_id, at=ctx.clock.now())
    await ctx.bus.publish(COMPLETIONS, answer)


async def release_unused_budget(ctx: WorkerContext, job: Job) -> None:
    """Whoever takes it off the record gives it back, so that it is freed once. Never raises: nobody waits for it."""
    if not (job.ended and job.unused_reservations):
        return
    try:
        known = await get_job(ctx.jobs, job.job_id)
        if known.ended and known.unused_reservations:
            await save_event(ctx.jobs, known, ReservationsReturned(at=ctx.clock.now()))
            ctx.guard.queue_release(known.unused_reservations)
    except (Conflict, NotFound, Unavailable) as error:
        about = {"action": "reservation_kept", "job_id": job.job_id, "reason": str(error)}
        logger.info("an unused reservation stays for now", extra=about)
