"""What was spent in a period, for the HTTP API and its pages: in all, today, this month, and by model, project and day.

Sums come from the ledgers of the jobs that were written in the period. Reports are kept for some seconds, and a process
makes one at a time. Where each job that is read costs money, a report reads a bounded number, and says so.
"""

import asyncio
import csv
import io
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

from pydantic import BaseModel, ConfigDict, Field

from publisher.access import Access
from publisher.caps import Cap, read_caps
from publisher.context import PublisherContext
from publisher.spend import KEYS, Amounts, EvaluationSums, Group, LedgerWalk, amounts_of, sum_evaluations
from schemas.errors import Invalid
from schemas.ports import LedgerLine
from schemas.wire.types import Moment

DAYS_AT_MOST = 92
KEPT_S = 15.0
_REPORTS_AT_MOST = 64
_GROUPS_AT_MOST = 1000
_OTHERS = "(others)"
_INCOMPLETE = "Only the newest jobs are counted, since the period has too many: `reelbus spend` counts all of them."
_COLUMNS = ("group", "key", "clips", "charged_usd", "unknown_usd", "reserved_usd")


class SpendReport(BaseModel):
    """Amounts in US dollars. Days and months are those in UTC on which a clip was last sent."""

    model_config = ConfigDict(frozen=True)

    since: date
    as_of: Moment
    total: Amounts
    today: Amounts
    month: Amounts
    by_model: list[Group]
    by_project: list[Group]
    by_caller: list[Group] = Field(description="Only for an operator.")
    by_day: list[Group]
    caps: list[Cap] = Field(description="The limits of spending; only for an operator, since callers share them.")
    evaluations: EvaluationSums = Field(
        default=EvaluationSums(), description="Calls of the evaluation service since `since`; no other sum has them."
    )
    notice: str | None = Field(default=None, description="Why the sums are not those of all jobs; null if they are.")


class _Sums:
    """The sums of one walk over the jobs."""

    def __init__(self, since: date, today: date) -> None:
        self._since, self._today = since, today
        self.total, self.day, self.month = Amounts(), Amounts(), Amounts()
        self.groups: dict[str, dict[str | None, Amounts]] = {name: {} for name in KEYS}

    def add(self, line: LedgerLine) -> None:
        """Add equal entries of ledgers, to every sum that they belong to."""
        amounts, day = amounts_of(line.clip) * line.count, line.day
        if not amounts:
            return
        self.day += amounts if day == self._today else Amounts()
        self.month += amounts if (day.year, day.month) == (self._today.year, self._today.month) else Amounts()
        if day < self._since:
            return
        self.total += amounts
        for name, key_of in KEYS.items():
            group, key = self.groups[name], key_of(line)
            group[key] = group.get(key, Amounts()) + amounts

    def largest(self, name: str) -> list[Group]:
        """Return the groups of the highest cost, and one for all others. Days are in their order."""
        groups = [Group(key=key, **dict(amounts)) for key, amounts in self.groups[name].items()]
        groups.sort(key=lambda group: (-(group.charged_usd + group.unknown_usd), group.key or ""))
        rest = sum(groups[_GROUPS_AT_MOST:], Amounts())
        shown = groups[:_GROUPS_AT_MOST] + ([Group(key=_OTHERS, **dict(rest))] if rest else [])
        return sorted(shown, key=lambda group: group.key or "") if name == "day" else shown


class SpendReports:
    """Makes reports, and keeps each for some seconds: a page may ask again and again, and a report reads many jobs."""

    def __init__(self, ctx: PublisherContext) -> None:
        self._ctx = ctx
        self._walking = asyncio.Lock()
        self._kept: OrderedDict[tuple[Access, date], tuple[float, SpendReport]] = OrderedDict()

    async def report(self, access: Access, since: date | None = None) -> SpendReport:
        """Return what the jobs that this caller sees have cost since that day; without one, since the month began.

        Raises `Invalid` for a day that is more than 92 days ago, and `Unavailable`.
        """
        today = self._ctx.clock.now().date()
        since = since or today.replace(day=1)
        if since < today - timedelta(days=DAYS_AT_MOST):
            days = (today - since).days
            raise Invalid(f"since must be at most {DAYS_AT_MOST} days ago, not {days:,}", field="since")
        key = access, since
        async with self._walking:
            made_at, kept = self._kept.get(key, (0.0, None))
            if kept is None or self._ctx.clock.boot() - made_at >= KEPT_S:
                kept = await _make_report(self._ctx, access, since, today)
                self._kept[key] = self._ctx.clock.boot(), kept
            self._kept.move_to_end(key)
            while len(self._kept) > _REPORTS_AT_MOST:
                self._kept.popitem(last=False)
        return kept


async def _make_report(ctx: PublisherContext, access: Access, since: date, today: date) -> SpendReport:
    as_of, sums = ctx.clock.now(), _Sums(since, today)
    begin = datetime.combine(min(since, today.replace(day=1)), time(), UTC)
    at_most = ctx.statistics.ledger_pages_at_most if ctx.statistics else None
    walk = LedgerWalk(ctx, caller=access.jobs_of, written_since=begin, pages_at_most=at_most)
    async for line in walk:
        sums.add(line)
    return SpendReport(
        since=since,
        as_of=as_of,
        total=sums.total,
        today=sums.day,
        month=sums.month,
        by_model=sums.largest("model"),
        by_project=sums.largest("project"),
        by_caller=sums.largest("caller") if access.is_operator else [],
        by_day=sums.largest("day"),
        caps=await read_caps(ctx) if access.is_operator else [],
        evaluations=sum_evaluations(walk.calls, since),
        notice=None if walk.is_complete else _INCOMPLETE,
    )


def to_csv(report: SpendReport) -> str:
    """Return the groups and the total as CSV. A text that a spreadsheet would run as a formula gets an apostrophe."""
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\r\n").writerow
    write(_COLUMNS)
    for row in _rows(report):
        write(row)
    return text.getvalue()


def _rows(report: SpendReport) -> Iterator[tuple[object, ...]]:
    groups: Mapping[str, list[Group]] = {name: getattr(report, f"by_{name}") for name in KEYS}
    for name, found in groups.items():
        for group in found:
            yield name, _harmless(group.key or ""), *_amounts(group)
    yield "total", report.since.isoformat(), *_amounts(report.total)


def _amounts(amounts: Amounts) -> tuple[object, ...]:
    return amounts.clips, *(f"{usd:f}" for usd in (amounts.charged_usd, amounts.unknown_usd, amounts.reserved_usd))


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text
