"""Limits of spending, and how a submit reserves its price in them. Pure.

A limit is stored in shards, so that workers rarely write the same record at the same time. Each shard has a part of the
limit (`allotted`) and the sum that submits reserved in it (`used`). A price is reserved in one shard if it fits there,
and across several if only all of them together have enough. The shards are never allotted more than the limit.

The stored names say "slice" for a shard.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from schemas.errors import Category, Charged, Failure
from schemas.versioning import Stored
from schemas.wire.request import VideoRequest
from schemas.wire.types import Usd

SLICES_AT_MOST = 16
_SCOPE = r"^(?:all|project:[^\s\x00-\x1f/]{1,128}|label:[a-z][a-z0-9_-]{0,62}=[a-z0-9_-]{0,63})$"


class Period(StrEnum):
    """After which time a limit starts again from zero, in UTC."""

    DAY = "day"
    MONTH = "month"


class Reserved(Stored):
    """What a paid attempt reserved in one shard of a limit. The clip keeps it, so that a record explains itself."""

    scope: str
    period: str
    """The day or month, for example `2026-01-31` or `2026-01`."""
    slice: int
    usd: Usd

    @property
    def name(self) -> str:
        """The name of the shard in the store. Names of days and months differ."""
        return f"{self.scope}~{self.period}~{self.slice}"


class Limit(BaseModel):
    """What may be spent in a day or a month: on all jobs, on one project, or under one label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: str = Field(pattern=_SCOPE, description="all, project:ID or label:KEY=VALUE")
    period: Period
    limit_usd: Usd
    slices: int = Field(default=8, ge=1, le=SLICES_AT_MOST)

    @property
    def version(self) -> str:
        """Identify the division into shards: limit and number of shards."""
        return f"{self.limit_usd.normalize():f}/{self.slices}"

    def covers(self, request: VideoRequest) -> bool:
        """Return whether the clips of the request count."""
        kind, _, rest = self.scope.partition(":")
        key, _, value = rest.partition("=")
        return {"all": True, "project": request.project_id == rest, "label": request.labels.get(key) == value}[kind]

    def period_at(self, at: datetime) -> str:
        """Return the day or the month as stored, for example `2026-01-31` or `2026-01`."""
        return at.astimezone(UTC).strftime("%Y-%m-%d" if self.period is Period.DAY else "%Y-%m")

    def opens_again(self, at: datetime) -> datetime:
        """Return when the next period begins."""
        midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if self.period is Period.DAY:
            return midnight + timedelta(days=1)
        return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)

    def amount_to_reserve(self, price_usd: Decimal, held: Sequence[Reserved], at: datetime) -> Decimal:
        """Return the price less what the clip still holds in this period from an attempt that was not charged."""
        here = (self.scope, self.period_at(at))
        return max(price_usd - sum(part.usd for part in held if (part.scope, part.period) == here), Decimal(0))

    def to_reserved(self, at: datetime, index: int, usd: Decimal) -> Reserved:
        """Build the entry of the ledger for an amount in one shard."""
        return Reserved(scope=self.scope, period=self.period_at(at), slice=index, usd=usd)

    def slice_names(self, at: datetime) -> list[str]:
        """Return the names of all possible shards, by index. Another setting may have divided the limit into more."""
        return [self.to_reserved(at, index, Decimal(0)).name for index in range(SLICES_AT_MOST)]


