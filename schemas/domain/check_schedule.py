"""When `reconcile` checks a job next: after twice the time of the check before, and anew after each change of state."""

from datetime import datetime, timedelta

from schemas.domain.job import FIRST_CHECK_AFTER, LATE_RESULT_WINDOW, Job
from schemas.domain.states import JobState

_CHECK_AFTER = {
    JobState.QUEUED: FIRST_CHECK_AFTER,
    JobState.SUBMITTING: timedelta(minutes=5),
    JobState.GENERATING: timedelta(minutes=40),
    JobState.STORING: timedelta(minutes=20),
}
_CHECK_AT_MOST = timedelta(hours=1)
_ANNOUNCE_EVERY = timedelta(minutes=1)
_LATE_RESULT_EVERY = timedelta(minutes=10)


def reschedule(job: Job, before: Job, at: datetime) -> Job:
    """Return the job with the time of its next check. It changes only with what the schedule depends on."""
    has_moved = job.state is not before.state
    if not has_moved and _schedule_of(job) == _schedule_of(before):
        return job
    checks = 0 if has_moved else job.checks
    return job.model_copy(update={"checks": checks, "next_check_at": _next_check_at(job, checks, at)})


def _schedule_of(job: Job) -> tuple[int, bool, bool, datetime | None]:
    return job.checks, job.completion_due, job.has_unresolved_charges, job.sweep_until


def _next_check_at(job: Job, checks: int, at: datetime) -> datetime | None:
    """Return None if nothing is left to check."""
    if not job.ended:
        first: timedelta = _CHECK_AFTER[job.state]
        return at + min(first * float(2 ** min(checks, 10)), max(_CHECK_AT_MOST, first))
    if job.erased_at and not job.sweep_until:
        return None
    if job.erased_at:  # the first check comes soon: the process that erased the job may have died before its sweep
        return at + (_LATE_RESULT_EVERY * float(2 ** min(checks - 1, 8)) if checks else _ANNOUNCE_EVERY)
    if job.completion_due:
        return at + (_ANNOUNCE_EVERY * float(2 ** min(checks - 1, 6)) if checks else timedelta())
    ended_at = job.since(job.state) or at
    may_turn_up = job.has_unresolved_charges and at < ended_at + LATE_RESULT_WINDOW
    return at + _LATE_RESULT_EVERY * float(2 ** min(checks, 8)) if may_turn_up else None
