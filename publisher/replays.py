"""Replay and resolve with an amount that a person agreed to, for the HTTP API and its pages.

A quote says what a replay would pay for. The replay itself needs that amount, and the life of the job as the quote has
it: a call whose answer was lost may be repeated, and pays once.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from publisher.context import PublisherContext
from publisher.dead_letters import (
    Agreement,
    Payment,
    PaymentDue,
    describe,
    payments_of,
    payments_of_dead_letter,
    replay,
    replay_blocker,
    replay_dead_letter,
    replay_event,
    total_of,
)
from publisher.resolve import Decision, Resolution, resolve
from schemas.domain.job import Job
from schemas.errors import Invalid, ReelbusError
from schemas.ports import DeadLetter
from schemas.wire.types import Usd

T = TypeVar("T")


class PaymentView(BaseModel):
    """One clip that would be sent to a paid model."""

    model_config = ConfigDict(frozen=True)

    clip: int
    model: str
    price_usd: Usd
    charged_usd: Usd = Field(description="What was charged for it before, without a video.")
    doubts: int = Field(description="How many earlier submits of it may have been charged.")


class Quote(BaseModel):
    """What a replay would pay for."""

    model_config = ConfigDict(frozen=True)

    may_replay: bool
    why_not: str | None
    price_usd: Usd
    payments: tuple[PaymentView, ...]
    life: int | None = Field(description="The life of the job; null for a dead letter.")


class PaymentRequired(ReelbusError):
    """This would pay money, and the call does not agree to that amount."""

    def __init__(self, payments: tuple[Payment, ...]) -> None:
        super().__init__(
            f"It would pay {describe(payments)}. Nothing was changed; to agree, send pay: {total_of(payments):f}"
        )
        self.payments = tuple(map(_to_view, payments))
        self.price_usd = total_of(payments)


def quote(ctx: PublisherContext, job: Job) -> Quote:
    """Return what a replay of the job would pay for, and whether the job can be replayed now."""
    reason = replay_blocker(job)
    if not reason and not job.ended:
        reason = f"job {job.job_id} has not ended ({job.state})"
    payments = () if reason else payments_of(job, replay_event(ctx, job), ctx.planner)
    return _to_quote(payments, reason=reason, life=job.life)


async def quote_dead_letter(ctx: PublisherContext, dead_letter: DeadLetter) -> Quote:
    """Return what a replay of the dead letter would pay for. Raises `Unavailable`."""
    try:
        return _to_quote(await payments_of_dead_letter(ctx, dead_letter, ctx.planner))
    except Invalid as error:
        return _to_quote((), reason=str(error))


async def replay_paid(
    ctx: PublisherContext, job: Job, *, life: int | None, pay: Decimal | None, traceparent: str | None = None
) -> Job:
    """Replay the job, and return it. A job with a later life than `life` was replayed already, and stays unchanged.

    Raises `PaymentRequired` if it pays another amount than `pay`, `Invalid` if it can't be replayed, and `Unavailable`.
    """
    if life is not None and life > job.life:
        raise Invalid(f"life must be at most {job.life}, not {life}, as the job has it", field="life")
    if pay and life is None:
        raise Invalid("life must be given with pay, so that a repeated call pays once", field="life")

    async def replay_as_agreed(agreed: Agreement) -> Job:
        return await replay(ctx, job.job_id, agreed=agreed, life=life, traceparent=traceparent)

    return await _agree(ctx, replay_as_agreed, pay)


async def replay_dead_letter_paid(ctx: PublisherContext, letter_id: str, *, pay: Decimal | None) -> None:
    """Replay the dead letter. Raises `NotFound`, and what `replay_paid` raises."""
    await _agree(ctx, lambda agreed: replay_dead_letter(ctx, letter_id, agreed=agreed), pay)


async def resolve_paid(
    ctx: PublisherContext, job: Job, decision: Decision, *, clip: int, attempt: int, pay: Decimal | None
) -> Resolution:
    """Apply a decision about this attempt of a clip, as `resolve` does. Only `resubmit` pays."""

    async def resolve_as_agreed(agreed: Agreement) -> Resolution:
        return await resolve(ctx, job.job_id, decision, clip=clip, attempt=attempt, agreed=agreed)

    return await _agree(ctx, resolve_as_agreed, pay)


async def _agree(ctx: PublisherContext, act: Callable[[Agreement], Awaitable[T]], pay: Decimal | None) -> T:
    """Act if that pays nothing, or exactly `pay`. Nothing is changed before the payments are known."""
    try:
        return await act(Agreement(plan=ctx.planner))
    except PaymentDue as due:
        payments = due.payments
    if pay is None or pay != total_of(payments):
        raise PaymentRequired(payments)
    try:
        return await act(Agreement(plan=ctx.planner, payments=payments))
    except PaymentDue as due:  # the job changed in between
        raise PaymentRequired(due.payments) from due


def _to_quote(payments: tuple[Payment, ...], *, reason: str | None = None, life: int | None = None) -> Quote:
    return Quote(
        may_replay=reason is None,
        why_not=reason,
        price_usd=total_of(payments),
        payments=tuple(map(_to_view, payments)),
        life=life,
    )


def _to_view(payment: Payment) -> PaymentView:
    return PaymentView(
        clip=payment.clip,
        model=payment.model,
        price_usd=payment.price_usd,
        charged_usd=payment.charged_usd,
        doubts=payment.doubts,
    )
