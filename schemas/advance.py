"""The state machine: `advance(job, event)` says what the record becomes. Pure; an impossible step is an error.

    queued ──SubmitStarted──► submitting ──SubmitAccepted──► generating ──ClipDone──► storing ──Stored──► succeeded
       ▲                          │    │                       │  ▲ next clip
       └────SubmitWithdrawn───────┘    └─SubmitLost─ (unknown: searched, adopted, judged or sent again)

`failed`, `cancelled` and `expired` can follow from every state before an end. While a clip is being submitted, or
its outcome is unknown, a cancel is only noted: the end follows once that is settled.
"""

from datetime import datetime, timedelta
from typing import Any

from schemas.event import Step
from schemas.job import FIRST_CHECK_AFTER, LOOSE_ENDS_FOR, Job, Transition
from schemas.ledger import Clip
from schemas.state import ClipState, JobState
from schemas.steps import step

_CHECK_AFTER = {
    JobState.QUEUED: FIRST_CHECK_AFTER,
    JobState.SUBMITTING: timedelta(minutes=5),
    JobState.GENERATING: timedelta(minutes=40),
    JobState.STORING: timedelta(minutes=20),
}
_CHECK_AT_MOST = timedelta(hours=1)
_ANNOUNCE_EVERY = timedelta(minutes=1)
_LOOSE_ENDS_EVERY = timedelta(minutes=10)
HISTORY_AT_MOST = 200


def advance(job: Job, event: Step) -> Job:
    """The record after the event. Raises `ImpossibleStep`; returns the very same job where nothing changes."""
    after = step(event, job)
    if after is job:
        return job
    state = after.state if after.ended else _follows_from(after.clips)
    return _scheduled(_moved(after, state, event.at), job, event.at)


def _follows_from(clips: tuple[Clip, ...]) -> JobState:
    states = {clip.state for clip in clips}
    if states & {ClipState.SUBMITTING, ClipState.UNKNOWN}:
        return JobState.SUBMITTING
    if not states & {ClipState.ACCEPTED, ClipState.DONE}:
        return JobState.QUEUED
    return JobState.STORING if states == {ClipState.DONE} else JobState.GENERATING


def _moved(job: Job, state: JobState, at: datetime) -> Job:
    last = job.history[-1].state if job.history else None
    update: dict[str, Any] = {"state": state}
    if state is not last:
        update["history"] = _remembered((*job.history, Transition(state=state, at=at)))
    if state.ended:
        update["waiting_for"] = None
    return job.model_copy(update=update)


def _remembered(history: tuple[Transition, ...]) -> tuple[Transition, ...]:
    """The whole story while it is short. A model out of quota sends a job back and forth: then the oldest rounds go."""
    return history if len(history) <= HISTORY_AT_MOST else (history[0], *history[3:])


def _scheduled(job: Job, before: Job, at: datetime) -> Job:
    """When `reconcile` looks next: doubling while nothing moves, afresh with every change of state."""
    moved = job.state is not before.state
    if not moved and _schedule_of(job) == _schedule_of(before):
        return job
    checks = 0 if moved else job.checks
    return job.model_copy(update={"checks": checks, "next_check_at": _next_look(job, checks, at)})


def _schedule_of(job: Job) -> tuple[int, bool, bool, datetime | None]:
    return job.checks, job.completion_due, job.loose_ends, job.sweep_until


def _next_look(job: Job, checks: int, at: datetime) -> datetime | None:
    if not job.ended:
        first: timedelta = _CHECK_AFTER[job.state]
        return at + min(first * float(2 ** min(checks, 10)), max(_CHECK_AT_MOST, first))
    if job.erased_at:
        return at + _next_sweep_after(checks) if job.sweep_until else None
    if job.completion_due:
        return at + (_ANNOUNCE_EVERY * float(2 ** min(checks - 1, 6)) if checks else timedelta())
    ended_at = job.since(job.state) or at
    still_looking = job.loose_ends and at < ended_at + LOOSE_ENDS_FOR
    return at + _LOOSE_ENDS_EVERY * float(2 ** min(checks, 8)) if still_looking else None


def _next_sweep_after(checks: int) -> timedelta:
    """Soon where nobody swept yet: whoever erased it is at it, or died."""
    return _LOOSE_ENDS_EVERY * float(2 ** min(checks - 1, 8)) if checks else _ANNOUNCE_EVERY
