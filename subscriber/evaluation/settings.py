"""The evaluator's settings, read once from the environment and `.env`."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import Field

from schemas.errors import Invalid
from schemas.settings import Settings
from schemas.wire.types import Usd
from subscriber.evaluation.context import FALLBACK

_GRACE = timedelta(seconds=30)
EVERY_PROJECT = "*"
METRIC = "gecko_text2video_v2"


class EvaluatorSettings(Settings):
    """Every field is `REELBUS_<NAME>` in the environment."""

    evaluation_base_url: str = Field(
        default="", description="Another address of the service, which speaks gRPC; over http:// no token is sent."
    )
    evaluation_metric: str = Field(
        default=METRIC,
        pattern=r"^[A-Za-z0-9_.-]{1,100}$",
        description=f"The metric. If the service refuses its name, {FALLBACK} is used.",
    )
    evaluation_share: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default={},
        description="The share of the videos of a project that is scored without being asked for, as JSON: "
        '{"project": 0.1}; * is every other project.',
    )
    evaluations_per_day: int = Field(
        default=200, ge=0, le=1_000_000, description="Calls of the service in one UTC day, by all evaluators together."
    )
    evaluation_timeout_s: float = Field(default=120, gt=0, le=540, description="How long one call may take.")
    evaluation_pause_s: float = Field(default=30, ge=0, le=600, description="Pause before the second try.")
    evaluation_price_usd: Usd | None = Field(
        default=None, ge=Decimal(0), description="What one call costs, for the ledger; not known by default."
    )
    ack_deadline_s: float = Field(default=15, gt=0, description="When a killed evaluator's messages come again.")
    health_port: int = Field(
        default=0, ge=0, le=65535, description="Port of the evaluator's /livez and /readyz, on REELBUS_HOST; 0: none."
    )

    @property
    def evaluation_address(self) -> SplitResult:
        """The address of the service. Raises `Invalid` if the settings name none."""
        address = urlsplit(self.evaluation)
        if address.scheme != "vertex":
            words = f"must be vertex://project/location, not {self.evaluation!r}"
            raise Invalid(f"REELBUS_EVALUATION: {words}", field="REELBUS_EVALUATION")
        return address

    @property
    def outline(self) -> dict[str, Any]:
        """What `reelbus doctor` looks at."""
        return {
            "base_url": self.evaluation_base_url,
            "metric": self.evaluation_metric,
            "is_known_metric": self.evaluation_metric in (FALLBACK, METRIC),
            "share": self.evaluation_share,
            "per_day": self.evaluations_per_day,
        }

    @property
    def call_at_most(self) -> timedelta:
        """After this time a call without an answer was lost with its evaluator."""
        return timedelta(seconds=self.evaluation_timeout_s) + _GRACE

    @property
    def scratch_dir(self) -> Path:
        """The folder for unfinished files, which the workers of this machine share and sweep."""
        return self.data_dir.absolute() / "scratch"

    def share_of(self, project_id: str | None) -> float:
        """Return the share of the project's videos that is evaluated without being asked for."""
        shares = self.evaluation_share
        return shares.get(project_id or "", shares.get(EVERY_PROJECT, 0.0))
