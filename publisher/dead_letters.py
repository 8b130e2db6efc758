"""Replay jobs that ended without a video, and list, replay and delete dead letters.

A replay uses the clips that were paid and made, and pays for the clips that are missing. The first section lists what
it would pay for, so that a person can agree to the payments before they are made.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from publisher.context import Planner, PublisherContext, find
from publisher.submit import publish_if_due, publish_or_note
from schemas.domain.clip import PlannedClip
from schemas.domain.events import Replayed
from schemas.domain.job import QUEUED_AT_MOST, Job
from schemas.domain.state_machine import advance
from schemas.domain.states import ClipState, JobState
from schemas.errors import Invalid, NotFound, Unavailable
from schemas.ports import DeadLetter
from schemas.services.reference_images import stage_image
from schemas.services.update import update_job
from schemas.wire.message import NewerVersion, decode_command
from schemas.wire.request import OnUnknownSubmit, VideoRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Payment:
    """One clip that would be sent to a paid model."""

    clip: int
    model: str
    price_usd: Decimal
    charged_usd: Decimal = Decimal(0)
    """What was charged for the clip before without a video."""
    doubts: int = 0
    """How many earlier submits of the clip may have been charged."""

    def __str__(self) -> str:
        words = f"clip {self.clip} ({self.model}) ${self.price_usd:.2f}"
        if self.charged_usd:
            words += f", after ${self.charged_usd:.2f} that was charged for it before"
        return f"{words}, which may have been charged already" if self.doubts else words


def payments_of(job: Job, event: Replayed | None, plan: Planner) -> tuple[Payment, ...]:
    """Return what the job would pay for after the event; nothing if there is no event.

    A clip whose outcome is unknown is searched for and not sent, unless its request says `resubmit`.
    """
    if event is None:
        return ()
    replayed = advance(job, event)
    if not replayed.started:
        # The plan is not frozen: workers make it again, perhaps with other prices. The more expensive plan is shown.
        planned = _payments_of_plan([clip.planned for clip in replayed.clips])
        return max(planned, payments_for(job.request, plan), key=total_of)
    resubmits = job.request.on_unknown_submit is OnUnknownSubmit.RESUBMIT
    sent = (ClipState.PLANNED, ClipState.UNKNOWN) if resubmits else (ClipState.PLANNED,)
    return tuple(
        Payment(
            clip=clip.index,
            model=clip.planned.model,
            price_usd=clip.planned.price_usd,
            charged_usd=clip.planned.price_usd * len(clip.late),
            doubts=clip.unresolved_submits,
        )
        for clip in replayed.clips
        if clip.state in sent and clip.planned.price_usd
    )


def payments_for(request: VideoRequest, plan: Planner) -> tuple[Payment, ...]:
    """Return what a new job would pay for; nothing if the model can't make the video."""
    try:
        return _payments_of_plan(plan(request).clips)
    except Invalid:
        return ()


def _payments_of_plan(clips: Sequence[PlannedClip]) -> tuple[Payment, ...]:
    return tuple(
        Payment(clip=index, model=clip.model, price_usd=clip.price_usd)
        for index, clip in enumerate(clips)
        if clip.price_usd
    )


def total_of(payments: tuple[Payment, ...]) -> Decimal:
    """Return the sum in US dollars."""
    return sum((payment.price_usd for payment in payments), Decimal(0))


def describe(payments: tuple[Payment, ...]) -> str:
    """Return the sum and each payment in one line."""
    return f"${total_of(payments):.2f}: {'; '.join(map(str, payments))}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """What a person agreed to pay for."""

    plan: Planner
    payments: tuple[Payment, ...] = ()

    def check(self, payments: tuple[Payment, ...]) -> None:
        """Raise `PaymentDue` if these are other payments."""
        if payments != self.payments:
            raise PaymentDue(payments)


class PaymentDue(Invalid):
    """A replay would make payments that no person agreed to."""

    def __init__(self, payments: tuple[Payment, ...]) -> None:
        super().__init__(f"the replay would pay {describe(payments)}")
        self.payments = payments


async def replay(
    ctx: PublisherContext,
    job_id: str,
    *,
    traceparent: str | None = None,
    resubmit: int | None = None,
    agreed: Agreement | None = None,
    life: int | None = None,
) -> Job:
    """Queue the job again in a new life, publish its request, and return it. A job that has not ended stays unchanged.

    `resubmit` names a clip in doubt that is sent again although it may be paid twice. `agreed` holds the payments that
    a person agreed to; without it the payments are not checked. With `life`, a job that has another life stays
    unchanged: it was replayed already.

    Raises `NotFound`, and `Invalid` for a job that has its video, was erased, or would make other payments. A crash
    half-way or an unreachable bus leaves a queued job, which the same call or `reconcile` publishes later.
    """

    def decide(newest: Job) -> Replayed | None:
        if life is not None and newest.life != life:
            return None
        if reason := replay_blocker(newest):
            raise Invalid(reason, field="job_id")
        return _replay_if_agreed(ctx, newest, agreed, resubmit=resubmit)

    before = await find(ctx, job_id)
    job = await update_job(ctx.jobs, job_id, decide)
    is_replayed = job.life != before.life
    try:
        await (publish_or_note(ctx, job, traceparent=traceparent) if is_replayed else publish_if_due(ctx, job))
    except Unavailable:
        logger.warning("replay is left to reconcile", extra={"action": "replay_unsent", "job_id": job_id})
    if is_replayed:
        logger.info("job replayed", extra={"action": "job_replayed", "job_id": job_id, "life": job.life})
        if resubmit is None:  # the decision about a clip counts as itself
            ctx.count_decision("replay")
    return job


def replay_blocker(job: Job) -> str | None:
    """Return why the job can't be replayed at all; None if it can, or has not ended."""
    if job.erased_at:
        return f"job {job.job_id} was erased with its prompt; a new video needs a new id"
    if job.state is JobState.SUCCEEDED:
        return f"job {job.job_id} already has its video; another video needs a new id"
    return None


