"""Looks at the messages that were given up, gives one another chance, or drops it.

Lets a job that ended without a video live again. What was paid and made is used; what is missing is paid for.

What a new life of an ended job would pay for, clip by clip. A person sees it before it is paid.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from publisher.context import PublisherContext, find
from publisher.submit import publish_if_due, publish_request
from schemas.domain.clip import Clip, Plan, PlannedClip
from schemas.domain.events import Replayed
from schemas.domain.job import QUEUED_AT_MOST, Job
from schemas.domain.state_machine import advance
from schemas.domain.states import ClipState, JobState
from schemas.errors import Invalid, NotFound, Unavailable
from schemas.ports import DeadLetter
from schemas.services.reference_images import stage_image
from schemas.services.update import update_job
from schemas.wire.message import Message, NewerVersion, decode_command
from schemas.wire.request import OnUnknownSubmit, VideoRequest

logger = logging.getLogger(__name__)


Planner = Callable[[VideoRequest], Plan]
"""What the configured model would do for a request. Raises `Invalid` for what it can't make."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Payment:
    """One clip that would be sent to a paid model."""

    clip: int
    model: str
    price_usd: Decimal
    charged_usd: Decimal = Decimal(0)
    """What was charged for the clip before, and gave no video."""
    doubts: int = 0
    """How many earlier submits of it may have been charged."""

    def __str__(self) -> str:
        words = f"clip {self.clip} ({self.model}) ${self.price_usd:.2f}"
        if self.charged_usd:
            words += f", after ${self.charged_usd:.2f} that was charged for it before"
        return f"{words}, which may have been charged already" if self.doubts else words


def payments_of(job: Job, revival: Replayed | None, plan: Planner) -> tuple[Payment, ...]:
    """What the job would pay for after `revival`; nothing without one.

    A clip whose outcome is unknown is searched for and not sent, unless its request says `resubmit`.
    """
    if revival is None:
        return ()
    again = advance(job, revival)
    if not again.has_started:
        return _fresh(again, plan)
    resubmits = job.request.on_unknown_submit is OnUnknownSubmit.RESUBMIT
    sent = (ClipState.PLANNED, ClipState.UNKNOWN) if resubmits else (ClipState.PLANNED,)
    return tuple(_payment(clip) for clip in again.clips if clip.state in sent and clip.planned.price_usd)


def payments_for(request: VideoRequest, plan: Planner) -> tuple[Payment, ...]:
    """What a new job would pay for; nothing if the model can't make it."""
    try:
        clips = plan(request).clips
    except Invalid:
        return ()
    return tuple(_planned(index, clip) for index, clip in enumerate(clips) if clip.price_usd)


def total_of(payments: tuple[Payment, ...]) -> Decimal:
    """US dollars."""
    return sum((each.price_usd for each in payments), Decimal(0))


def describe(payments: tuple[Payment, ...]) -> str:
    """How much, and for what."""
    return f"${total_of(payments):.2f}: {'; '.join(map(str, payments))}"


def _fresh(job: Job, plan: Planner) -> tuple[Payment, ...]:
    """A plan that is not frozen is made again, by workers whose prices may be others: the dearer one is shown."""
    known = tuple(_planned(clip.index, clip.planned) for clip in job.clips if clip.planned.price_usd)
    return max(known, payments_for(job.request, plan), key=total_of)


def _planned(index: int, clip: PlannedClip) -> Payment:
    return Payment(clip=index, model=clip.model, price_usd=clip.price_usd)


