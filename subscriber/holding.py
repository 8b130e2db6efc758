"""Leaves to another worker what this one does not know: a message of a later version, the job of a later record, or a
clip of another provider.

A held message comes again after a while, to any worker, and never dies of its many deliveries. One that has only keys
or words that this version does not know may also be a publisher's slip. It is held for as long as a job may wait to be
started, and is then rejected like any other invalid message.
"""

import logging
from collections.abc import Mapping
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from schemas import event as ev
from schemas.errors import Conflict, NewerRecord, OtherModel
from schemas.job import QUEUED_AT_MOST, Job
from schemas.kinds import Moment, isoformat
from schemas.message import HELD_SINCE, Message, NewerVersion, UnknownContent, claimed_job_id
from schemas.ports import MAX_DELIVERIES, REQUESTS, Delivery
from schemas.request import VideoRequest
from schemas.state import JobState
from subscriber.announcement import announce, reject
from subscriber.workshop import Workshop

log = logging.getLogger(__name__)

HOLD_FIRST_S = 5.0
HOLD_AT_MOST_S = 600.0
"""A newer worker of the same fleet takes it within seconds; the pauses double up to the longest that a bus allows."""
NEWER_WORKER = "newer_worker"
"""What a job waits for whose request this version does not know."""
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


async def hold(shop: Workshop, delivery: Delivery, error: NewerVersion | NewerRecord | OtherModel) -> None:
    """Settle the delivery so that it comes again. A message about to be given up for its many deliveries begins afresh.

    A message of unknown content is settled for good where its job ended, and rejected when its time is over.
    """
    if isinstance(error, UnknownContent) and await _settle(shop, delivery, error):
        return
    action = "other_model" if isinstance(error, OtherModel) else "newer_version"
    extra = {"action": action, "job_id": claimed_job_id(delivery.message), "reason": str(error)}
    log.warning("holding a message for another worker", extra=extra)
    if delivery.attempt < MAX_DELIVERIES - 1:
        await delivery.nack(delay_s=min(HOLD_AT_MOST_S, HOLD_FIRST_S * float(2**delivery.attempt)))
    else:
        await _publish_again(shop, delivery, {})


async def _settle(shop: Workshop, delivery: Delivery, unknown: UnknownContent) -> bool:
    """True if the delivery is settled: its job ended, its time is over, or a copy that says since when replaces it."""
    now = shop.clock.now()
    job = await _job_of_unknown(shop, unknown)
    since = _held_since(delivery.message)
    if job and job.ended:
        await announce(shop, job)
        await delivery.ack()
    elif since is None:
        await _publish_again(shop, delivery, {HELD_SINCE: isoformat(now)})
    elif now < _held_until(unknown, since):
        return False
    elif job and job.state is JobState.QUEUED and now >= job.deadline:
        await announce(shop, await shop.write(job, ev.Expired(at=now)))
        await delivery.ack()
    else:
        await reject(shop, delivery.message, claimed_job_id(delivery.message), unknown.reason)
        await delivery.bury(f"{unknown.reason}; no newer worker came since {isoformat(since)}")
    return True


async def _job_of_unknown(shop: Workshop, unknown: UnknownContent) -> Job | None:
    """The job that the message asks for, if it has a record that this version can read; it says what it waits for."""
    request = unknown.command
    if not isinstance(request, VideoRequest):
        return None
    try:
        job = await shop.jobs.get(request.job_id)
        if job is None or job.fingerprint != request.fingerprint():
            return None
        if job.state is JobState.QUEUED and job.waiting_for != NEWER_WORKER:
            return await shop.write(job, ev.NewerWorkerNeeded(at=shop.clock.now(), waiting_for=NEWER_WORKER))
    except (Conflict, NewerRecord):  # the next delivery looks again
        return None
    return job


async def _publish_again(shop: Workshop, delivery: Delivery, more: Mapping[str, str]) -> None:
    message = delivery.message
    again = Message(data=message.data, attributes={**message.attributes, **more})
    await shop.bus.publish(REQUESTS, again)
    await delivery.ack()


def _held_since(message: Message) -> datetime | None:
    """None for a message that no worker held yet, or whose mark is none of ours."""
    try:
        return _MOMENT.validate_python(message.attributes[HELD_SINCE])
    except (KeyError, ValidationError):
        return None


def _held_until(unknown: UnknownContent, since: datetime) -> datetime:
    start_before = unknown.command.start_before if isinstance(unknown.command, VideoRequest) else None
    latest = since + QUEUED_AT_MOST
    return min(start_before, latest) if start_before else latest