def replay_event(ctx: PublisherContext, job: Job, resubmit: int | None = None) -> Replayed | None:
    """Return the event of a replay; None for a job that has its video, has not ended, or was erased."""
    if not job.ended or replay_blocker(job):
        return None
    now = ctx.clock.now()
    return Replayed(at=now, deadline=now + QUEUED_AT_MOST, resubmit=resubmit)


def _replay_if_agreed(
    ctx: PublisherContext, job: Job, agreed: Agreement | None, *, resubmit: int | None = None
) -> Replayed | None:
    event = replay_event(ctx, job, resubmit)
    if agreed:
        agreed.check(payments_of(job, event, agreed.plan))
    return event


async def list_dead_letters(ctx: PublisherContext, *, limit: int = 100) -> list[DeadLetter]:
    """Return dead letters, the newest first."""
    return await ctx.bus.dead_letters(limit=limit)


async def show_dead_letter(ctx: PublisherContext, letter_id: str) -> DeadLetter:
    """Return one dead letter. Raises `NotFound`."""
    dead_letters = await ctx.bus.dead_letters(id=letter_id)
    if not dead_letters:
        raise NotFound(f"there is no dead letter {letter_id}")
    return dead_letters[0]


async def replay_dead_letter(ctx: PublisherContext, letter_id: str, *, agreed: Agreement | None = None) -> None:
    """Publish a dead letter again. If its job ended without a video, replay the job first, with its paid clips.

    `agreed` holds the payments that a person agreed to; without it the payments are not checked. A job that has the
    same id but another request stays unchanged.

    Raises `NotFound`, and `Invalid` if the job was erased or would make other payments. A crash in between leaves a
    queued job, which `reconcile` publishes.
    """
    dead_letter = await show_dead_letter(ctx, letter_id)
    job = await _job_of(ctx, dead_letter)
    if job is not None:
        await update_job(ctx.jobs, job.job_id, lambda newest: _replay_if_agreed(ctx, newest, agreed))
    elif agreed:
        agreed.check(await payments_of_dead_letter(ctx, dead_letter, agreed.plan))
    await ctx.bus.replay_dead_letter(letter_id)
    extra = {"action": "dead_replayed", "letter_id": letter_id, "job_id": job.job_id if job else None}
    logger.info("dead letter replayed", extra=extra)
    ctx.count_decision("replay_dead_letter")


async def delete_dead_letter(ctx: PublisherContext, letter_id: str) -> None:
    """Delete a dead letter; its job stays unchanged. Raises `NotFound`."""
    await ctx.bus.delete_dead_letter(letter_id)
    logger.info("dead letter dropped", extra={"action": "dead_dropped", "letter_id": letter_id})


async def payments_of_dead_letter(ctx: PublisherContext, dead_letter: DeadLetter, plan: Planner) -> tuple[Payment, ...]:
    """Return what a replay would pay for. Raises `Invalid` if its job was erased."""
    if job := await _job_of(ctx, dead_letter):
        return payments_of(job, replay_event(ctx, job), plan)
    request = _request_of(dead_letter)
    # A request whose job does not exist starts one. If the id belongs to another job, the request starts nothing.
    starts_job = request is not None and not await ctx.jobs.get(request.job_id)
    return payments_for(request, plan) if request and starts_job else ()


def _request_of(dead_letter: DeadLetter) -> VideoRequest | None:
    try:
        command = decode_command(dead_letter.message)
    except (Invalid, NewerVersion):
        return None
    return command if isinstance(command, VideoRequest) else None


async def _job_of(ctx: PublisherContext, dead_letter: DeadLetter) -> Job | None:
    """Return the job of exactly this request; None if the id belongs to another one.

    Raises `Invalid` if the job was erased.
    """
    request = _request_of(dead_letter)
    if request is None:
        return None
    try:
        staged = await stage_image(request, ctx.videos, from_bus=True)  # the worker stores what this returns
    except Invalid:
        return None
    job = await ctx.jobs.get(staged.request.job_id)
    if job is None or job.fingerprint != staged.request.fingerprint():
        return None
    if job.erased_at:
        words = f"the job of dead letter {dead_letter.id} was erased; drop the dead letter as well"
        raise Invalid(words, field="letter_id")
    return job
