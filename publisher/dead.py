"""Looks at the messages that were given up, and gives one another chance."""

import logging

from publisher.desk import Desk
from schemas.change import change
from schemas.errors import NotFound, ReelbusError
from schemas.event import Replayed
from schemas.job import QUEUED_AT_MOST, Job
from schemas.message import Message, decode_command
from schemas.ports import DeadLetter
from schemas.request import VideoRequest
from schemas.state import JobState

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


async def replay_dead(desk: Desk, letter_id: str) -> None:
    """Publishes it again. Its job, where it ended without a video, lives again first: what is paid is used.

    Raises `NotFound`. A crash in between leaves a queued job, which `reconcile` publishes.
    """
    letter = await show_dead(desk, letter_id)
    job_id = _requested(letter.message)
    if job_id is not None and await desk.jobs.get(job_id) is not None:
        await change(desk.jobs, job_id, lambda job: _revived(desk, job))
    await desk.bus.replay(letter_id)
    logger.info("dead letter replayed", extra={"action": "dead_replayed", "letter_id": letter_id, "job_id": job_id})


def _requested(message: Message) -> str | None:
    """The job that the message asks for. A cancel, or what can't be read, revives nothing."""
    try:
        command = decode_command(message)
    except ReelbusError:
        return None
    return command.job_id if isinstance(command, VideoRequest) else None


def _revived(desk: Desk, job: Job) -> Replayed | None:
    if not job.ended or job.state is JobState.SUCCEEDED:
        return None
    now = desk.clock.now()
    return Replayed(at=now, deadline=now + QUEUED_AT_MOST)
