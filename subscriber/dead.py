"""Ends the jobs of requests that were given up. The message itself stays on the shelf until a person takes it."""

import logging

from schemas import event as ev
from schemas.change import change
from schemas.errors import IdReused, Invalid
from schemas.failure import Category, Failure
from schemas.job import Job
from schemas.message import Message, NewerVersion, decode_command
from schemas.ports import MAX_DELIVERIES, Delivery
from schemas.request import VideoRequest
from subscriber.announcement import announce
from subscriber.handling import Handler
from subscriber.intake import job_for
from subscriber.workshop import Workshop

log = logging.getLogger(__name__)


async def handle_dead(handler: Handler, delivery: Delivery) -> None:
    """Terminal job: its completion again. Something paid, or perhaps paid: resume. Nothing paid: fail it."""
    if await _was_replayed(handler.shop, delivery.message):
        await delivery.ack()
        return
    job = await _job_of(handler.shop, delivery.message)
    if job is None:
        log.warning("a dead letter speaks of no job", extra={"action": "dead_letter_kept"})
    elif job.ended:
        await announce(handler.shop, job)
    elif job.started:
        await handler.finish(job)
    else:
        log.warning("failing the job of a dead letter", extra={"action": "dead_lettered", "job_id": job.job_id})
        failed = await change(handler.shop.jobs, job.job_id, lambda known: _failure(handler.shop, known))
        await handler.finish(failed)
    await delivery.ack()


async def _was_replayed(shop: Workshop, message: Message) -> bool:
    """Somebody took the letter off the shelf again before we heard of it: its job is not to be ended."""
    letter = message.attributes.get("dead_letter_id")
    return letter is not None and not await shop.bus.dead_letters(id=letter)


async def _job_of(shop: Workshop, message: Message) -> Job | None:
    """The job that the message asked for; None for a message that is none, or names somebody else's id."""
    try:
        request = decode_command(message)
        if not isinstance(request, VideoRequest):
            return None
        return await job_for(shop, request, traceparent=message.traceparent)
    except (Invalid, NewerVersion, IdReused):
        return None


def _failure(shop: Workshop, job: Job) -> ev.Failed | None:
    if job.ended or job.started:
        return None
    return ev.Failed(at=shop.clock.now(), failure=_GIVEN_UP, held=False)


_GIVEN_UP = Failure(
    category=Category.INTERNAL,
    code="dead_lettered",
    message=f"The request was delivered {MAX_DELIVERIES} times without success and given up; nothing was charged.",
    retryable=True,
)
