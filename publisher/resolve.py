"""A person's word about a clip that nobody knows about: it was charged, it was not, or it is to be sent again.

A film that lies under the clip's prefix settles the matter before anybody's word: it is adopted.

What is known about the clips of a job whose charge nobody knows: for a person who has to judge.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from publisher.context import PublisherContext, find
from publisher.dead_letters import replay
from publisher.jobs import announce
from schemas.domain.clip import Clip
from schemas.domain.events import AcceptedLate, FoundUnderPrefix, Resolved, Resubmit, Step
from schemas.domain.job import Job
from schemas.domain.object_names import marker_name
from schemas.domain.states import ClipState, JobState
from schemas.errors import Charged, Invalid
from schemas.services.update import update_job
from schemas.wire.types import Moment, Usd

logger = logging.getLogger(__name__)


LOG_ACTIONS = ("submit_unknown", "submit_unknown_failed", "generation_lost", "accepted_late", "found_late")
"""What a worker says about such clips; `docs/operations.md` has the whole list."""


class Attempt(BaseModel):
    """Where one attempt's files go, and what lies there now."""

    model_config = ConfigDict(frozen=True)

    prefix: str
    files: tuple[str, ...]

    @property
    def video(self) -> str | None:
        """The finished film among them."""
        return next((name for name in self.files if name.endswith(".mp4")), None)


class UnresolvedClip(BaseModel):
    """One clip in doubt."""

    model_config = ConfigDict(frozen=True)

    clip: int
    state: ClipState
    model: str
    price_usd: Usd
    charged: Charged
    attempt: int
    sent_at: Moment | None
    sent_by: str | None
    nonce: str | None
    operation: str | None
    cause: str | None
    present: Attempt | None = Field(description="The attempt in doubt; null where only earlier ones are.")
    lost: tuple[Attempt, ...] = Field(description="Earlier attempts whose outcome was never learnt.")
    late: tuple[str, ...] = Field(description="Operations that turned up late: charged already.")


class Evidence(BaseModel):
    """A job and its clips in doubt."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    state: JobState
    life: int
    charged: Charged
    cost_usd: Usd
    doubts: tuple[UnresolvedClip, ...]
    log: str = Field(description="What to look for in the workers' logs.")


async def gather(desk: PublisherContext, job: Job) -> Evidence:
    """The evidence as of now, the store's listing included. Raises `Unavailable`."""
    return Evidence(
        job_id=job.job_id,
        state=job.state,
        life=job.life,
        charged=job.charged,
        cost_usd=job.cost_usd,
        doubts=tuple([await _doubt(desk, clip) for clip in unresolved_clips(job)]),
        log=f"job_id {job.job_id} with action {', '.join(LOG_ACTIONS)}",
    )


def unresolved_clips(job: Job) -> list[Clip]:
    """Its clips in doubt. A lost attempt of a job that goes on is none: the job's own end judges it."""
    return [clip for clip in job.clips if clip.is_in_doubt or (job.has_ended and clip.unresolved_prefixes)]


def first_submit_at(job: Job, clip: Clip, now: datetime) -> float:
    """Seconds since the clip was sent, by the store's clock where that is known."""
    return ((job.read_at or now) - (clip.submitting_at or job.created_at)).total_seconds()


async def _doubt(desk: PublisherContext, clip: Clip) -> UnresolvedClip:
    return UnresolvedClip(
        clip=clip.index,
        state=clip.state,
        model=clip.planned.model,
        price_usd=clip.planned.price_usd,
        charged=clip.charged,
        attempt=clip.attempt,
        sent_at=clip.submitting_at,
        sent_by=clip.owner,
        nonce=clip.nonce,
        operation=clip.operation,
        cause=f"{clip.cause.code}: {clip.cause.message}" if clip.cause else None,
        present=await _attempt(desk, clip.prefix) if clip.is_in_doubt and clip.prefix else None,
        lost=tuple([await _attempt(desk, prefix) for prefix in clip.lost_prefixes]),
        late=clip.late,
    )


async def _attempt(desk: PublisherContext, prefix: str) -> Attempt:
    return Attempt(prefix=prefix, files=tuple(file.name for file in await desk.videos.list(prefix)))


MIN_SUBMIT_AGE_S = 90.0
"""A submit is left alone for so long by everybody but its owner, who may still be sending it."""


class Decision(StrEnum):
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


async def evidence(desk: PublisherContext, job_id: str) -> Evidence:
    """What is known, and nothing is changed. Raises `NotFound`, and `Invalid` where no clip is in doubt."""
    job = await find(desk, job_id)
    _check(desk, job)
    return await gather(desk, job)


