"""The state machine: `advance(job, event)` returns the record after an event. Pure; an impossible step is an error.

    queued ──SubmitStarted──► submitting ──SubmitAccepted──► generating ──ClipDone──► storing ──Stored──► succeeded
       ▲                          │    │                       │  ▲ next clip
       └────SubmitWithdrawn───────┘    └─SubmitOutcomeUnknown─ (found, adopted, given up or sent again)

`failed`, `cancelled` and `expired` can follow every state before an end. While a clip is being submitted, or the
outcome of its submit is unknown, a cancel is only noted. The job ends once the outcome is known.

Each `_on_…` function changes the clips of a job for one event. `advance` derives the job's state from its clips.
"""

from functools import singledispatch
from typing import Any

from schemas.domain import events as ev
from schemas.domain.check_schedule import reschedule
from schemas.domain.clip import Clip
from schemas.domain.clip_transitions import (
    accept_clip,
    adopt_late_result,
    discard_late_result,
    finish_clip,
    is_same_charge,
    is_submitting,
    replan,
    replan_unresolved,
    resolve_clip,
    revive_clip,
)
from schemas.domain.events import Step
from schemas.domain.job import LATE_RESULT_WINDOW, Job, Transition
from schemas.domain.states import ClipState, JobState
from schemas.domain.tombstone import erasure_blocker, mark_swept, tombstone_of
from schemas.errors import Category, Charged, Failure, ImpossibleStep

_ADOPTS = (ClipState.PLANNED, ClipState.UNKNOWN)
"""In these states a clip can still use an operation that is reported late."""
HISTORY_AT_MOST = 200


def advance(job: Job, event: Step) -> Job:
    """Return the record after the event, or the very same job if nothing changes. Raises `ImpossibleStep`."""
    after = apply(event, job)
    if after is job:
        return job
    state = after.state if after.ended else _state_of(after.clips)
    update: dict[str, Any] = {"state": state}
    if not after.history or state is not after.history[-1].state:
        history = (*after.history, Transition(state=state, at=event.at))
        # A model without quota can send a job back and forth for hours: then the oldest rounds are dropped.
        update["history"] = history if len(history) <= HISTORY_AT_MOST else (history[0], *history[3:])
    if state.ended:
        update["waiting_for"] = None
    return reschedule(after.model_copy(update=update), job, event.at)


def _state_of(clips: tuple[Clip, ...]) -> JobState:
    states = {clip.state for clip in clips}
    if states & {ClipState.SUBMITTING, ClipState.UNKNOWN}:
        return JobState.SUBMITTING
    if not states & {ClipState.ACCEPTED, ClipState.DONE}:
        return JobState.QUEUED
    return JobState.STORING if states == {ClipState.DONE} else JobState.GENERATING


@singledispatch
def apply(event: ev.Event, job: Job) -> Job:
    """Return the job after the event. Its state is not derived yet, unless the event ends the job."""
    raise ImpossibleStep(f"no step for {type(event).__name__} in job {job.job_id}")


@apply.register
def _on_submit_started(event: ev.SubmitStarted, job: Job) -> Job:
    _require(not job.ended and not job.cancel_requested, event, job)
    _require(job.clip_in(ClipState.SUBMITTING, ClipState.UNKNOWN, ClipState.ACCEPTED) is None, event, job)
    clips = job.clips or tuple(Clip(index=i, planned=clip) for i, clip in enumerate(event.plan.clips))
    if not job.started:
        clips = tuple(
            Clip(
                index=i,
                planned=clip,
                attempt=clips[i].attempt if i < len(clips) else 0,
                reserved=clips[i].reserved if i < len(clips) else (),
                **((clips[i].model_extra or {}) if i < len(clips) else {}),
            )
            for i, clip in enumerate(event.plan.clips)
        )
    job = job.model_copy(update={"clips": clips, "waiting_for": None})
    planned = job.clip_in(ClipState.PLANNED)
    if planned is None:
        raise ImpossibleStep(f"job {job.job_id} has no clip left to submit")
    sent = planned.start_submit(job.job_id, event.owner, event.nonce, event.at, event.attempt)
    update = {"reserved": planned.reserved + event.reserved, "cause": event.plan.fallback or sent.cause}
    return _replace_clip(job, sent.model_copy(update=update))


