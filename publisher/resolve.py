"""A person's word about a clip that nobody knows about: it was charged, it was not, or it is to be sent again.

A film that lies under the clip's prefix settles the matter before anybody's word: it is adopted.
"""

import logging
from dataclasses import dataclass
from enum import StrEnum

from publisher.cancel import announce
from publisher.desk import Desk
from publisher.evidence import Attempt, Doubt, Evidence, doubtful, gather, sent_since
from publisher.replay import replay
from publisher.status import find
from schemas.change import change
from schemas.errors import Invalid
from schemas.event import AcceptedLate, FoundUnderPrefix, Resolved, Resubmit, Step
from schemas.job import Job
from schemas.ledger import Clip
from schemas.names import marker_name
from schemas.state import ClipState, JobState

logger = logging.getLogger(__name__)

YOUNG_S = 90.0
"""A submit is left alone for so long by everybody but its owner, who may still be sending it."""


class Word(StrEnum):
    """What a person says."""

    CHARGED = "charged"
    NOT_CHARGED = "not_charged"
    RESUBMIT = "resubmit"


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution:
    """What became of it."""

    job: Job
    clip: int
    adopted: str | None
    """The film that was found, and taken instead of the word."""


async def evidence(desk: Desk, job_id: str) -> Evidence:
    """What is known, and nothing is changed. Raises `NotFound`, and `Invalid` where no clip is in doubt."""
    job = await find(desk, job_id)
    _check(desk, job)
    return await gather(desk, job)


async def resolve(desk: Desk, job_id: str, word: Word, *, clip: int | None = None) -> Resolution:
    """The job after that word. Raises `NotFound`, and `Invalid` for a clip that is not in doubt or was just sent."""
    job = await find(desk, job_id)
    _check(desk, job)
    doubt = _chosen(await gather(desk, job), clip)
    film = next((attempt.film for attempt in _usable(job, doubt) if attempt.film), None)
    job = await (_adopt(desk, job, doubt, film) if film else _obey(desk, job, doubt, word))
    if job.completion_due:
        job = await announce(desk, job, job.traceparent)
    extra = {"action": "resolved", "job_id": job_id, "clip": doubt.clip, "word": word, "adopted": film}
    logger.warning("a person resolved a clip", extra=extra)
    return Resolution(job=job, clip=doubt.clip, adopted=film)


def _check(desk: Desk, job: Job) -> None:
    young = next((clip for clip in job.clips if _is_young(desk, job, clip)), None)
    if young and not job.ended:
        raise Invalid(
            f"clip {young.index} of job {job.job_id} was sent {sent_since(job, young, desk.clock.now()):.0f} s ago and "
            f"may still be answered; wait until {YOUNG_S:.0f} s are over",
            field="job_id",
        )
    if not job.ended and job.clip_in(ClipState.SUBMITTING):
        words = f"job {job.job_id} is being submitted, and no worker has looked after it since; start one, it judges it"
        raise Invalid(words, field="job_id")
    if not doubtful(job):
        raise Invalid(f"no clip of job {job.job_id} is in doubt ({job.state}, charged: {job.charged})", field="job_id")


def _is_young(desk: Desk, job: Job, clip: Clip) -> bool:
    open_ = clip.state in (ClipState.SUBMITTING, ClipState.UNKNOWN)
    return open_ and sent_since(job, clip, desk.clock.now()) < YOUNG_S


def _chosen(known: Evidence, clip: int | None) -> Doubt:
    numbers = [doubt.clip for doubt in known.doubts]
    if clip is None and len(numbers) > 1:
        raise Invalid(f"clip must be given: {', '.join(map(str, numbers))} are in doubt", field="clip")
    chosen = [doubt for doubt in known.doubts if clip in (None, doubt.clip)]
    if not chosen:
        raise Invalid(f"clip {clip} of job {known.job_id} is not in doubt; {numbers[0]} is", field="clip")
    return chosen[0]


def _usable(job: Job, doubt: Doubt) -> tuple[Attempt, ...]:
    """Where a film may lie that settles it. A live job's worker looks at the lost ones itself before it sends."""
    present = (doubt.present,) if doubt.present else ()
    return (*present, *doubt.lost) if job.ended else present


async def _adopt(desk: Desk, job: Job, doubt: Doubt, film: str) -> Job:
    """A live job goes on with it. In an ended one it stands as charged, and a replay makes the video of it for free."""
    at = desk.clock.now()
    late = AcceptedLate(at=at, clip=doubt.clip, nonce="", operation=film)
    found = FoundUnderPrefix(at=at, clip=doubt.clip, output=film, held=False)
    return await _changed(desk, job, doubt, late if job.ended else found)


async def _obey(desk: Desk, job: Job, doubt: Doubt, word: Word) -> Job:
    at = desk.clock.now()
    if word is not Word.RESUBMIT:
        return await _changed(desk, job, doubt, Resolved(at=at, clip=doubt.clip, charged=word is Word.CHARGED))
    if doubt.present:  # the record knows the attempt: its marker would only hold up a worker of an earlier version
        await desk.videos.delete(marker_name(doubt.present.prefix))
    if not job.ended:
        return await _changed(desk, job, doubt, Resubmit(at=at, clip=doubt.clip, held=False))
    if doubt.present is None or job.state is JobState.SUCCEEDED:
        words = f"clip {doubt.clip} of job {job.job_id} waits for nothing; `reelbus replay` lets a job live again"
        raise Invalid(words, field="clip")
    return await replay(desk, job.job_id, resubmit=doubt.clip)


async def _changed(desk: Desk, seen: Job, doubt: Doubt, event: Step) -> Job:
    """The evidence was gathered a moment ago: where the clip has moved since, a person should look again."""

    def still(newest: Job) -> Step:
        if (newest.life, newest.ended, newest.clips[doubt.clip]) != (seen.life, seen.ended, seen.clips[doubt.clip]):
            raise Invalid(f"job {seen.job_id} moved on in the meantime; look at it again", field="job_id")
        return event

    return await change(desk.jobs, seen.job_id, still)
