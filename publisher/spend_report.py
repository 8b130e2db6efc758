"""What was spent in a period, for the HTTP API and its pages: in all, today, this month, and by model, project and day.

Sums come from the ledgers, so that a report reads each job that was written in the period. Reports are kept for some
seconds, and a process makes one at a time.
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
from publisher.spend import PAGE_SIZE, Amounts, Group, amounts_of, submit_day
from schemas.domain.clip import Clip
from schemas.domain.job import Job
from schemas.errors import Invalid
from schemas.ports import JobQuery
from schemas.services.job_pages import read_pages
from schemas.wire.types import Moment

DAYS_AT_MOST = 92
KEPT_S = 15.0
_REPORTS_AT_MOST = 64
_GROUPS_AT_MOST = 1000
_OTHERS = "(others)"
_DIMENSIONS = ("model", "project", "caller", "day")
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


class _Sums:
    """The sums of one walk over the jobs."""

    def __init__(self, since: date, today: date) -> None:
        self._since, self._today = since, today
        self.total, self.day, self.month = Amounts(), Amounts(), Amounts()
        self.groups: dict[str, dict[str | None, Amounts]] = {name: {} for name in _DIMENSIONS}

    def add(self, job: Job, clip: Clip) -> None:
        """Add one entry of a ledger, to every sum that it belongs to."""
        amounts = amounts_of(clip)
        if not amounts:
            return
        day = submit_day(job, clip)
        self.day += amounts if day == self._today else Amounts()
        self.month += amounts if (day.year, day.month) == (self._today.year, self._today.month) else Amounts()
        if day < self._since:
            return
        self.total += amounts
        keys = (clip.planned.model, job.request.project_id, job.caller, day.isoformat())
        for name, key in zip(_DIMENSIONS, keys, strict=True):
            group = self.groups[name]
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
            raise Invalid(f"since must be at most {DAYS_AT_MOST} days ago", field="since")
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
    query = JobQuery(caller=access.jobs_of, written_since=begin, priced=True, limit=PAGE_SIZE)
    async for page in read_pages(ctx.jobs, query):
        for job in page:
            for clip in job.clips:
                sums.add(job, clip)
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
    groups: Mapping[str, list[Group]] = {name: getattr(report, f"by_{name}") for name in _DIMENSIONS}
    for name, found in groups.items():
        for group in found:
            yield name, _harmless(group.key or ""), *_amounts(group)
    yield "total", report.since.isoformat(), *_amounts(report.total)


def _amounts(amounts: Amounts) -> tuple[object, ...]:
    return amounts.clips, *(f"{usd:f}" for usd in (amounts.charged_usd, amounts.unknown_usd, amounts.reserved_usd))


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text