@apply.register
def _on_submit_withdrawn(event: ev.SubmitWithdrawn, job: Job) -> Job:
    clip = _clip_of_submit(event, job, event.nonce)
    update = {"state": ClipState.PLANNED, "cause": event.cause, "nonce": None, "owner": None}
    job = _replace_clip(job, clip.model_copy(update=update), waiting_for=event.waiting_for)
    return _cancel(job) if job.cancel_requested else job


@apply.register
def _on_submit_denied(event: ev.SubmitDenied, job: Job) -> Job:
    clip = _clip_of_submit(event, job, event.nonce)
    job = _replace_clip(job, clip.model_copy(update={"state": ClipState.REFUSED, "cause": event.failure}))
    return _cancel(job) if job.cancel_requested else _fail(job, event.failure)


@apply.register
def _on_submit_accepted(event: ev.SubmitAccepted, job: Job) -> Job:
    clip = _clip_of_submit(event, job, event.nonce)
    job = _replace_clip(job, accept_clip(clip, event.operation, event.at), waiting_for=None)
    return _cancel(job) if job.cancel_requested else job


@apply.register
def _on_submit_outcome_unknown(event: ev.SubmitOutcomeUnknown, job: Job) -> Job:
    clip = _clip_of_submit(event, job, event.nonce)
    return _replace_clip(job, clip.model_copy(update={"state": ClipState.UNKNOWN}), waiting_for="submit_outcome")


@apply.register
def _on_found_under_prefix(event: ev.FoundUnderPrefix, job: Job) -> Job:
    clip = _clip_in_state(event, job, event.clip, ClipState.UNKNOWN)
    job = _replace_clip(job, finish_clip(clip, event.output, event.at), waiting_for=None)
    return _cancel(job, held=event.held) if job.cancel_requested else job


@apply.register
def _on_submit_given_up(event: ev.SubmitGivenUp, job: Job) -> Job:
    _require(not job.ended and job.clip_in(ClipState.UNKNOWN) is not None, event, job)
    return _cancel(job) if job.cancel_requested else _fail(job, event.failure)


@apply.register
def _on_resubmit(event: ev.Resubmit, job: Job) -> Job:
    clip = _clip_in_state(event, job, event.clip, ClipState.UNKNOWN)
    job = _replace_clip(job, replan_unresolved(clip), waiting_for=None)
    return _cancel(job, held=event.held) if job.cancel_requested else job


@apply.register
def _on_resolved(event: ev.Resolved, job: Job) -> Job:
    clip = _clip_at(event, job, event.clip)
    charged = Charged.YES if event.charged else Charged.NO
    _require(clip.is_in_doubt or (job.ended and bool(clip.lost_prefixes)), event, job)
    after = resolve_clip(clip, charged, event.at)
    if job.ended:
        return _correct_charge(_replace_clip(job, after))
    if after.cause and event.charged:
        job = _replace_clip(job, after)
        return _cancel(job, held=False) if job.cancel_requested else _fail(job, after.cause, held=False)
    job = _replace_clip(job, replan(clip), waiting_for=None)
    return _cancel(job, held=False) if job.cancel_requested else job


@apply.register
def _on_accepted_late(event: ev.AcceptedLate, job: Job) -> Job:
    clip = _clip_at(event, job, event.clip)
    _require(clip.attempt > 0, event, job)
    if event.operation == clip.operation or event.operation in clip.late:
        return job
    if is_same_charge(clip, event.nonce, event.operation):
        return _replace_clip(job, clip.model_copy(update={"operation": event.operation}))
    if not job.ended and (clip.state in _ADOPTS or is_submitting(clip, event.nonce)):
        job = _replace_clip(job, adopt_late_result(clip, event.nonce, event.operation, event.at), waiting_for=None)
        return _cancel(job) if job.cancel_requested else job
    job = _correct_charge(_replace_clip(job, discard_late_result(clip, event.nonce, event.operation, ended=job.ended)))
    return job.model_copy(update={"sweep_until": event.at + LATE_RESULT_WINDOW, "checks": 0}) if job.erased_at else job


@apply.register
def _on_clip_done(event: ev.ClipDone, job: Job) -> Job:
    done = finish_clip(_clip_in_state(event, job, event.clip, ClipState.ACCEPTED), event.output, event.at)
    return _replace_clip(job, done.at_price(event.price_usd) if event.price_usd else done, waiting_for=None)


@apply.register
def _on_clip_failed(event: ev.ClipFailed, job: Job) -> Job:
    clip = _clip_in_state(event, job, event.clip, ClipState.ACCEPTED)
    job = _replace_clip(job, clip.model_copy(update={"state": ClipState.REFUSED, "cause": event.failure}))
    return _fail(job, event.failure)


