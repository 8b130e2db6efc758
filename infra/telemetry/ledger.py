"""What a stored change of a job adds to the metrics. Pure.

A counter never goes down. So a charge counts once it is final: the clip is done, its failure says that it was charged,
or its job has ended. The ledger counts an accepted clip at once; both agree for every job that has ended.
"""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.domain.clip import Clip
from schemas.domain.job import Job
from schemas.domain.states import ClipState, JobState


class ClipTotals(NamedTuple):
    """What of a clip was counted."""

    state: ClipState = ClipState.PLANNED
    final: int = 0
    """Charges that are final, without those of late operations."""
    late: int = 0
    in_doubt: bool = False


class Totals(NamedTuple):
    """What of a job was counted, in one version of its record."""

    life: int = 1
    ended: bool = False
    submitted: bool = False
    checks: int = 0
    clips: tuple[ClipTotals, ...] = ()


class Increment(NamedTuple):
    """An amount to add to a counter, or a value to record in a histogram."""

    metric: str
    amount: float
    attributes: dict[str, str] = {}  # noqa: RUF012  # never changed


def totals_of(job: Job) -> Totals:
    """Return the totals of one version of a record."""
    return Totals(
        life=job.life,
        ended=job.ended,
        submitted=any(clip.submitting_at for clip in job.clips),
        checks=job.checks,
        clips=tuple(_totals_of_clip(job, clip) for clip in job.clips),
    )


def increments_of(before: Totals, job: Job, totals: Totals) -> Iterator[Increment]:
    """Yield what the step from the version `before` to this one, of the totals `totals`, adds.

    It must be stored, by this process.
    """
    same_life = before.life == job.life
    for clip, after in zip(job.clips, totals.clips, strict=True):
        known = before.clips[clip.index] if clip.index < len(before.clips) else ClipTotals()
        yield from _charges(job, clip, known, after)
        if same_life:
            yield from _states(clip, known, after)
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
    return ClipTotals(state=clip.state, final=charges, late=len(clip.late), in_doubt=clip.is_in_doubt)


def _was_sent_in_an_earlier_life(job: Job, clip: Clip) -> bool:
    """True if the clip's charge was final when an earlier life of the job ended: a replay doesn't pay it again."""
    sent_at = clip.submitting_at
    return job.life > 1 and sent_at is not None and any(it.state.ended and it.at >= sent_at for it in job.history)


def _charges(job: Job, clip: Clip, known: ClipTotals, after: ClipTotals) -> Iterator[Increment]:
    planned = clip.planned
    model = {"gen_ai.request.model": planned.model}
    more = after.final + after.late - known.final - known.late
    if more > 0 and planned.price_usd:
        charged = "discarded" if after.late > known.late else "yes"
        yield Increment("reelbus.spend", float(planned.price_usd * more), {**model, "reelbus.charged": charged})
    if more > 0 and planned.billed_seconds:
        resolution = {"reelbus.resolution": job.request.resolution}
        yield Increment("reelbus.video.billed", planned.billed_seconds * more, {**model, **resolution})
    if after.in_doubt and not known.in_doubt:
        yield Increment("reelbus.spend", float(planned.price_usd), {**model, "reelbus.charged": "unknown"})


def _states(clip: Clip, known: ClipTotals, after: ClipTotals) -> Iterator[Increment]:
    entered = []
    if after.state is not known.state and after.state in (ClipState.ACCEPTED, ClipState.DONE):
        entered.append(str(after.state))
    if after.in_doubt and not known.in_doubt:
        entered.append("unknown")
    elif after.state is ClipState.REFUSED and known.state is not ClipState.REFUSED and not after.in_doubt:
        entered.append("refused")
    if after.late > known.late:
        entered.append("late")
    for state in entered:
        attributes = {"reelbus.clip.state": state, "gen_ai.request.model": clip.planned.model}
        yield Increment("reelbus.clips", 1, attributes)


def _count_end(job: Job) -> Iterator[Increment]:
    state = {"reelbus.job.state": str(job.state)}
    code = {"reelbus.failure.code": job.failure.code} if job.failure and job.state is not JobState.SUCCEEDED else {}
    model = {"gen_ai.request.model": job.clips[0].planned.model} if job.clips else {}
    yield Increment("reelbus.jobs", 1, {**state, **code, **model})
    ended_at = job.since(job.state)
    if ended_at and job.life == 1:
        took_s = max(0.0, (ended_at - job.created_at).total_seconds())
        yield Increment("reelbus.job.duration", took_s, {**state, "reelbus.job.quality": job.request.quality})
