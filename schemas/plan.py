"""What a model would do for a request, and what that costs, before a cent is spent."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from schemas.failure import Failure
from schemas.kinds import Usd
from schemas.stored import Stored


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
    """Why the model that was asked for does not make it: see `schemas.fallback`."""
    warnings: tuple[str, ...] = Field(default=(), exclude=True)
    """What the person who pays should know about the models, in whole sentences."""

    @property
    def price_usd(self) -> Decimal:
        """What all clips cost together."""
        return sum((clip.price_usd for clip in self.clips), Decimal(0))