@apply.register
def _on_clip_withdrawn(event: ev.ClipWithdrawn, job: Job) -> Job:
    clip = _clip_in_state(event, job, event.clip, ClipState.ACCEPTED)
    update = {"state": ClipState.PLANNED, "operation": None, "accepted_at": None, "nonce": None, "owner": None}
    again = clip.model_copy(update={**update, "cause": event.cause})
    return _replace_clip(job, again, waiting_for=str(event.cause.category))


@apply.register
def _on_stored(event: ev.Stored, job: Job) -> Job:
    _require(not job.ended and bool(job.clips), event, job)
    _require(all(clip.state is ClipState.DONE for clip in job.clips), event, job)
    if event.defect:
        job = _replace_clip(job, job.clips[-1].with_defect(event.defect))
    return job.model_copy(update={"state": JobState.SUCCEEDED, "result": event.result, "failure": None})


@apply.register
def _on_waits(event: ev.Waits, job: Job) -> Job:
    _require(not job.ended, event, job)
    return job if job.waiting_for == event.waiting_for else job.model_copy(update={"waiting_for": event.waiting_for})


@apply.register
def _on_failed(event: ev.Failed, job: Job) -> Job:
    _require(not job.ended and job.clip_in(ClipState.SUBMITTING) is None, event, job)
    return _fail(job, event.failure, held=event.held)


@apply.register
def _on_cancel_requested(event: ev.CancelRequested, job: Job) -> Job:
    if job.ended or (job.cancel_requested and job.clip_in(ClipState.SUBMITTING, ClipState.UNKNOWN)):
        return job
    if job.clip_in(ClipState.SUBMITTING, ClipState.UNKNOWN):
        return job.model_copy(update={"cancel_requested": True, "cancel_reason": event.reason})
    return _cancel(job, reason=event.reason, held=event.held)


@apply.register
def _on_expired(event: ev.Expired, job: Job) -> Job:
    _require(job.state is JobState.QUEUED, event, job)
    words = f"The job was not started before {job.deadline:%Y-%m-%d %H:%M:%S} UTC."
    reason = Failure(category=Category.EXPIRED, code="expired", message=words, charged=job.charged)
    reason = reason.model_copy(update={"retryable": job.request.start_before is None})
    return _end(job, JobState.EXPIRED, reason, held=event.held)


@apply.register
def _on_announced(event: ev.Announced, job: Job) -> Job:
    return job.model_copy(update={"completion_due": False}) if job.completion_due else job


@apply.register
def _on_reconciled(event: ev.Reconciled, job: Job) -> Job:
    _require(not job.ended or job.has_unresolved_charges or job.completion_due or bool(job.sweep_until), event, job)
    return job.model_copy(update={"checks": job.checks + 1})


@apply.register
def _on_newer_worker_needed(event: ev.NewerWorkerNeeded, job: Job) -> Job:
    _require(job.state is JobState.QUEUED, event, job)
    return job.model_copy(update={"waiting_for": event.waiting_for})


@apply.register
def _on_replayed(event: ev.Replayed, job: Job) -> Job:
    _require(job.ended and job.state is not JobState.SUCCEEDED and not job.erased_at, event, job)
    clips = tuple(revive_clip(clip, event.at, resubmit=event.resubmit == clip.index) for clip in job.clips)
    update = {"clips": clips, "life": job.life + 1, "deadline": event.deadline, "state": JobState.QUEUED}
    update |= {"failure": None, "cancel_requested": False, "cancel_reason": None, "completion_due": False}
    update |= {"reattach_until": None}
    return job.model_copy(update=update)


@apply.register
def _on_erased(event: ev.Erased, job: Job) -> Job:
    if job.erased_at:
        return job
    _require(erasure_blocker(job, event.at) is None, event, job)
    return tombstone_of(job, event.at)


@apply.register
def _on_files_deleted(event: ev.FilesDeleted, job: Job) -> Job:
    _require(job.erased_at is not None, event, job)
    return mark_swept(job, event.at)


@apply.register
def _on_reservations_returned(event: ev.ReservationsReturned, job: Job) -> Job:
    _require(job.ended, event, job)
    if not job.unused_reservations:
        return job
    clips = tuple(clip.model_copy(update={"reserved": ()}) if clip.unused_reservations else clip for clip in job.clips)
    return job.model_copy(update={"clips": clips})


