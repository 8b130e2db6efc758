"""The delivery policy: what a worker that holds a job's message does next, from the record and the clocks. Pure.

| the record says | the worker |
|---|---|
| ended | announces the same completion again, and acks |
| a clip has been submitting for a short time | holds the message and reads the record again |
| … for longer than the owner may need | plans it again if a marker shows that nothing was sent; else marks it unknown |
| a clip is unknown | sends a free one again; searches for a paid one as long as generations take; then resolves it |
| a clip is accepted | polls; past its deadline it polls and searches a last time, and gives it up |
| all clips are done | assembles and stores; past the deadline it tries once more, and fails, the paid clips kept |
| the next clip is planned | submits it |
| … and the deadline has passed | expires a queued job; fails one that has clips already |
"""

from dataclasses import dataclass
from datetime import datetime

from schemas.domain.clip import Clip
from schemas.domain.job import QUEUED_AT_MOST, Job
from schemas.domain.states import ClipState, JobState
from schemas.wire.request import OnUnknownSubmit


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadlines:
    """The spans of time that the policy uses, in seconds: settings in production, small numbers in tests."""

    submit_within_s: float = 10
    """From the boot-time clock read before the `submitting` write until the send, at most."""
    submit_timeout_s: float = 30
    """How long the one call may take to be answered; then its outcome is unknown."""
    submitting_hold_s: float = 90
    """How long a `submitting` clip of another worker is left alone."""
    generation_s: float = 1800
    """The longest that a generation can take: deadline of an accepted clip, length of the search for an unknown one."""
    storing_s: float = 86_400
    """How long a finished generation is tried to be stored."""


LOOK_AGAIN_S = 10.0
WATCHED_AT_LEAST_S = 600.0
"""A worker trusts the wall clock only after it has seen the state for so long itself, or for a third of the span."""


@dataclass(frozen=True, slots=True)
class Watch:
    """How long this worker itself has seen the clip in its present state, on the boot-time clock.

    The wall clock may jump by hours, forwards and back. So it alone ends nothing that may be paid.
    """

    seconds: float
    whole: bool
    """True if this worker saw the state begin: then the boot-time clock alone decides."""

    def has_passed(self, since: datetime, span_s: float, now: datetime) -> bool:
        """True once the span has passed on the boot-time clock; or on the wall clock and for long enough here, too."""
        if self.seconds > span_s:
            return True
        long_enough = self.seconds >= min(span_s / 3, WATCHED_AT_LEAST_S)
        return not self.whole and long_enough and (now - since).total_seconds() > span_s


@dataclass(frozen=True, slots=True)
class Announce:
    """Publish the completion and settle the message."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Another worker may be sending it: keep the message leased and look again."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUpSubmit:
    """The submit's owner did not come back: fence it off, or mark the outcome unknown."""

    clip: Clip


@dataclass(frozen=True, slots=True)
class SubmitAgain:
    """The unknown clip may be sent again."""

    clip: Clip


@dataclass(frozen=True, slots=True)
class Search:
    """Look for the unknown clip's file."""

    clip: Clip


@dataclass(frozen=True, slots=True)
class ResolveUnknown:
    """The search has ended: look a last time, then fail the job or send the clip again."""

    clip: Clip


@dataclass(frozen=True, slots=True)
class Submit:
    """Send the next planned clip."""


@dataclass(frozen=True, slots=True)
class Poll:
    """Ask the model how the operation stands."""

    clip: Clip


@dataclass(frozen=True, slots=True)
class GiveUpGeneration:
    """The operation is past its deadline: ask and look a last time, then give it up."""

    clip: Clip


@dataclass(frozen=True, slots=True)
class Store:
    """Assemble the final file and store it."""

    waits_for_files: bool
    """A clip's file that can't be found yet may still appear."""


@dataclass(frozen=True, slots=True)
class GiveUpStoring:
    """The deadline for storing has passed: try once more, then fail the job."""


@dataclass(frozen=True, slots=True)
class Expire:
    """The job was not started in time."""


@dataclass(frozen=True, slots=True)
class GiveUpWaiting:
    """The next clip could not be submitted in time."""


Action = (
    Announce
    | Hold
    | GiveUpSubmit
    | SubmitAgain
    | Search
    | ResolveUnknown
    | Submit
    | Poll
    | GiveUpGeneration
    | Store
    | GiveUpStoring
    | Expire
    | GiveUpWaiting
)


def decide(job: Job, now: datetime, deadlines: Deadlines, watch: Watch) -> Action:
    """Return what to do next. `now` is the store's time."""
    if job.ended:
        return Announce()
    if clip := job.clip_in(ClipState.SUBMITTING):
        return _decide_submitting(job, clip, now, deadlines, watch)
    if clip := job.clip_in(ClipState.UNKNOWN):
        return _decide_unknown(job, clip, now, deadlines, watch)
    if clip := job.clip_in(ClipState.ACCEPTED):
        has_passed = watch.has_passed(clip.accepted_at or now, generation_span_s(job, deadlines), now)
        return GiveUpGeneration(clip) if has_passed else Poll(clip)
    if job.state is JobState.STORING:
        since = job.since(JobState.STORING) or now
        if watch.has_passed(since, deadlines.storing_s, now):
            return GiveUpStoring()
        return Store(waits_for_files=not watch.has_passed(since, deadlines.generation_s, now))
    if now <= next_submit_until(job):
        return Submit()
    return Expire() if job.state is JobState.QUEUED else GiveUpWaiting()


def _decide_submitting(job: Job, clip: Clip, now: datetime, deadlines: Deadlines, watch: Watch) -> Action:
    """Either clock counts: taking over early harms no owner, whose marker, answer or refusal is valid all the same.

    A free submit is left alone only for as long as its owner may send it: sending it twice costs nothing.
    """
    wait = deadlines.submit_within_s if job.is_free else deadlines.submitting_hold_s
    age = max(watch.seconds, (now - (clip.submitting_at or now)).total_seconds())
    return Hold(min(wait - age, LOOK_AGAIN_S)) if age < wait else GiveUpSubmit(clip)


def _decide_unknown(job: Job, clip: Clip, now: datetime, deadlines: Deadlines, watch: Watch) -> Action:
    if job.is_free:
        return SubmitAgain(clip)
    span_s = deadlines.submitting_hold_s + deadlines.generation_s
    return ResolveUnknown(clip) if watch.has_passed(clip.submitting_at or now, span_s, now) else Search(clip)


def generation_span_s(job: Job, deadlines: Deadlines) -> float:
    """Return how long an accepted clip may take. A free one gets more time: the renderer may be off for a night."""
    return deadlines.storing_s if job.is_free else deadlines.generation_s


def next_submit_until(job: Job) -> datetime:
    """Return until when the next clip may be submitted: the job's deadline, or as long again after the clip before."""
    return max([job.deadline, *(clip.done_at + QUEUED_AT_MOST for clip in job.clips if clip.done_at)])


def may_resubmit(job: Job) -> bool:
    """True if the caller accepted that the clip may be paid twice."""
    return job.request.on_unknown_submit is OnUnknownSubmit.RESUBMIT and not job.cancel_requested
