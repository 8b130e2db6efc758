"""What a stored change of a job adds to the metrics. Pure.

A counter never goes down. So a charge counts once it is final: the clip is done, its failure says that it was charged,
or its job has ended. The ledger counts an accepted clip at once; both agree for every job that has ended.

A final charge, or a doubt about one, may still be taken back: a person resolves it, a late video is found, or the
operation of a replayed job fails without a charge. A counter of its own counts that. `reelbus.spend` less
`reelbus.spend.reversed` is the ledger, in every version of the record.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from schemas.domain.clip import Clip
from schemas.domain.job import Job
from schemas.domain.states import ClipState, JobState

_DOUBTFUL = (ClipState.UNKNOWN, ClipState.REFUSED)
"""The states in which it may be unknown whether the present attempt was charged."""


class ClipTotals(NamedTuple):
    """What of a clip was counted."""

    state: ClipState = ClipState.PLANNED
    price_usd: Decimal = Decimal(0)
    final: int = 0
    """Charges that are final, without those of late operations."""
    late: int = 0
    doubts: int = 0
    """Submits of unknown outcome, without the one that is being sent."""

    @property
    def charges(self) -> int:
        """All charges that are final."""
        return self.final + self.late


class Totals(NamedTuple):
    """What of a job was counted, in one version of its record."""

    life: int = 1
    entered_at: datetime | None = None
    """When the job entered its present state."""
    ended: bool = False
    submitted: bool = False
    checks: int = 0
    clips: tuple[ClipTotals, ...] = ()
    evaluations: tuple[str | None, ...] = ()
    """The outcomes of the calls of the evaluation service."""


class Increment(NamedTuple):
    """An amount to add to a counter, or a value to record in a histogram."""

    metric: str
    amount: float
    attributes: dict[str, str] = {}  # noqa: RUF012  # never changed


def totals_of(job: Job) -> Totals:
    """Return the totals of one version of a record."""
    return Totals(
        life=job.life,
        entered_at=job.history[-1].at if job.history else None,
        ended=job.ended,
        submitted=any(clip.submitting_at for clip in job.clips),
        checks=job.checks,
        clips=tuple(_totals_of_clip(job, clip) for clip in job.clips),
        evaluations=tuple(call.outcome for call in job.evaluations),
    )


def increments_of(before: Totals, job: Job, totals: Totals) -> Iterator[Increment]:
    """Yield what the step from the version `before` to this one, of the totals `totals`, adds.

    It must be stored, by this process.
    """
    same_life = before.life == job.life
    for clip, after in zip(job.clips, totals.clips, strict=True):
        known = before.clips[clip.index] if clip.index < len(before.clips) else ClipTotals()
        if after == known:
            continue
        yield from _charges(job, clip, known, after)
        yield from _states(clip, known, after, same_life=same_life)
    yield from _evaluations(before, job)
    if job.ended and not before.ended:
        yield from _count_end(job)
    first = next((clip.submitting_at for clip in job.clips if clip.submitting_at), None)
    if first and not before.submitted and job.life == 1:
        waited_s = max(0.0, (first - job.created_at).total_seconds())
        yield Increment("reelbus.job.wait.duration", waited_s, {"reelbus.job.quality": job.request.quality})
    if job.checks == before.checks + 1 and not job.ended and not job.waits_for_turn:
        yield Increment("reelbus.reconcile.republished", 1)


def _totals_of_clip(job: Job, clip: Clip) -> ClipTotals:
    charges = clip.charges - len(clip.late)
    if clip.state is ClipState.ACCEPTED and not job.ended and not _was_sent_in_an_earlier_life(job, clip):
        charges = 0  # it may still fail, and then cost nothing
    doubts = 0
    if clip.lost_prefixes or clip.state in _DOUBTFUL:
        doubts = clip.unresolved_submits - (clip.state is ClipState.SUBMITTING)
    return ClipTotals(clip.state, clip.planned.price_usd, charges, len(clip.late), doubts)


def _was_sent_in_an_earlier_life(job: Job, clip: Clip) -> bool:
    """True if the clip's charge was final when an earlier life of the job ended: a replay doesn't pay it again."""
    sent_at = clip.submitting_at
    return job.life > 1 and sent_at is not None and any(it.state.ended and it.at >= sent_at for it in job.history)


def _charges(job: Job, clip: Clip, known: ClipTotals, after: ClipTotals) -> Iterator[Increment]:
    planned = clip.planned
    spent_usd = after.price_usd * after.charges - known.price_usd * known.charges
    yield from _spend(planned.model, "discarded" if after.late > known.late else "yes", spent_usd)
    if (more := after.charges - known.charges) > 0 and planned.billed_seconds:
        about = {"gen_ai.request.model": planned.model, "reelbus.resolution": job.request.resolution}
        yield Increment("reelbus.video.billed", planned.billed_seconds * more, about)
    yield from _spend(planned.model, "unknown", after.price_usd * after.doubts - known.price_usd * known.doubts)


def _spend(model: str, charged: str, usd: Decimal) -> Iterator[Increment]:
    """Yield an amount, or what it takes back. `discarded` is counted apart, and taken back with `yes`."""
    if usd > 0:
        yield Increment("reelbus.spend", float(usd), {"gen_ai.request.model": model, "reelbus.charged": charged})
    elif usd < 0:
        charged = "unknown" if charged == "unknown" else "yes"
        about = {"gen_ai.request.model": model, "reelbus.charged": charged}
        yield Increment("reelbus.spend.reversed", float(-usd), about)


def _states(clip: Clip, known: ClipTotals, after: ClipTotals, *, same_life: bool) -> Iterator[Increment]:
    """Yield the states that the clip entered. A replay alone gives it none but `done`: the others were counted."""
    entered = {
        "accepted": same_life and after.state is ClipState.ACCEPTED is not known.state,
        "done": after.state is ClipState.DONE is not known.state,
        "unknown": max(0, after.doubts - known.doubts),
        "refused": same_life and after.state is ClipState.REFUSED is not known.state and not clip.is_in_doubt,
        "late": max(1, after.charges - known.charges) if same_life and after.late > known.late else 0,
    }
    for state, count in entered.items():
        if count:
            attributes = {"reelbus.clip.state": state, "gen_ai.request.model": clip.planned.model}
            yield Increment("reelbus.clips", count, attributes)


def _evaluations(before: Totals, job: Job) -> Iterator[Increment]:
    """Yield the calls of the evaluation service that ended. The cost of a call is final then."""
    for number, call in enumerate(job.evaluations):
        if call.outcome is None or (number < len(before.evaluations) and before.evaluations[number]):
            continue
        about = {"reelbus.evaluation.kind": call.kind, "reelbus.evaluation.metric": call.metric}
        yield Increment("reelbus.evaluations", 1, {**about, "reelbus.evaluation.outcome": call.outcome})
        if call.cost_usd:
            yield Increment("reelbus.evaluation.spend", float(call.cost_usd), about)


def _count_end(job: Job) -> Iterator[Increment]:
    state = {"reelbus.job.state": str(job.state)}
    code = {"reelbus.failure.code": job.failure.code} if job.failure and job.state is not JobState.SUCCEEDED else {}
    model = {"gen_ai.request.model": job.clips[0].planned.model} if job.clips else {}
    yield Increment("reelbus.jobs", 1, {**state, **code, **model})
    ended_at = job.since(job.state)
    if ended_at and job.life == 1:
        took_s = max(0.0, (ended_at - job.created_at).total_seconds())
        yield Increment("reelbus.job.duration", took_s, {**state, "reelbus.job.quality": job.request.quality})
