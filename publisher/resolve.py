"""Resolve a clip whose submit has an unknown outcome, by the decision of a person.

`evidence` reports what is known about the unresolved clips of a job. `resolve` applies the decision: the clip was
charged, was not charged, or is sent again. If a video is stored under the clip's prefix, `resolve` adopts it instead.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from publisher.context import Planner, PublisherContext, find
from publisher.dead_letters import Agreement, Payment, payments_of, replay, replay_event
from publisher.jobs import announce
from schemas.domain.clip import Clip
from schemas.domain.events import AcceptedLate, FoundUnderPrefix, Resolved, Resubmit, Step
from schemas.domain.job import Job
from schemas.domain.object_names import marker_name
from schemas.domain.states import ClipState, JobState
from schemas.errors import Charged, Conflict, Invalid
from schemas.services.update import update_job
from schemas.wire.types import Moment, Usd

logger = logging.getLogger(__name__)

MIN_SUBMIT_AGE_S = 90.0
"""Before that only the worker that owns a submit may act on it, because it may still be sending."""
LOG_ACTIONS = ("submit_unknown", "submit_unknown_failed", "generation_lost", "accepted_late", "found_late")
"""The log actions of a worker about such clips; `docs/operations.md` has the whole list."""


class Attempt(BaseModel):
    """The object prefix of one attempt, and the files that are stored there now."""

    model_config = ConfigDict(frozen=True)

    prefix: str
    files: tuple[str, ...]

    @property
    def video(self) -> str | None:
        """The finished video among the files."""
        return next((name for name in self.files if name.endswith(".mp4")), None)


class UnresolvedClip(BaseModel):
    """One clip whose charge is unknown."""

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
    present: Attempt | None = Field(description="The attempt in doubt; null if only earlier attempts are in doubt.")
    lost: tuple[Attempt, ...] = Field(description="Earlier attempts whose outcome is still unknown.")
    late: tuple[str, ...] = Field(description="Operations that were found late: they are charged already.")


class Evidence(BaseModel):
    """A job and its unresolved clips."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    state: JobState
    life: int
    charged: Charged
    cost_usd: Usd
    doubts: tuple[UnresolvedClip, ...]
    log: str = Field(description="What to search for in the workers' logs.")


async def gather(ctx: PublisherContext, job: Job) -> Evidence:
    """Return the evidence as of now, with the files that the video store lists. Raises `Unavailable`."""
    return Evidence(
        job_id=job.job_id,
        state=job.state,
        life=job.life,
        charged=job.charged,
        cost_usd=job.cost_usd,
        doubts=tuple([await _to_unresolved_clip(ctx, clip) for clip in list_unresolved_clips(job)]),
        log=f"job_id {job.job_id} with action {', '.join(LOG_ACTIONS)}",
    )


def list_unresolved_clips(job: Job) -> list[Clip]:
    """Return the clips in doubt. A lost attempt counts only in an ended job, because the end of the job resolves it."""
    return [clip for clip in job.clips if clip.is_in_doubt or (job.ended and clip.unresolved_prefixes)]


def submit_age_s(job: Job, clip: Clip, now: datetime) -> float:
    """Return the seconds since the clip was sent, by the store's clock if that is known."""
    return ((job.read_at or now) - (clip.submitting_at or job.created_at)).total_seconds()


async def _to_unresolved_clip(ctx: PublisherContext, clip: Clip) -> UnresolvedClip:
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
        present=await _list_attempt(ctx, clip.prefix) if clip.is_in_doubt and clip.prefix else None,
        lost=tuple([await _list_attempt(ctx, prefix) for prefix in clip.lost_prefixes]),
        late=clip.late,
    )


async def _list_attempt(ctx: PublisherContext, prefix: str) -> Attempt:
    return Attempt(prefix=prefix, files=tuple(file.name for file in await ctx.videos.list(prefix)))


class Decision(StrEnum):
    """The decision of a person about a clip."""

    CHARGED = "charged"
    NOT_CHARGED = "not_charged"
    RESUBMIT = "resubmit"


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution:
    """The job after a decision."""

    job: Job
    clip: int
    adopted: str | None
    """The video that was found and used instead of the decision; None if the decision was applied."""


async def evidence(ctx: PublisherContext, job_id: str) -> Evidence:
    """Return what is known about the unresolved clips. Raises `NotFound`, and `Invalid` if no clip is in doubt."""
    job = await find(ctx, job_id)
    _check_in_doubt(ctx, job)
    return await gather(ctx, job)


