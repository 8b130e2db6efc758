"""The events of a job, one class each. `schemas.domain.state_machine` says what each one changes."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from schemas.domain.budget import Reserved
from schemas.domain.clip import Plan
from schemas.domain.evaluation import EvaluationCall
from schemas.domain.job import Result
from schemas.errors import Failure


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happened at a moment."""

    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmitStarted(Event):
    """A worker is about to send the next planned clip. The first submit freezes the plan."""

    plan: Plan
    owner: str
    nonce: str
    attempt: int | None = None
    """The number of the attempt whose files were found; None for a new attempt."""
    reserved: tuple[Reserved, ...] = ()
    """What the attempt reserves in the budgets, beside what the clip holds there already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmitWithdrawn(Event):
    """Nothing was sent, or the model refused for now (quota, capacity): the clip is planned again."""

    nonce: str
    cause: Failure | None = None
    waiting_for: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmitDenied(Event):
    """The model refused for good."""

    nonce: str
    failure: Failure


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmitAccepted(Event):
    """The model gave an operation."""

    nonce: str
    operation: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmitOutcomeUnknown(Event):
    """It is not known whether the submit with this nonce was accepted."""

    nonce: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundUnderPrefix(Event):
    """The search for an unknown clip found its file. `held` is False if the writer holds no message."""

    clip: int
    output: str
    held: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmitGivenUp(Event):
    """The search for an unknown clip found nothing for as long as a generation can take."""

    failure: Failure


@dataclass(frozen=True, kw_only=True, slots=True)
class Resubmit(Event):
    """The unknown clip may be sent again: it is free, or the caller or operator allowed it. `held`: as in `Failed`."""

    clip: int
    held: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved(Event):
    """The operator found out whether the clip in doubt was charged. The writer holds no message."""

    clip: int
    charged: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptedLate(Event):
    """An operation turned up after the job had moved on."""

    clip: int
    nonce: str
    operation: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipDone(Event):
    """The clip's file is stored in the video store."""

    clip: int
    output: str
    price_usd: Decimal | None = None
    """What it costs by the provider's own count, if that is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipFailed(Event):
    """The operation ended without a file."""

    clip: int
    failure: Failure


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipWithdrawn(Event):
    """The operation ended because capacity was missing, and nothing was charged: the clip is planned again."""

    clip: int
    cause: Failure


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored(Event):
    """The final file is stored in the video store and was probed there."""

    result: Result
    defect: Failure | None = None
    """What is wrong with a video that is delivered nevertheless."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits(Event):
    """The job can't go on for a reason that its state does not show."""

    waiting_for: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed(Event):
    """The job can't go on. `held` is False if the writer holds no message of the job."""

    failure: Failure
    held: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelRequested(Event):
    """The caller or the operator wants the job to end."""

    reason: str | None = None
    held: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Expired(Event):
    """Nothing was submitted before the deadline."""

    held: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Announced(Event):
    """The completion that was due is published."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciled(Event):
    """`reconcile` checked the job; the next check comes after twice the time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewerWorkerNeeded(Event):
    """The workers that received the job's message don't know all that it asks for."""

    waiting_for: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed(Event):
    """The operator wants an ended job to run again. What is paid stays paid, and is used."""

    deadline: datetime
    resubmit: int | None = None
    """The clip in doubt that is sent again although it may be paid twice; else it is searched for first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Erased(Event):
    """Everything that the caller wrote is deleted from the record; the files follow."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FilesDeleted(Event):
    """The files of an erased job are deleted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReservationsReturned(Event):
    """The budget that an ended job reserved and did not spend is about to be released."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitEnded(Event):
    """The caller left without an answer; an identical call without a key may come back for it."""

    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsent(Event):
    """The bus did not take the request of a job: its check is due at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallerAnswered(Event):
    """The caller that came back has its answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptAnswered(Event):
    """Another attempt of the call that made the job is about to be answered with it; 0 is the first attempt."""

    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerReceived(Event):
    """The caller named the job's id, so that it has the answer to its call."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationCalled(Event):
    """An evaluator is about to call the evaluation service for a finished video."""

    call: EvaluationCall


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationCallEnded(Event):
    """A call of the evaluation service was answered, or its answer is lost."""

    number: int
    """The place of the call in `Job.evaluations`."""
    outcome: str


Step = (
    SubmitStarted
    | SubmitWithdrawn
    | SubmitDenied
    | SubmitAccepted
    | SubmitOutcomeUnknown
    | FoundUnderPrefix
    | SubmitGivenUp
    | Resubmit
    | Resolved
    | AcceptedLate
    | ClipDone
    | ClipFailed
    | ClipWithdrawn
    | Stored
    | Waits
    | Failed
    | CancelRequested
    | Expired
    | Announced
    | Reconciled
    | NewerWorkerNeeded
    | Replayed
    | Erased
    | FilesDeleted
    | ReservationsReturned
    | WaitEnded
    | CallerAnswered
    | AttemptAnswered
    | AnswerReceived
    | Unsent
    | EvaluationCalled
    | EvaluationCallEnded
)
