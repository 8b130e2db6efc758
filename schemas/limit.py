"""A limit of spending: for whom it counts, and for how long."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from schemas.kinds import Usd
from schemas.request import VideoRequest
from schemas.stored import Stored

SLICES_AT_MOST = 16
_SCOPE = r"^(?:all|project:[^\s\x00-\x1f/]{1,128}|label:[a-z][a-z0-9_-]{0,62}=[a-z0-9_-]{0,63})$"


class Period(StrEnum):
    """How long a limit counts before it begins afresh, in UTC."""

    DAY = "day"
    MONTH = "month"


class Reserved(Stored):
    """What a paid attempt took out of one slice of a limit. Stands in the ledger, so that a record explains itself."""

    scope: str
    period: str
    """The day or month, for example `2026-01-31` or `2026-01`."""
    slice: int
    usd: Usd

    @property
    def name(self) -> str:
        """Name of the slice in the store; a day and a month look different."""
        return f"{self.scope}~{self.period}~{self.slice}"


class Limit(BaseModel):
    """What may be spent in a day or a month: by everybody, by one project, or under one label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: str = Field(pattern=_SCOPE, description="all, project:ID or label:KEY=VALUE")
    period: Period
    limit_usd: Usd
    slices: int = Field(default=8, ge=1, le=SLICES_AT_MOST)

    @property
    def terms(self) -> str:
        """What its slices are cut by."""
        return f"{self.limit_usd.normalize():f}/{self.slices}"

    def covers(self, request: VideoRequest) -> bool:
        """Whether the request's clips count."""
        kind, _, rest = self.scope.partition(":")
        key, _, value = rest.partition("=")
        return {"all": True, "project": request.project_id == rest, "label": request.labels.get(key) == value}[kind]

    def period_at(self, at: datetime) -> str:
        """The day or the month."""
        return at.astimezone(UTC).strftime("%Y-%m-%d" if self.period is Period.DAY else "%Y-%m")

    def opens_again(self, at: datetime) -> datetime:
        """When the next period begins."""
        midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if self.period is Period.DAY:
            return midnight + timedelta(days=1)
        return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)

    def missing(self, price_usd: Decimal, held: Sequence[Reserved], at: datetime) -> Decimal:
        """What a clip has still to take, beside what it holds in this period from an attempt that was not paid."""
        here = (self.scope, self.period_at(at))
        return max(price_usd - sum(part.usd for part in held if (part.scope, part.period) == here), Decimal(0))

    def reserved(self, at: datetime, index: int, usd: Decimal) -> Reserved:
        """The ledger's line about what is taken from one slice, or could be."""
        return Reserved(scope=self.scope, period=self.period_at(at), slice=index, usd=usd)

    def slice_names(self, at: datetime) -> list[str]:
        """Of all slices that there can be, by index: whoever had another setting may have cut it into more."""
        return [self.reserved(at, index, Decimal(0)).name for index in range(SLICES_AT_MOST)]