async def resolve(desk: PublisherContext, job_id: str, word: Decision, *, clip: int | None = None) -> Resolution:
    """The job after that word. Raises `NotFound`, and `Invalid` for a clip that is not in doubt or was just sent."""
    job = await find(desk, job_id)
    _check(desk, job)
    doubt = _chosen(await gather(desk, job), clip)
    film = next((attempt.video for attempt in _usable(job, doubt) if attempt.video), None)
    job = await (_adopt(desk, job, doubt, film) if film else _apply(desk, job, doubt, word))
    if job.completion_due:
        job = await announce(desk, job, job.traceparent)
    extra = {"action": "resolved", "job_id": job_id, "clip": doubt.clip, "word": word, "adopted": film}
    logger.warning("a person resolved a clip", extra=extra)
    return Resolution(job=job, clip=doubt.clip, adopted=film)


def _check(desk: PublisherContext, job: Job) -> None:
    young = next((clip for clip in job.clips if _is_young(desk, job, clip)), None)
    if young and not job.has_ended:
        age_s = first_submit_at(job, young, desk.clock.now())
        raise Invalid(
            f"clip {young.index} of job {job.job_id} was sent {age_s:.0f} s ago and may still be answered; "
            f"wait until {MIN_SUBMIT_AGE_S:.0f} s are over",
            field="job_id",
        )
    if not job.has_ended and job.clip_in(ClipState.SUBMITTING):
        words = f"job {job.job_id} is being submitted, and no worker has looked after it since; start one, it judges it"
        raise Invalid(words, field="job_id")
    if not unresolved_clips(job):
        raise Invalid(f"no clip of job {job.job_id} is in doubt ({job.state}, charged: {job.charged})", field="job_id")


def _is_young(desk: PublisherContext, job: Job, clip: Clip) -> bool:
    open_ = clip.state in (ClipState.SUBMITTING, ClipState.UNKNOWN)
    return open_ and first_submit_at(job, clip, desk.clock.now()) < MIN_SUBMIT_AGE_S


def _chosen(known: Evidence, clip: int | None) -> UnresolvedClip:
    numbers = [doubt.clip for doubt in known.doubts]
    if clip is None and len(numbers) > 1:
        raise Invalid(f"clip must be given: {', '.join(map(str, numbers))} are in doubt", field="clip")
    chosen = [doubt for doubt in known.doubts if clip in (None, doubt.clip)]
    if not chosen:
        raise Invalid(f"clip {clip} of job {known.job_id} is not in doubt; {numbers[0]} is", field="clip")
    return chosen[0]


def _usable(job: Job, doubt: UnresolvedClip) -> tuple[Attempt, ...]:
    """Where a film may lie that settles it. A live job's worker looks at the lost ones itself before it sends."""
    present = (doubt.present,) if doubt.present else ()
    return (*present, *doubt.lost) if job.has_ended else present


async def _adopt(desk: PublisherContext, job: Job, doubt: UnresolvedClip, film: str) -> Job:
    """A live job goes on with it. In an ended one it stands as charged, and a replay makes the video of it for free."""
    at = desk.clock.now()
    late = AcceptedLate(at=at, clip=doubt.clip, nonce="", operation=film)
    found = FoundUnderPrefix(at=at, clip=doubt.clip, output=film, held=False)
    return await _update(desk, job, doubt, late if job.has_ended else found)


async def _apply(desk: PublisherContext, job: Job, doubt: UnresolvedClip, word: Decision) -> Job:
    at = desk.clock.now()
    if word is not Decision.RESUBMIT:
        return await _update(desk, job, doubt, Resolved(at=at, clip=doubt.clip, charged=word is Decision.CHARGED))
    if doubt.present:  # the record knows the attempt: its marker would only hold up a worker of an earlier version
        await desk.videos.delete(marker_name(doubt.present.prefix))
    if not job.has_ended:
        return await _update(desk, job, doubt, Resubmit(at=at, clip=doubt.clip, held=False))
    if doubt.present is None or job.state is JobState.SUCCEEDED:
        words = f"clip {doubt.clip} of job {job.job_id} waits for nothing; `reelbus replay` lets a job live again"
        raise Invalid(words, field="clip")
    return await replay(desk, job.job_id, resubmit=doubt.clip)


async def _update(desk: PublisherContext, seen: Job, doubt: UnresolvedClip, event: Step) -> Job:
    """The evidence was gathered a moment ago: where the clip has moved since, a person should look again."""

    def still(newest: Job) -> Step:
        if (newest.life, newest.has_ended, newest.clips[doubt.clip]) != (
            seen.life,
            seen.has_ended,
            seen.clips[doubt.clip],
        ):
            raise Invalid(f"job {seen.job_id} moved on in the meantime; look at it again", field="job_id")
        return event

    return await update_job(desk.jobs, seen.job_id, still)