async def resolve(
    ctx: PublisherContext,
    job_id: str,
    decision: Decision,
    *,
    clip: int | None = None,
    attempt: int | None = None,
    agreed: Agreement | None = None,
) -> Resolution:
    """Apply a decision. Raises `NotFound`, and `Invalid` for a clip that is not in doubt or was just sent.

    `attempt` is the one that the person decided about: raises `Conflict` if the clip has another one. `agreed` holds
    the payments that the person agreed to; without it they are not checked. Raises `PaymentDue` for other payments.
    """
    job = await find(ctx, job_id)
    _check_in_doubt(ctx, job)
    unresolved = choose_clip(await gather(ctx, job), clip)
    if attempt not in (None, unresolved.attempt):
        raise Conflict(f"clip {unresolved.clip} of job {job_id} is at attempt {unresolved.attempt}, not {attempt}")
    # The worker of a live job looks under the lost prefixes itself before it sends.
    attempts = (unresolved.present, *(unresolved.lost if job.ended else ()))
    video = next((attempt.video for attempt in attempts if attempt and attempt.video), None)
    job = await (_adopt(ctx, job, unresolved, video) if video else _apply(ctx, job, unresolved, decision, agreed))
    if job.completion_due:
        job = await announce(ctx, job, job.traceparent)
    extra = {"action": "resolved", "job_id": job_id, "clip": unresolved.clip, "word": decision, "adopted": video}
    logger.warning("a person resolved a clip", extra=extra)
    ctx.count_decision("adopt" if video else str(decision))
    return Resolution(job=job, clip=unresolved.clip, adopted=video)


def _check_in_doubt(ctx: PublisherContext, job: Job) -> None:
    for clip in () if job.ended else job.clips:
        age_s = submit_age_s(job, clip, ctx.clock.now())
        if clip.state in (ClipState.SUBMITTING, ClipState.UNKNOWN) and age_s < MIN_SUBMIT_AGE_S:
            raise Invalid(
                f"clip {clip.index} of job {job.job_id} was sent {age_s:.0f} s ago and may still be answered; "
                f"wait until {MIN_SUBMIT_AGE_S:.0f} s have passed",
                field="job_id",
            )
    if not job.ended and job.clip_in(ClipState.SUBMITTING):
        words = f"job {job.job_id} is being submitted, and no worker has checked it since; a running worker resolves it"
        raise Invalid(words, field="job_id")
    if not list_unresolved_clips(job):
        raise Invalid(f"no clip of job {job.job_id} is in doubt ({job.state}, charged: {job.charged})", field="job_id")


def choose_clip(known: Evidence, clip: int | None) -> UnresolvedClip:
    """Return the unresolved clip of this number; without one, the only clip in doubt. Raises `Invalid`."""
    numbers = [unresolved.clip for unresolved in known.doubts]
    if clip is None and len(numbers) > 1:
        raise Invalid(f"clip must be given: {', '.join(map(str, numbers))} are in doubt", field="clip")
    chosen = [unresolved for unresolved in known.doubts if clip in (None, unresolved.clip)]
    if not chosen:
        raise Invalid(f"clip {clip} of job {known.job_id} is not in doubt; {numbers[0]} is", field="clip")
    return chosen[0]


async def _adopt(ctx: PublisherContext, job: Job, unresolved: UnresolvedClip, video: str) -> Job:
    """Use the video. A live job continues with it; an ended job records the charge, and a replay uses it for free."""
    at = ctx.clock.now()
    late = AcceptedLate(at=at, clip=unresolved.clip, nonce="", operation=video)
    found = FoundUnderPrefix(at=at, clip=unresolved.clip, output=video, held=False)
    return await _update(ctx, job, unresolved, late if job.ended else found)


async def _apply(
    ctx: PublisherContext, job: Job, unresolved: UnresolvedClip, decision: Decision, agreed: Agreement | None
) -> Job:
    at = ctx.clock.now()
    if decision is not Decision.RESUBMIT:
        return await _update(
            ctx, job, unresolved, Resolved(at=at, clip=unresolved.clip, charged=decision is Decision.CHARGED)
        )
    if job.ended and (unresolved.present is None or job.state is JobState.SUCCEEDED):
        name = f"clip {unresolved.clip} of job {job.job_id}"
        words = f"{name} does not wait for a decision; `reelbus replay` runs the job again"
        raise Invalid(words, field="clip")
    if agreed:  # before the marker is deleted
        agreed.check(payments_of_resubmit(ctx, job, unresolved, agreed.plan))
    if unresolved.present:  # the record knows the attempt; its marker would only delay a worker of an earlier version
        await ctx.videos.delete(marker_name(unresolved.present.prefix))
    if not job.ended:
        return await _update(ctx, job, unresolved, Resubmit(at=at, clip=unresolved.clip, held=False))
    return await replay(ctx, job.job_id, resubmit=unresolved.clip, agreed=agreed, life=job.life)


def payments_of_resubmit(
    ctx: PublisherContext, job: Job, unresolved: UnresolvedClip, plan: Planner
) -> tuple[Payment, ...]:
    """Return what is paid if the clip is sent again: an ended job is replayed, with all that it needs."""
    if job.ended:
        return payments_of(job, replay_event(ctx, job, unresolved.clip), plan)
    return (Payment(clip=unresolved.clip, model=unresolved.model, price_usd=unresolved.price_usd, doubts=1),)


async def _update(ctx: PublisherContext, seen: Job, unresolved: UnresolvedClip, event: Step) -> Job:
    """Apply the event. Raises `Invalid` if the clip changed after the evidence was gathered: the person looks again."""

    def decide(newest: Job) -> Step:
        if (newest.life, newest.ended, newest.clips[unresolved.clip]) != (
            seen.life,
            seen.ended,
            seen.clips[unresolved.clip],
        ):
            raise Invalid(f"job {seen.job_id} has changed in the meantime; look at it again", field="job_id")
        return event

    return await update_job(ctx.jobs, seen.job_id, decide)
