"""The record of one job: the request, the ledger, its state and its cost.

Every store keeps it as the same JSON text: without defaults, and with the keys of later versions.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from pydantic import Field, ValidationError
from pydantic_core import to_json

from schemas.domain.budget import Reserved
from schemas.domain.clip import Clip
from schemas.domain.evaluation import EvaluationCall
from schemas.domain.object_names import (
    DERIVED,
    checks_name,
    evaluation_name,
    final_name,
    poster_name,
    variant_name,
)
from schemas.domain.states import ClipState, JobState
from schemas.errors import Charged, Failure, NewerRecord
from schemas.versioning import Stored
from schemas.wire.checks import Checks
from schemas.wire.request import StoredRequest, VideoRequest
from schemas.wire.types import Moment, Priority, Usd

QUEUED_AT_MOST = timedelta(hours=24)
FIRST_CHECK_AFTER = timedelta(minutes=2)
WAITS_FOR_TURN: Mapping[Priority, str] = {"interactive": "turn", "batch": "batch"}
"""What a parked job waits for, by its lane: its message is settled, and a worker publishes it again."""
LATE_RESULT_WINDOW = timedelta(hours=24)
"""For how long after a job's end its files and charges may still appear, and are searched for."""


class Transition(Stored):
    """The moment at which the job entered a state."""

    state: JobState
    at: Moment


class Result(Stored):
    """The finished video, as probed in the store. Names, never URLs: a signed URL expires."""

    gcs_path: str
    poster_path: str | None = None
    width: int
    height: int
    duration_seconds: float
    size_bytes: int
    checks: Checks | None = Field(default=None, exclude_if=lambda checks: checks is None)
    """Only if `REELBUS_CHECKS` asks for it here: release 0.1.0 refuses a record with this key."""


class ClientCall(Stored):
    """The call of a client that sends a call again by itself, without a key, if it gets no answer."""

    attempt: int = 0
    """The attempt that was answered last with this job: 0 is the first one."""
    by_repeat: bool = False
    """True if a repeated call made the job, so that the first attempt may still arrive."""
    received: bool = False
    """True after the caller named the job's id: then it has the answer."""


class BatchPart(Stored):
    """The place of a job in its batch. The first job's says what the whole batch is."""

    id: str
    """As the caller chose it, or of the batch's contents."""
    number: int
    """From 1; the job's id ends with it."""
    size: int
    """How many jobs the batch has. They were stored in one transaction."""
    digest: str
    """Of all requests of the batch: other contents under the same id are refused."""
    price_usd: Usd = Decimal(0)
    """The planned price of this job, when the batch was ordered."""