@apply.register
def _on_wait_ended(event: ev.WaitEnded, job: Job) -> Job:
    return job if job.erased_at else job.model_copy(update={"reattach_until": event.until})


@apply.register
def _on_caller_answered(event: ev.CallerAnswered, job: Job) -> Job:
    return job.model_copy(update={"reattach_until": None}) if job.reattach_until else job


@apply.register
def _on_attempt_answered(event: ev.AttemptAnswered, job: Job) -> Job:
    _require(job.client_call is not None and not job.erased_at, event, job)
    assert job.client_call is not None
    # The first attempt came after all: another first attempt is another call.
    by_repeat = job.client_call.by_repeat and event.attempt > 0
    call = job.client_call.model_copy(update={"attempt": event.attempt, "by_repeat": by_repeat})
    return job.model_copy(update={"client_call": call})


@apply.register
def _on_answer_received(_: ev.AnswerReceived, job: Job) -> Job:
    if job.client_call is None or job.client_call.received:
        return job
    return job.model_copy(update={"client_call": job.client_call.model_copy(update={"received": True})})


@apply.register
def _on_unsent(event: ev.Unsent, job: Job) -> Job:
    is_due = job.next_check_at is not None and job.next_check_at <= event.at
    return job if job.ended or is_due else job.model_copy(update={"next_check_at": event.at})


@apply.register
def _on_evaluation_called(event: ev.EvaluationCalled, job: Job) -> Job:
    _require(job.state is JobState.SUCCEEDED and not job.erased_at, event, job)
    return job.model_copy(update={"evaluations": (*job.evaluations, event.call)})


@apply.register
def _on_evaluation_call_ended(event: ev.EvaluationCallEnded, job: Job) -> Job:
    _require(0 <= event.number < len(job.evaluations), event, job)
    calls = list(job.evaluations)
    call = calls[event.number]
    if call.outcome is not None:
        return job
    calls[event.number] = call.model_copy(update={"ended_at": event.at, "outcome": event.outcome})
    return job.model_copy(update={"evaluations": tuple(calls)})


def _require(possible: bool, event: ev.Event, job: Job) -> None:
    if not possible:
        raise ImpossibleStep(f"{type(event).__name__} does not fit job {job.job_id} in state {job.state}")


def _clip_at(event: ev.Event, job: Job, index: int) -> Clip:
    _require(0 <= index < len(job.clips), event, job)
    return job.clips[index]


def _clip_in_state(event: ev.Event, job: Job, index: int, state: ClipState) -> Clip:
    clip = _clip_at(event, job, index)
    _require(not job.ended and clip.state is state, event, job)
    return clip


def _clip_of_submit(event: ev.Event, job: Job, nonce: str) -> Clip:
    clip = job.clip_in(ClipState.SUBMITTING, ClipState.UNKNOWN)
    _require(not job.ended and clip is not None and clip.nonce == nonce, event, job)
    assert clip is not None
    return clip


def _replace_clip(job: Job, clip: Clip, **update: Any) -> Job:
    clips = (*job.clips[: clip.index], clip, *job.clips[clip.index + 1 :])
    return job.model_copy(update={"clips": clips, **update})


def _correct_charge(job: Job) -> Job:
    """Return an ended job whose failure says about the money what the ledger knows now."""
    if job.failure is None:
        return job
    return job.model_copy(update={"failure": job.failure.model_copy(update={"charged": job.charged})})


def _fail(job: Job, failure: Failure, *, held: bool = True) -> Job:
    # The ledger knows more about the money than the last failure. A free plan never costs anything.
    charged = failure.charged if job.charged is Charged.NO and not job.is_free else job.charged
    return _end(job, JobState.FAILED, failure.model_copy(update={"charged": charged}), held=held)


def _cancel(job: Job, *, reason: str | None = None, held: bool = True) -> Job:
    reason = reason or job.cancel_reason
    words = "The job was cancelled" + (f": {reason.rstrip('.')}." if reason else ".")
    if job.charged is Charged.YES:
        words += " What had been accepted before was charged."
    failure = Failure(category=Category.CANCELLED, code="cancelled", message=words, charged=job.charged)
    return _end(job, JobState.CANCELLED, failure, held=held)


def _end(job: Job, state: JobState, failure: Failure, *, held: bool) -> Job:
    return job.model_copy(update={"state": state, "failure": failure, "completion_due": not held})