_SMALLEST_SHARE = Decimal("0.000001")
"""Of a dollar: equal shares are rounded down to it, and the first shard gets the rest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetShard:
    """A part of a limit in one period, as stored. A shard that was never stored is empty."""

    name: str
    terms: str = ""
    """The `Limit.version` of its division. A limit with another version divides the period again."""
    allotted: Decimal = Decimal(0)
    used: Decimal = Decimal(0)
    revision: str = ""
    """The store's token for this version; empty if it was never stored."""

    @property
    def remaining(self) -> Decimal:
        """US dollars that can still be reserved."""
        return max(self.allotted - self.used, Decimal(0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """What a submit reserves: the shards to write, and the entries of the ledger."""

    slices: tuple[BudgetShard, ...] = ()
    reserved: tuple[Reserved, ...] = ()

    def __add__(self, other: "Reservation") -> "Reservation":
        return Reservation(slices=self.slices + other.slices, reserved=self.reserved + other.reserved)


def reserve_in_shard(limit: Limit, at: datetime, index: int, found: BudgetShard, amount: Decimal) -> Reservation | None:
    """Reserve the whole amount in one shard; None if it has too little, or belongs to another division."""
    if found.terms != limit.version or found.remaining < amount:
        return None
    shard = replace(found, used=found.used + amount)
    return Reservation(slices=(shard,), reserved=(limit.to_reserved(at, index, amount),))


def reserve_across_shards(
    limit: Limit, at: datetime, start: int, found: Sequence[BudgetShard], amount: Decimal
) -> Reservation | Decimal:
    """Reserve the amount in the first shard from `start` on that has enough, else across several.

    Returns what remains of the limit if that is less than the amount. `found` are all possible shards, by index. If the
    limit must be divided again, all shards are written.
    """
    shards = _divide(limit, found)
    remaining = sum((each.remaining for each in shards), Decimal(0))
    if remaining < amount:
        return remaining
    parts = _split(shards, start, amount)
    after = [replace(each, used=each.used + parts.get(index, Decimal(0))) for index, each in enumerate(shards)]
    return Reservation(
        slices=tuple(now for now, before in zip(after, found, strict=True) if now != before),
        reserved=tuple(limit.to_reserved(at, index, usd) for index, usd in parts.items()),
    )


def release(found: BudgetShard, amount: Decimal) -> BudgetShard:
    """Return the shard with the amount available again."""
    return replace(found, used=max(found.used - amount, Decimal(0)))


def budget_exceeded(limit: Limit, at: datetime, left: Decimal, amount: Decimal) -> Failure:
    """Say why a clip is not sent."""
    kind, _, name = limit.scope.partition(":")
    owner = f"{kind} {name}" if name else "all jobs"
    words = (
        f"The budget of ${_money(limit.limit_usd)} a {limit.period} for {owner} has ${_money(left)} left for "
        f"{limit.period_at(at)}, and the next clip needs ${_money(amount)}; it opens again at "
        f"{limit.opens_again(at):%Y-%m-%d %H:%M} UTC. The clip was not sent."
    )
    return Failure(category=Category.BUDGET, code="budget_exceeded", message=words, charged=Charged.NO)


def _divide(limit: Limit, found: Sequence[BudgetShard]) -> Sequence[BudgetShard]:
    """Return the shards as this limit divides them. What was used stays used, and the rest is shared equally."""
    is_ours = [index < limit.slices or bool(each.revision) for index, each in enumerate(found)]
    if all(each.terms == limit.version for each, ours in zip(found, is_ours, strict=True) if ours):
        return found
    free = max(limit.limit_usd - sum(each.used for each in found), Decimal(0))
    share = (free / limit.slices).quantize(_SMALLEST_SHARE, ROUND_DOWN)
    others = limit.slices - 1
    shares = [free - share * others, *[share] * others, *[Decimal(0)] * (len(found) - limit.slices)]
    return [
        replace(each, terms=limit.version, allotted=each.used + share) if ours else each
        for each, ours, share in zip(found, is_ours, shares, strict=True)
    ]


def _split(shards: Sequence[BudgetShard], start: int, amount: Decimal) -> dict[int, Decimal]:
    """Return the amounts by shard: all of it in the first shard that has enough, else as much as each one has."""
    order = [(start + step) % len(shards) for step in range(len(shards))]
    enough = [index for index in order if shards[index].remaining >= amount]
    parts: dict[int, Decimal] = {}
    for index in enough[:1] or order:
        if part := min(shards[index].remaining, amount):
            parts[index] = part
            amount -= part
    return parts


def _money(usd: Decimal) -> str:
    """Format an amount with two decimals, or with all that it has."""
    cents = usd.quantize(Decimal("0.01"))
    return f"{cents if cents == usd else usd.normalize():f}"
