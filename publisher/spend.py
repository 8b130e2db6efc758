"""Sum what was spent, from the ledgers of all jobs. A job whose prompt was erased still counts.

The store adds up equal entries (`Statistics.ledger`), and the rules of `Clip` say what one of them cost. Only a sum by
label reads the records.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import partial

from pydantic import BaseModel, ConfigDict

from publisher.context import PublisherContext
from schemas.domain.clip import Clip
from schemas.errors import Invalid
from schemas.ports import EvaluationLine, JobQuery, LedgerLine
from schemas.services.job_pages import read_pages
from schemas.wire.types import Usd

PAGE_SIZE = 200

Key = Callable[[LedgerLine], str | None]
KEYS: Mapping[str, Key] = {
    "model": lambda line: line.clip.planned.model,
    "project": lambda line: line.project_id,
    "caller": lambda line: line.caller,
    "day": lambda line: line.day.isoformat(),
}
"""What amounts are grouped by."""


class Amounts(BaseModel):
    """Amounts in US dollars; each amount counts in one field only."""

    model_config = ConfigDict(frozen=True)

    clips: int = 0
    """Operations that are known to have been charged."""
    charged_usd: Usd = Decimal(0)
    unknown_usd: Usd = Decimal(0)
    """Submits of which it is unknown if they were charged."""
    reserved_usd: Usd = Decimal(0)
    """Reserved from a budget by clips that are not paid."""

    def __bool__(self) -> bool:
        return bool(self.charged_usd or self.unknown_usd or self.reserved_usd)

    def __mul__(self, count: int) -> "Amounts":
        return Amounts(
            clips=self.clips * count,
            charged_usd=self.charged_usd * count,
            unknown_usd=self.unknown_usd * count,
            reserved_usd=self.reserved_usd * count,
        )

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            clips=self.clips + other.clips,
            charged_usd=self.charged_usd + other.charged_usd,
            unknown_usd=self.unknown_usd + other.unknown_usd,
            reserved_usd=self.reserved_usd + other.reserved_usd,
        )


class Group(Amounts):
    """The amounts of one key, which is null for jobs without that project or label."""

    key: str | None


class EvaluationSums(BaseModel):
    """Calls of the evaluation service; no amount of videos has them."""

    model_config = ConfigDict(frozen=True)

    calls: int = 0
    cost_usd: Usd = Decimal(0)
    """What the calls cost whose price is known."""
    unpriced_calls: int = 0
    """Calls whose price is not known."""


class Spend(BaseModel):
    """The amounts of all jobs, and of each group."""

    model_config = ConfigDict(frozen=True)

    by: str | None
    since: date | None
    groups: list[Group]
    total: Amounts
    evaluations: EvaluationSums = EvaluationSums()


async def spend(ctx: PublisherContext, *, by: str | None = None, since: date | None = None) -> Spend:
    """Sum the amounts of all jobs, grouped by `by`. Raises `Invalid` for an unknown `by`."""
    kind, colon, label = (by or "").partition(":")
    if by is not None and (kind not in (*KEYS, "label") or bool(label) != (kind == "label") or (colon and not label)):
        raise Invalid(f"by must be model, project, caller, day or label:KEY, not {by!r}", field="by")
    sums: dict[str | None, Amounts] = {}
    calls = Counter[EvaluationLine]()
    key_of = KEYS.get(kind, lambda _: None)
    async for key, line in _read_by_label(ctx, label, calls) if label else _read_by(ctx, key_of, calls):
        if since is None or line.day >= since:
            sums[key] = sums.get(key, Amounts()) + amounts_of(line.clip) * line.count
    groups = sorted(
        (Group(key=key, **dict(amounts)) for key, amounts in sums.items() if amounts), key=lambda group: group.key or ""
    )
    if by != "day":  # days stay in order; other groups are sorted by their cost
        groups.sort(key=lambda group: -(group.charged_usd + group.unknown_usd))
    return Spend(
        by=by,
        since=since,
        groups=groups if by else [],
        total=sum(sums.values(), Amounts()),
        evaluations=sum_evaluations(calls, since),
    )


async def _read_by(
    ctx: PublisherContext, key_of: Key, calls: Counter[EvaluationLine]
) -> AsyncIterator[tuple[str | None, LedgerLine]]:
    walk = LedgerWalk(ctx)
    async for line in walk:
        yield key_of(line), line
    calls.update(walk.calls)


async def _read_by_label(
    ctx: PublisherContext, label: str, calls: Counter[EvaluationLine]
) -> AsyncIterator[tuple[str | None, LedgerLine]]:
    """Yield each entry with its job's value of this label, from the records, and count the evaluations."""
    async for page in read_pages(ctx.jobs, JobQuery(priced=True, limit=PAGE_SIZE)):
        calls.update(EvaluationLine.of(call) for each in page for call in each.evaluations)
        for job, clip in ((each, clip) for each in page for clip in each.clips):
            yield job.request.labels.get(label), LedgerLine.of(job, clip)


class LedgerWalk:
    """Walks over the pages of all ledgers, at most `pages_at_most` of them. `is_complete` says if that was all.

    `calls` counts the evaluations of the pages that it has read.
    """

    def __init__(
        self,
        ctx: PublisherContext,
        *,
        written_since: datetime | None = None,
        caller: str | None = None,
        pages_at_most: int | None = None,
    ) -> None:
        assert ctx.statistics is not None
        self._read = partial(ctx.statistics.ledger, written_since=written_since, caller=caller)
        self._pages_at_most = pages_at_most
        self.is_complete = False
        self.calls = Counter[EvaluationLine]()

    async def __aiter__(self) -> AsyncIterator[LedgerLine]:
        page = await self._read()
        pages = 1
        while True:
            self.calls.update(page.calls)
            for line in page.lines:
                yield line
            self.is_complete = page.cursor is None
            if self.is_complete or pages == self._pages_at_most:
                return
            page, pages = await self._read(cursor=page.cursor), pages + 1


def sum_evaluations(calls: Counter[EvaluationLine], since: date | None) -> EvaluationSums:
    """Sum the calls that were sent on that day or later."""
    counted = [(line.cost_usd, count) for line, count in calls.items() if since is None or line.day >= since]
    return EvaluationSums(
        calls=sum(count for _, count in counted),
        cost_usd=sum((cost * count for cost, count in counted if cost is not None), Decimal(0)),
        unpriced_calls=sum(count for cost, count in counted if cost is None),
    )


def amounts_of(clip: Clip) -> Amounts:
    """Return the amounts of one line of a ledger."""
    price = clip.planned.price_usd
    return Amounts(
        clips=clip.charges if price else 0,
        charged_usd=clip.cost_usd,
        unknown_usd=price * clip.unresolved_submits,
        reserved_usd=price if clip.unused_reservations else Decimal(0),
    )
