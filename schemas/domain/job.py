"""The record of one job: the request, the ledger, how far it came and what it cost.

The text of a job's record, as every store keeps it: without defaults, and with the keys of later versions.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from pydantic import Field, ValidationError
from pydantic_core import to_json

from schemas.domain.budget import Reserved
from schemas.domain.clip import Clip
from schemas.domain.object_names import final_name, poster_name
from schemas.domain.states import ClipState, JobState
from schemas.errors import Charged, Failure, NewerRecord
from schemas.versioning import Stored
from schemas.wire.request import StoredRequest, VideoRequest
from schemas.wire.types import Moment

QUEUED_AT_MOST = timedelta(hours=24)
FIRST_CHECK_AFTER = timedelta(minutes=2)
LATE_RESULT_WINDOW = timedelta(hours=24)
"""How long after its end a job's files and charges may still turn up: so long they are looked for."""


class Transition(Stored):
    """When the job came into a state."""

    state: JobState
    at: Moment


class Result(Stored):
    """The finished video, as probed in the store. Names, never URLs: a signed URL dies."""

    gcs_path: str
    poster_path: str | None = None
    width: int
    height: int
    duration_seconds: float
    size_bytes: int


class Job(Stored):
    """One job. Frozen: the state machine makes the next one, a store's compare-and-set keeps it."""

    job_id: str
    life: int = 1
    fingerprint: str
    request: StoredRequest
    state: JobState = JobState.QUEUED
    created_at: Moment
    deadline: Moment
    """Expires if nothing was submitted by then."""
    history: tuple[Transition, ...] = ()
    clips: tuple[Clip, ...] = ()
    """Empty until the first submit freezes the plan."""
    result: Result | None = None
    failure: Failure | None = None
    cancel_requested: bool = False
    cancel_reason: str | None = None
    waiting_for: str | None = None
    """What holds it up while it is not moving: `quota`, `capacity`, `submit_outcome`, `local_disk`."""
    completion_due: bool = False
    """It ended without its message in anybody's hand; `reconcile` announces it."""
    next_check_at: Moment | None = None
    """When `reconcile` looks at it if nobody else moved it."""
    checks: int = 0
    reattach_until: Moment | None = None
    """A keyless identical call until then gets this job, since its first caller was not answered."""
    traceparent: str | None = None
    caller: str | None = None
    """Whose job it is, where the facade knows its callers: only they see it there."""
    erased_at: Moment | None = None
    """Prompt, images and videos are gone since then; what is left says what it was, how it ended and what it cost."""
    sweep_until: Moment | None = None
    """Until then files of an erased job may still turn up, and are deleted; None once all is swept."""

    revision: str = Field(default="", exclude=True)
    """The store's token for this version of the record; empty for one that was never stored."""
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
        """True once a submit froze the plan and some clip may have been paid."""
        return any(clip.state is not ClipState.PLANNED or clip.lost_prefixes or clip.late for clip in self.clips)

    @property
    def is_free(self) -> bool:
        """True where the frozen plan costs nothing, so that submitting again is harmless."""
        return bool(self.clips) and all(clip.planned.price_usd == 0 for clip in self.clips)

    @property
    def has_unresolved_charges(self) -> bool:
        """True while a paid clip of it may still turn up somewhere."""
        return any(clip.unresolved_prefixes for clip in self.clips)

    @property
    def unused_reservations(self) -> tuple[Reserved, ...]:
        """What its clips hold of the budgets without being paid."""
        return tuple(part for clip in self.clips for part in clip.unused_reservations)

    @property
    def cost_usd(self) -> Decimal:
        """What is known to have been spent."""
        return sum((clip.cost_usd for clip in self.clips), Decimal(0))

    @property
    def billed_seconds(self) -> float:
        """Seconds known to have been billed."""
        return sum(clip.planned.billed_seconds * clip.charges for clip in self.clips)

    @property
    def charged(self) -> Charged:
        """Whether money was spent on this job."""
        all_of_them = {clip.charged for clip in self.clips}
        return next((word for word in (Charged.YES, Charged.UNKNOWN) if word in all_of_them), Charged.NO)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the files that make up the video, in order."""
        found: list[str] = []
        for clip in self.clips:
            if clip.planned.extends:
                found.clear()
            found.append(clip.output or "")
        return tuple(found)

    @property
    def final_name(self) -> str:
        """Name of the finished file, the same for everybody who might finish it."""
        return final_name(self.created_at, self.job_id)

    @property
    def poster_name(self) -> str:
        """Name of the still picture beside it."""
        return poster_name(self.created_at, self.job_id)

    def clip_in(self, *states: ClipState) -> Clip | None:
        """The first line in one of these states."""
        return next((clip for clip in self.clips if clip.state in states), None)

    def since(self, state: JobState) -> datetime | None:
        """When the job last came into that state."""
        return next((step.at for step in reversed(self.history) if step.state is state), None)


def new_job(request: VideoRequest, at: datetime, *, traceparent: str | None = None, caller: str | None = None) -> Job:
    """A queued job, not stored yet. The request's image must be in the video store already."""
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
    """Return the JSON text. A key that a later version adds is written only where it says something: the version before
    can read all other records. The state is always written, for people who look."""
    record = job.model_dump(mode="json", exclude_defaults=True)
    return to_json({**record, "state": job.state.value, "request": job.request.body()}).decode()


def job_of_record(job_id: str, record: str) -> Job:
    """Read the text. Raises `NewerRecord` for a state, a word or a shape that this program does not know."""
    try:
        return Job.model_validate_json(record)
    except ValidationError as error:
        raise NewerRecord(f"job {job_id} was stored by a newer version of reelbus; this one can't read it") from error