def _payment(clip: Clip) -> Payment:
    return Payment(
        clip=clip.index,
        model=clip.planned.model,
        price_usd=clip.planned.price_usd,
        charged_usd=clip.planned.price_usd * len(clip.late),
        doubts=clip.unresolved_submits,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """What a person agreed to pay for."""

    plan: Planner
    payments: tuple[Payment, ...] = ()

    def check(self, payments: tuple[Payment, ...]) -> None:
        """Raises `PaymentDue` if it is something else."""
        if payments != self.payments:
            raise PaymentDue(payments)


class PaymentDue(Invalid):
    """Nobody agreed to pay for this."""

    def __init__(self, payments: tuple[Payment, ...]) -> None:
        super().__init__(f"the replay would pay {describe(payments)}")
        self.payments = payments


async def replay(
    desk: PublisherContext,
    job_id: str,
    *,
    traceparent: str | None = None,
    resubmit: int | None = None,
    agreed: Agreement | None = None,
) -> Job:
    """The job in its new life, with its request on the bus again. One that has not ended comes back unchanged.
    `resubmit` names a clip in doubt that is sent again although it may be paid twice.

    `agreed` says what a person agreed to pay for; without it nothing is asked.

    Raises `NotFound`, and `Invalid` for a job that has its video, was erased, or would pay for anything else. A crash
    half-way, or a bus that is out of reach, leaves a queued job, which the same call again publishes, or `reconcile`.
    """
    before = await find(desk, job_id)
    job = await update_job(desk.jobs, job_id, lambda newest: _revival(desk, newest, resubmit, agreed))
    is_replayed = job.life != before.life
    try:
        await (publish_request(desk, job, traceparent=traceparent) if is_replayed else publish_if_due(desk, job))
    except Unavailable:
        logger.warning("replay is left to reconcile", extra={"action": "replay_unsent", "job_id": job_id})
    if is_replayed:
        logger.info("job replayed", extra={"action": "job_replayed", "job_id": job_id, "life": job.life})
    return job


def replay_event(desk: PublisherContext, job: Job, resubmit: int | None = None) -> Replayed | None:
    """What lets it live again; None for a job that has its video, has not ended, or was erased."""
    if not job.has_ended or job.erased_at or job.state is JobState.SUCCEEDED:
        return None
    now = desk.clock.now()
    return Replayed(at=now, deadline=now + QUEUED_AT_MOST, resubmit=resubmit)


def _revival(desk: PublisherContext, job: Job, resubmit: int | None, agreed: Agreement | None) -> Replayed | None:
    if job.erased_at:
        raise Invalid(f"job {job.job_id} was erased with its prompt; a new video needs a new id", field="job_id")
    if job.state is JobState.SUCCEEDED:
        raise Invalid(f"job {job.job_id} has its video already; another one needs a new id", field="job_id")
    event = replay_event(desk, job, resubmit)
    if agreed:
        agreed.check(payments_of(job, event, agreed.plan))
    return event


async def list_dead_letters(desk: PublisherContext, *, limit: int = 100) -> list[DeadLetter]:
    """What was given up, the newest first."""
    return await desk.bus.dead_letters(limit=limit)


async def show_dead_letter(desk: PublisherContext, letter_id: str) -> DeadLetter:
    """One of them. Raises `NotFound`."""
    letters = await desk.bus.dead_letters(id=letter_id)
    if not letters:
        raise NotFound(f"there is no dead letter {letter_id}")
    return letters[0]


async def replay_dead_letter(desk: PublisherContext, letter_id: str, *, agreed: Agreement | None = None) -> None:
    """Publishes it again. Its job, where it ended without a video, lives again first: what is paid is used.
    `agreed` says what a person agreed to pay for; without it nothing is asked.

    A job that only has the same id, for another request, stays as it is. Raises `NotFound`, and `Invalid` where the job
    was erased or would pay for anything else. A crash in between leaves a queued job, which `reconcile` publishes.
    """
    letter = await show_dead_letter(desk, letter_id)
    job = await _job_of(desk, letter.message)
    if job is not None:
        if job.erased_at:
            raise Invalid(f"the job of dead letter {letter_id} was erased; drop the letter as well", field="letter_id")
        await update_job(desk.jobs, job.job_id, lambda newest: _dead_letter_revival(desk, newest, agreed))
    elif agreed:
        agreed.check(await _payments_of_a_new_job(desk, letter.message, agreed))
    await desk.bus.replay_dead_letter(letter_id)
    extra = {"action": "dead_replayed", "letter_id": letter_id, "job_id": job.job_id if job else None}
    logger.info("dead letter replayed", extra=extra)


async def delete_dead_letter(desk: PublisherContext, letter_id: str) -> None:
    """Takes it off the shelf for good; its job stays as it is. Raises `NotFound`."""
    await desk.bus.delete_dead_letter(letter_id)
    logger.info("dead letter dropped", extra={"action": "dead_dropped", "letter_id": letter_id})


def _dead_letter_revival(desk: PublisherContext, job: Job, agreed: Agreement | None) -> Replayed | None:
    event = replay_event(desk, job)
    if agreed:
        agreed.check(payments_of(job, event, agreed.plan))
    return event


async def _payments_of_a_new_job(desk: PublisherContext, message: Message, agreed: Agreement) -> tuple[Payment, ...]:
    """A request whose job was never made begins one. Another job's id begins nothing."""
    try:
        request = decode_command(message)
    except (Invalid, NewerVersion):
        return ()
    if not isinstance(request, VideoRequest) or await desk.jobs.get(request.job_id):
        return ()
    return payments_for(request, agreed.plan)


async def _job_of(desk: PublisherContext, message: Message) -> Job | None:
    """The job that the message asks for. A cancel, what can't be read, or another job's id revives nothing."""
    try:
        command = decode_command(message)
        if not isinstance(command, VideoRequest):
            return None
        request = (await stage_image(command, desk.videos, from_bus=True)).request  # the worker stores what it takes
    except (Invalid, NewerVersion):
        return None
    job = await desk.jobs.get(request.job_id)
    return job if job and job.fingerprint == request.fingerprint() else None