class Job(Stored):
    """One job. Frozen: the state machine builds the next version, and the store's compare-and-set saves it."""

    job_id: str
    life: int = 1
    fingerprint: str
    request: StoredRequest
    state: JobState = JobState.QUEUED
    created_at: Moment
    deadline: Moment
    """The job expires if nothing was submitted by then."""
    history: tuple[Transition, ...] = ()
    clips: tuple[Clip, ...] = ()
    """Empty until the first submit freezes the plan."""
    result: Result | None = None
    failure: Failure | None = None
    cancel_requested: bool = False
    cancel_reason: str | None = None
    waiting_for: str | None = None
    """What the job waits for, if its state does not say so: `turn`, `batch`, `quota`, `capacity` and others."""
    completion_due: bool = False
    """The process that ended the job held no message of it, so that `reconcile` must announce the end."""
    next_check_at: Moment | None = None
    """When `reconcile` checks it, unless its state changes before."""
    checks: int = 0
    reattach_until: Moment | None = None
    """Until then an identical call without a key gets this job, since its first caller got no answer."""
    client_call: ClientCall | None = None
    """Set if the call that made the job had no key, and its client tells which attempt it is."""
    evaluations: tuple[EvaluationCall, ...] = ()
    """The calls of an evaluation service, if the request or a setting asked for one. They are no part of the cost of
    the video."""
    batch: BatchPart | None = None
    """Set if the job was ordered with others in one batch."""
    traceparent: str | None = None
    caller: str | None = None
    """The caller that owns the job, if the facade authenticates its callers. Only this caller sees the job there."""
    erased_at: Moment | None = None
    """Since then prompt, images and videos are erased. The record still says how the job ended and what it cost."""
    sweep_until: Moment | None = None
    """Until then files of an erased job may still appear, and are deleted; None after the last sweep."""

    revision: str = Field(default="", exclude=True)
    """The store's token for this version of the record; empty if it was never stored."""
    stored_at: Moment | None = Field(default=None, exclude=True)
    """Store time of the last write."""
    read_at: Moment | None = Field(default=None, exclude=True)
    """Store time of this read."""

    @property
    def ended(self) -> bool:
        """True in a terminal state."""
        return self.state.ended

    @property
    def started(self) -> bool:
        """True after a submit froze the plan, if a clip may have been charged."""
        return any(clip.state is not ClipState.PLANNED or clip.lost_prefixes or clip.late for clip in self.clips)

    @property
    def waits_for_turn(self) -> bool:
        """True after the job was parked, until its first submit."""
        return self.waiting_for in WAITS_FOR_TURN.values()

    def submit_day(self, clip: Clip) -> date:
        """Return the day, in UTC, on which the clip was sent for the last time."""
        return (clip.submitting_at or self.created_at).date()

    @property
    def queue_key(self) -> str:
        """Whose share of its lane the job uses, see `queue_key_of`."""
        return queue_key_of(self.caller, self.request)

    @property
    def is_free(self) -> bool:
        """True if the frozen plan costs nothing, so that submitting again is harmless."""
        return bool(self.clips) and all(clip.planned.price_usd == 0 for clip in self.clips)

    @property
    def has_unresolved_charges(self) -> bool:
        """True while a charged file of a clip may still appear."""
        return any(clip.unresolved_prefixes for clip in self.clips)

    @property
    def unused_reservations(self) -> tuple[Reserved, ...]:
        """The reservations of its clips that no charge used."""
        return tuple(part for clip in self.clips for part in clip.unused_reservations)

    @property
    def cost_usd(self) -> Decimal:
        """The sum that is known to have been spent."""
        return sum((clip.cost_usd for clip in self.clips), Decimal(0))

    @property
    def billed_seconds(self) -> float:
        """The seconds that are known to have been billed."""
        return sum(clip.planned.billed_seconds * clip.charges for clip in self.clips)

    @property
    def charged(self) -> Charged:
        """Whether the provider charged for this job."""
        charges = {clip.charged for clip in self.clips}
        return next((charged for charged in (Charged.YES, Charged.UNKNOWN) if charged in charges), Charged.NO)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the files that make up the video, in order."""
        found: list[str] = []
        for clip in self.clips:
            if clip.planned.extends:
                found.clear()
            found.append(clip.output or "")
        return tuple(found)

    @property
    def final_name(self) -> str:
        """The name of the finished file: the same for every worker that may finish the job."""
        return final_name(self.created_at, self.job_id)

    @property
    def poster_name(self) -> str:
        """The name of the still picture of the finished video."""
        return poster_name(self.created_at, self.job_id)

    @property
    def checks_name(self) -> str:
        """The name of the file with the checks of the finished video, unless the record holds them."""
        return checks_name(self.created_at, self.job_id)

    @property
    def evaluation_name(self) -> str:
        """The name of the file with the score of the finished video against its prompt."""
        return evaluation_name(self.created_at, self.job_id)

    @property
    def variant_names(self) -> tuple[str, ...]:
        """The names of all files that may have been made of the finished video."""
        return tuple(self.variant_name(variant) for variant in DERIVED)

    def variant_name(self, variant: str) -> str:
        """Return the name of a file that is made of the finished video."""
        return variant_name(self.created_at, self.job_id, variant)

    def clip_in(self, *states: ClipState) -> Clip | None:
        """Return the first clip in one of these states."""
        return next((clip for clip in self.clips if clip.state in states), None)

    def since(self, state: JobState) -> datetime | None:
        """Return when the job last entered that state."""
        return next((step.at for step in reversed(self.history) if step.state is state), None)


def queue_key_of(caller: str | None, request: VideoRequest) -> str:
    """Return the key of a request's jobs in its lane: the caller, else the project, else nothing."""
    return caller or request.project_id or ""


def new_job(request: VideoRequest, at: datetime, *, traceparent: str | None = None, caller: str | None = None) -> Job:
    """Build a queued job. It is not stored yet. The image of the request must be in the video store already."""
    deadline = at + QUEUED_AT_MOST
    return Job(
        job_id=request.job_id,
        fingerprint=request.fingerprint(),
        request=request,
        created_at=at,
        deadline=min(deadline, request.start_before) if request.start_before else deadline,
        history=(Transition(state=JobState.QUEUED, at=at),),
        next_check_at=at + FIRST_CHECK_AFTER,
        traceparent=traceparent,
        caller=caller,
    )


def record_of(job: Job) -> str:
    """Return the JSON text.

    A key that a later version adds is written only if it has a value other than its default, so that the version before
    can read all other records. The state is always written, for operators who read the store.
    """
    record = job.model_dump(mode="json", exclude_defaults=True)
    return to_json({**record, "state": job.state.value, "request": job.request.body()}).decode()


def job_of_record(job_id: str, record: str) -> Job:
    """Read the JSON text. Raises `NewerRecord` for a state, a word or a shape that this program does not know."""
    try:
        return Job.model_validate_json(record)
    except ValidationError as error:
        raise NewerRecord(f"job {job_id} was stored by a newer version of reelbus; this one can't read it") from error
