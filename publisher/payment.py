"""What a new life of an ended job would pay for, clip by clip. A person sees it before it is paid."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from schemas.advance import advance
from schemas.errors import Invalid
from schemas.event import Replayed
from schemas.job import Job
from schemas.ledger import Clip
from schemas.plan import Plan, PlannedClip
from schemas.request import OnUnknownSubmit, VideoRequest
from schemas.state import ClipState

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
    if not again.started:
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
        doubts=clip.doubts,
    )
