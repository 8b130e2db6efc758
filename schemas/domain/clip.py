"""One line per clip of the plan: what was sent, what it costs, where its file lies.

What a model would do for a request, and what that costs, before a cent is spent.
"""

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from schemas.domain.budget import Reserved
from schemas.domain.fallback import MODEL_FALLBACK, fallback_cause
from schemas.domain.object_names import work_prefix
from schemas.domain.states import ClipState
from schemas.errors import DELIVERED_AS_IT_CAME, Charged, Failure
from schemas.versioning import Stored
from schemas.wire.types import Moment, Usd


class PlannedClip(Stored):
    """One paid call. Becomes one line of the ledger."""

    model: str
    seconds: float = Field(gt=0, description="Length of what this call adds.")
    billed_seconds: float = Field(ge=0)
    price_usd: Usd
    expected_s: float = Field(gt=0, description="How long it usually takes, for the estimated progress.")
    extends: bool = Field(default=False, description="Its file holds all clips before it as well.")


class Plan(BaseModel):
    """The clips of one video, in order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clips: tuple[PlannedClip, ...] = Field(min_length=1)
    fallback: Failure | None = Field(default=None, exclude=True)
    """Why the model that was asked for does not make it: see `schemas.domain.fallback`."""
    warnings: tuple[str, ...] = Field(default=(), exclude=True)
    """What the person who pays should know about the models, in whole sentences."""

    @property
    def price_usd(self) -> Decimal:
        """What all clips cost together."""
        return sum((clip.price_usd for clip in self.clips), Decimal(0))


_CHARGED = {
    ClipState.PLANNED: Charged.NO,
    ClipState.SUBMITTING: Charged.UNKNOWN,
    ClipState.UNKNOWN: Charged.UNKNOWN,
    ClipState.ACCEPTED: Charged.YES,
    ClipState.DONE: Charged.YES,
}


class Clip(Stored):
    """A line of the ledger. Its state moves only through `schemas.domain.state_machine`."""

    index: int
    planned: PlannedClip
    state: ClipState = ClipState.PLANNED
    attempt: int = 0
    prefix: str | None = None
    """Where the model puts this attempt's files; a new one for every attempt."""
    owner: str | None = None
    nonce: str | None = None
    """Names one submit; an answer with another nonce comes too late."""
    submitting_at: Moment | None = None
    accepted_at: Moment | None = None
    done_at: Moment | None = None
    operation: str | None = None
    output: str | None = None
    """Name of the clip's file in the video store."""
    cause: Failure | None = None
    lost_prefixes: tuple[str, ...] = ()
    """Attempts whose outcome was never learnt; looked at again by `reconcile`."""
    lost_nonces: dict[str, str] = Field(default_factory=dict)
    """Which of those attempts was sent with which nonce: its answer may still come."""
    late: tuple[str, ...] = ()
    """Operations accepted after the job had moved on: charged, and discarded."""
    reserved: tuple[Reserved, ...] = ()
    """What the present attempt took out of the budgets, or keeps there for the next one."""

    @property
    def fallback(self) -> Failure | None:
        """Why another model makes it than the one that was asked for. A line keeps that until it is refused."""
        if self.cause is None or self.cause.code == MODEL_FALLBACK:
            return self.cause
        if self.cause.code == DELIVERED_AS_IT_CAME and self.cause.field:
            return fallback_cause(self.cause.field, self.cause.message.partition("\n")[2])
        return None

    def with_defect(self, defect: Failure) -> "Clip":
        """The same line with what is wrong with the video, and below it the fallback that it tells of, if any."""
        told = self.fallback
        update = {"field": told.field, "message": f"{defect.message}\n{told.message}"} if told else {}
        return self.model_copy(update={"cause": defect.model_copy(update=update)})

    @property
    def charged(self) -> Charged:
        """Whether this clip was paid for. A free clip never is."""
        if self.planned.price_usd == 0:
            return Charged.NO
        if self.late:
            return Charged.YES
        refused = self.cause.charged if self.cause and self.state is ClipState.REFUSED else Charged.NO
        charged = _CHARGED.get(self.state, refused)
        return Charged.UNKNOWN if self.lost_prefixes and charged is Charged.NO else charged

    @property
    def cost_usd(self) -> Decimal:
        """What is known to have been spent on it, late operations included."""
        return self.planned.price_usd * self.charges

    @property
    def charges(self) -> int:
        """How many accepted operations are known to have been charged for this line."""
        refused = self.state is ClipState.REFUSED and self.cause is not None and self.cause.charged is Charged.YES
        return len(self.late) + (self.state in (ClipState.ACCEPTED, ClipState.DONE) or refused)

    @property
    def unresolved_submits(self) -> int:
        """How many submits may have been charged without anybody knowing."""
        if self.planned.price_usd == 0:
            return 0
        known = (*self.late, self.output or "")
        lost = sum(not any(name.startswith(prefix) for name in known) for prefix in self.lost_prefixes)
        return lost + (self.state is ClipState.SUBMITTING or self.is_in_doubt)

    @property
    def unused_reservations(self) -> tuple[Reserved, ...]:
        """What it holds of the budgets without being paid: for its next attempt, or for nothing once the job ended."""
        refused = self.state is ClipState.REFUSED and self.cause is not None and self.cause.charged is Charged.NO
        return self.reserved if refused or self.state is ClipState.PLANNED else ()

    @property
    def is_in_doubt(self) -> bool:
        """True while a paid file of its present attempt may still turn up."""
        doubtful = self.state is ClipState.REFUSED and self.cause is not None and self.cause.charged is Charged.UNKNOWN
        return self.planned.price_usd > 0 and (self.state is ClipState.UNKNOWN or doubtful)

    @property
    def unresolved_prefixes(self) -> tuple[str, ...]:
        """Where a paid file may still turn up that nobody wrote down."""
        if self.planned.price_usd == 0:
            return ()
        return (*self.lost_prefixes, self.prefix) if self.is_in_doubt and self.prefix else self.lost_prefixes

    def at_price(self, price_usd: Decimal) -> "Clip":
        """The same line with what the provider says that it costs. A free clip stays free, and a paid one paid; a line
        that was charged more than once keeps its price, which counts for each."""
        if not self.planned.price_usd or price_usd <= 0 or self.charges != 1:
            return self
        return self.model_copy(update={"planned": self.planned.model_copy(update={"price_usd": price_usd})})

    def start_submit(self, job_id: str, owner: str, nonce: str, at: datetime, attempt: int | None = None) -> "Clip":
        """The same line with an attempt under way: a fresh one, or the one whose files were found already."""
        attempt = attempt or self.attempt + 1
        prefix = work_prefix(job_id, self.index, attempt)
        return self.model_copy(
            update={
                "state": ClipState.SUBMITTING,
                "attempt": attempt,
                "prefix": prefix,
                "lost_prefixes": tuple(lost for lost in self.lost_prefixes if lost != prefix),
                "late": tuple(name for name in self.late if not name.startswith(prefix)),
                "owner": owner,
                "nonce": nonce,
                "submitting_at": at,
                "accepted_at": None,
                "operation": None,
                "cause": self.fallback,
            }
        )
