"""Looks at the messages that were given up, gives one another chance, or drops it."""

import logging

from publisher.desk import Desk
from publisher.payment import Payment, payments_for, payments_of
from publisher.replay import Agreement, revival
from schemas.change import change
from schemas.claim_check import open_image
from schemas.errors import Invalid, NotFound
from schemas.event import Replayed
from schemas.job import Job
from schemas.message import Message, NewerVersion, decode_command
from schemas.ports import DeadLetter
from schemas.request import VideoRequest

logger = logging.getLogger(__name__)


async def list_dead(desk: Desk, *, limit: int = 100) -> list[DeadLetter]:
    """What was given up, the newest first."""
    return await desk.bus.dead_letters(limit=limit)


async def show_dead(desk: Desk, letter_id: str) -> DeadLetter:
    """One of them. Raises `NotFound`."""
    letters = await desk.bus.dead_letters(id=letter_id)
    if not letters:
        raise NotFound(f"there is no dead letter {letter_id}")
    return letters[0]


async def replay_dead(desk: Desk, letter_id: str, *, agreed: Agreement | None = None) -> None:
    """Publishes it again. Its job, where it ended without a video, lives again first: what is paid is used.
    `agreed` says what a person agreed to pay for; without it nothing is asked.

    A job that only has the same id, for another request, stays as it is. Raises `NotFound`, and `Invalid` where the job
    was erased or would pay for anything else. A crash in between leaves a queued job, which `reconcile` publishes.
    """
    letter = await show_dead(desk, letter_id)
    job = await _job_of(desk, letter.message)
    if job is not None:
        if job.erased_at:
            raise Invalid(f"the job of dead letter {letter_id} was erased; drop the letter as well", field="letter_id")
        await change(desk.jobs, job.job_id, lambda newest: _dead_letter_revival(desk, newest, agreed))
    elif agreed:
        agreed.check(await _payments_of_a_new_job(desk, letter.message, agreed))
    await desk.bus.replay(letter_id)
    extra = {"action": "dead_replayed", "letter_id": letter_id, "job_id": job.job_id if job else None}
    logger.info("dead letter replayed", extra=extra)


async def drop_dead(desk: Desk, letter_id: str) -> None:
    """Takes it off the shelf for good; its job stays as it is. Raises `NotFound`."""
    await desk.bus.drop(letter_id)
    logger.info("dead letter dropped", extra={"action": "dead_dropped", "letter_id": letter_id})


def _dead_letter_revival(desk: Desk, job: Job, agreed: Agreement | None) -> Replayed | None:
    event = revival(desk, job)
    if agreed:
        agreed.check(payments_of(job, event, agreed.plan))
    return event


async def _payments_of_a_new_job(desk: Desk, message: Message, agreed: Agreement) -> tuple[Payment, ...]:
    """A request whose job was never made begins one. Another job's id begins nothing."""
    try:
        request = decode_command(message)
    except (Invalid, NewerVersion):
        return ()
    if not isinstance(request, VideoRequest) or await desk.jobs.get(request.job_id):
        return ()
    return payments_for(request, agreed.plan)


async def _job_of(desk: Desk, message: Message) -> Job | None:
    """The job that the message asks for. A cancel, what can't be read, or another job's id revives nothing."""
    try:
        command = decode_command(message)
        if not isinstance(command, VideoRequest):
            return None
        request = (await open_image(command, desk.videos, from_bus=True)).request  # the worker stores what it takes
    except (Invalid, NewerVersion):
        return None
    job = await desk.jobs.get(request.job_id)
    return job if job and job.fingerprint == request.fingerprint() else None
