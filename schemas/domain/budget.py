"""How a price is taken out of a limit. Pure.

A limit is held in slices, so that workers rarely write the same record at the same time. Each slice has its part of the
limit (`allotted`) and what submits took of it (`used`). A price goes into one slice where it fits, and into several
where only their rooms together hold it. What all slices are allotted is never more than the limit.

A limit of spending: for whom it counts, and for how long.
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
    def version(self) -> str:
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


_SMALLEST_SHARE = Decimal("0.000001")


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetShard:
    """A part of a limit in one period, as the store has it. One that was never stored is empty."""

    name: str
    terms: str = ""
    """What it was cut by. A limit with other terms cuts all slices of the period anew."""
    allotted: Decimal = Decimal(0)
    used: Decimal = Decimal(0)
    revision: str = ""
    """The store's token for this version; empty for one that was never stored."""

    @property
    def remaining(self) -> Decimal:
        """US dollars that can still be taken."""
        return max(self.allotted - self.used, Decimal(0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """What a submit takes: the slices as they shall become, and the ledger's lines about it."""

    slices: tuple[BudgetShard, ...] = ()
    reserved: tuple[Reserved, ...] = ()

    def __add__(self, other: "Reservation") -> "Reservation":
        return Reservation(slices=self.slices + other.slices, reserved=self.reserved + other.reserved)


def reserve_in_shard(limit: Limit, at: datetime, index: int, found: BudgetShard, amount: Decimal) -> Reservation | None:
    """All of it from one slice; None where that has too little room, or was cut by other terms."""
    if found.terms != limit.version or found.remaining < amount:
        return None
    return Reservation(
        slices=(replace(found, used=found.used + amount),), reserved=(limit.reserved(at, index, amount),)
    )


def reserve_across_shards(
    limit: Limit, at: datetime, start: int, found: Sequence[BudgetShard], amount: Decimal
) -> Reservation | Decimal:
    """From the first slice at or after `start` that holds it all, else from several; the room left where that is less.

    `found` are all slices that there can be, by index. Where they must be cut anew, all of them are written.
    """
    cut = _cut(limit, found)
    left = sum((each.remaining for each in cut), Decimal(0))
    if left < amount:
        return left
    parts = _parts(cut, start, amount)
    after = [replace(each, used=each.used + parts.get(index, Decimal(0))) for index, each in enumerate(cut)]
    return Reservation(
        slices=tuple(now for now, before in zip(after, found, strict=True) if now != before),
        reserved=tuple(limit.reserved(at, index, usd) for index, usd in parts.items()),
    )


def release(found: BudgetShard, amount: Decimal) -> BudgetShard:
    """The slice with the amount free again."""
    return replace(found, used=max(found.used - amount, Decimal(0)))


def budget_exceeded(limit: Limit, at: datetime, left: Decimal, amount: Decimal) -> Failure:
    """Why a clip is not sent."""
    words = (
        f"The budget of ${_money(limit.limit_usd)} a {limit.period} for {_whom(limit)} has ${_money(left)} left for "
        f"{limit.period_at(at)}, and the next clip needs ${_money(amount)}; it opens again at "
        f"{limit.opens_again(at):%Y-%m-%d %H:%M} UTC. The clip was not sent."
    )
    return Failure(category=Category.BUDGET, code="budget_exceeded", message=words, charged=Charged.NO)


def _parts(slices: Sequence[BudgetShard], start: int, amount: Decimal) -> dict[int, Decimal]:
    order = [(start + step) % len(slices) for step in range(len(slices))]
    whole = [index for index in order if slices[index].remaining >= amount]
    parts: dict[int, Decimal] = {}
    for index in whole[:1] or order:
        if part := min(slices[index].remaining, amount):
            parts[index] = part
            amount -= part
    return parts


def _cut(limit: Limit, found: Sequence[BudgetShard]) -> Sequence[BudgetShard]:
    """The slices as this limit cuts them. What was used of other ones stays used; the rest is shared out anew."""
    ours = [index < limit.slices or bool(each.revision) for index, each in enumerate(found)]
    if all(each.terms == limit.version for each, mine in zip(found, ours, strict=True) if mine):
        return found
    free = max(limit.limit_usd - sum(each.used for each in found), Decimal(0))
    shares = _shares(free, limit.slices, len(found))
    return [
        replace(each, terms=limit.version, allotted=each.used + share) if mine else each
        for each, mine, share in zip(found, ours, shares, strict=True)
    ]


def _shares(free: Decimal, among: int, of: int) -> list[Decimal]:
    """Equal to a millionth of a dollar; the first has what is left over."""
    share = (free / among).quantize(_SMALLEST_SHARE, ROUND_DOWN)
    return [free - share * (among - 1), *[share] * (among - 1), *[Decimal(0)] * (of - among)]


def _whom(limit: Limit) -> str:
    kind, _, name = limit.scope.partition(":")
    return f"{kind} {name}" if name else "all jobs"


def _money(usd: Decimal) -> str:
    """To the cent, or as exactly as it takes."""
    return f"{max(usd.normalize(), usd.quantize(Decimal('0.01')), key=_digits):f}"


def _digits(usd: Decimal) -> int:
    return -int(usd.as_tuple().exponent)
