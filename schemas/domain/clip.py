"""The plan of a video before anything is paid, and the ledger: one entry for each clip of the plan.

An entry says what was sent, what it costs and where the clip's file is stored.
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
    """One paid call, which becomes one entry of the ledger."""

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
    """Why another model makes it than the one that was asked for: see `schemas.domain.fallback`."""
    warnings: tuple[str, ...] = Field(default=(), exclude=True)
    """What the caller should know about the models before it pays, in whole sentences."""

    @property
    def price_usd(self) -> Decimal:
        """The price of all clips together."""
        return sum((clip.price_usd for clip in self.clips), Decimal(0))


_CHARGED = {
    ClipState.PLANNED: Charged.NO,
    ClipState.SUBMITTING: Charged.UNKNOWN,
    ClipState.UNKNOWN: Charged.UNKNOWN,
    ClipState.ACCEPTED: Charged.YES,
    ClipState.DONE: Charged.YES,
}


class Clip(Stored):
    """An entry of the ledger. Only `schemas.domain.state_machine` changes its state."""

    index: int
    planned: PlannedClip
    state: ClipState = ClipState.PLANNED
    attempt: int = 0
    prefix: str | None = None
    """Where the model puts the files of this attempt. Each attempt has its own."""
    owner: str | None = None
    nonce: str | None = None
    """Identifies one submit. An answer with another nonce comes too late."""
    submitting_at: Moment | None = None
    accepted_at: Moment | None = None
    done_at: Moment | None = None
    operation: str | None = None
    output: str | None = None
    """Name of the clip's file in the video store."""
    cause: Failure | None = None
    lost_prefixes: tuple[str, ...] = ()
    """The prefixes of attempts whose outcome is not known. `reconcile` searches them again."""
    lost_nonces: dict[str, str] = Field(default_factory=dict)
    """The prefixes of those attempts by nonce: an answer to one of them may still come."""
    late: tuple[str, ...] = ()
    """Operations that were accepted after the job had gone on: charged, and discarded."""
    reserved: tuple[Reserved, ...] = ()
    """What the present attempt reserved in the budgets, or keeps reserved for the next one."""

    @property
    def fallback(self) -> Failure | None:
        """Why another model makes the clip than the one that was asked for. The clip keeps it until it is refused."""
        if self.cause is None or self.cause.code == MODEL_FALLBACK:
            return self.cause
        if self.cause.code == DELIVERED_AS_IT_CAME and self.cause.field:
            return fallback_cause(self.cause.field, self.cause.message.partition("\n")[2])
        return None

    def with_defect(self, defect: Failure) -> "Clip":
        """Return the clip with the defect of its video as its cause. A fallback stays as the second line."""
        fallback = self.fallback
        update = {"field": fallback.field, "message": f"{defect.message}\n{fallback.message}"} if fallback else {}
        return self.model_copy(update={"cause": defect.model_copy(update=update)})

    @property
    def charged(self) -> Charged:
        """Whether the provider charged for this clip. A free clip is never charged."""
        if self.planned.price_usd == 0:
            return Charged.NO
        if self.late:
            return Charged.YES
        refused = self.cause.charged if self.cause and self.state is ClipState.REFUSED else Charged.NO
        charged = _CHARGED.get(self.state, refused)
        return Charged.UNKNOWN if self.lost_prefixes and charged is Charged.NO else charged

    @property
    def cost_usd(self) -> Decimal:
        """The sum that is known to have been spent on it, late operations included."""
        return self.planned.price_usd * self.charges

    @property
    def charges(self) -> int:
        """The number of operations that are known to have been charged for this clip."""
        refused = self.state is ClipState.REFUSED and self.cause is not None and self.cause.charged is Charged.YES
        return len(self.late) + (self.state in (ClipState.ACCEPTED, ClipState.DONE) or refused)

    @property
    def unresolved_submits(self) -> int:
        """The number of submits of which it is not known whether they were charged."""
        if self.planned.price_usd == 0:
            return 0
        known = (*self.late, self.output or "")
        lost = sum(not any(name.startswith(prefix) for name in known) for prefix in self.lost_prefixes)
        return lost + (self.state is ClipState.SUBMITTING or self.is_in_doubt)

    @property
    def unused_reservations(self) -> tuple[Reserved, ...]:
        """The reservations that no charge used: kept for the next attempt, or to be released after the job's end."""
        refused = self.state is ClipState.REFUSED and self.cause is not None and self.cause.charged is Charged.NO
        return self.reserved if refused or self.state is ClipState.PLANNED else ()

    @property
    def is_in_doubt(self) -> bool:
        """True while a charged file of its present attempt may still appear."""
        doubtful = self.state is ClipState.REFUSED and self.cause is not None and self.cause.charged is Charged.UNKNOWN
        return self.planned.price_usd > 0 and (self.state is ClipState.UNKNOWN or doubtful)

    @property
    def unresolved_prefixes(self) -> tuple[str, ...]:
        """The prefixes at which a charged file may still appear that is not in the record."""
        if self.planned.price_usd == 0:
            return ()
        return (*self.lost_prefixes, self.prefix) if self.is_in_doubt and self.prefix else self.lost_prefixes

    def at_price(self, price_usd: Decimal) -> "Clip":
        """Return the clip with the price that the provider reports.

        A free clip stays free, and a paid one paid. A clip that was charged more than once keeps its price, which
        counts for each charge.
        """
        if not self.planned.price_usd or price_usd <= 0 or self.charges != 1:
            return self
        return self.model_copy(update={"planned": self.planned.model_copy(update={"price_usd": price_usd})})

    def start_submit(self, job_id: str, owner: str, nonce: str, at: datetime, attempt: int | None = None) -> "Clip":
        """Return the clip while it is being submitted: a new attempt, or the one whose files were found."""
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
