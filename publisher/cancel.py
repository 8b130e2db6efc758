"""Ends a job that nobody wants any more. Free before a submit; later what was accepted stays charged."""

import logging

from pydantic import ValidationError

from publisher.desk import Desk
from publisher.status import find
from schemas.cancel import CancelRequest
from schemas.change import change
from schemas.complaint import invalid
from schemas.ending import completion_of
from schemas.errors import ReelbusError, Unavailable
from schemas.event import Announced, CancelWished
from schemas.job import Job
from schemas.message import encode_cancel, encode_completion
from schemas.ports import COMPLETIONS, REQUESTS

logger = logging.getLogger(__name__)


async def cancel(
    desk: Desk,
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
    if job.ended:
        return job
    nudge = _nudge(job.job_id, reason)
    job = await change(desk.jobs, job.job_id, lambda newest: _wish(desk, newest, reason))
    if job.completion_due:
        job = await announce(desk, job, traceparent)
    await _send(desk, nudge, traceparent)
    logger.info("job cancelled", extra={"action": "job_cancelled", "job_id": job.job_id, "state": job.state})
    return job


def _nudge(job_id: str, reason: str | None) -> CancelRequest:
    try:
        return CancelRequest(job_id=job_id, reason=reason)
    except ValidationError as error:
        raise invalid(error) from error


def _wish(desk: Desk, job: Job, reason: str | None) -> CancelWished | None:
    return None if job.ended else CancelWished(at=desk.clock.now(), reason=reason, held=False)


async def announce(desk: Desk, job: Job, traceparent: str | None) -> Job:
    """The end of a job without a video, told at once. Best effort: `completion_due` stays set where this fails, and
    `reconcile` tells it."""
    now = desk.clock.now()
    completion = completion_of(job, video_url=None)
    message = encode_completion(completion, at=now, traceparent=traceparent, caller=job.caller)
    try:
        await desk.bus.publish(COMPLETIONS, message)
        return await change(
            desk.jobs, job.job_id, lambda newest: Announced(at=now) if newest.life == job.life else None
        )
    except ReelbusError:
        logger.warning("completion is left to reconcile", extra={"action": "cancel_unannounced", "job_id": job.job_id})
        return job


async def _send(desk: Desk, nudge: CancelRequest, traceparent: str | None) -> None:
    """Tells the worker that renders it. The record has the wish already, so a lost nudge only costs time."""
    try:
        await desk.bus.publish(REQUESTS, encode_cancel(nudge, at=desk.clock.now(), traceparent=traceparent))
    except Unavailable:
        logger.warning("cancel was not sent", extra={"action": "cancel_unsent", "job_id": nudge.job_id})
