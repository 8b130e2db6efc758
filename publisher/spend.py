"""What was spent, from the ledgers of all jobs. A job whose prompt was erased still counts."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from publisher.context import PublisherContext
from schemas.domain.clip import Clip
from schemas.domain.job import Job
from schemas.errors import Invalid
from schemas.ports import JobQuery
from schemas.wire.types import Usd

PAGE = 200

Key = Callable[[Job, Clip], str | None]


class Amounts(BaseModel):
    """Money in US dollars, each of it in one place only."""

    model_config = ConfigDict(frozen=True)

    clips: int = 0
    """Operations that are known to have been charged."""
    charged_usd: Usd = Decimal(0)
    unknown_usd: Usd = Decimal(0)
    """Submits that may have been charged, and nobody knows."""
    reserved_usd: Usd = Decimal(0)
    """Held back of a budget by clips that were not paid, or not yet."""

    def __bool__(self) -> bool:
        return bool(self.charged_usd or self.unknown_usd or self.reserved_usd)

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            clips=self.clips + other.clips,
            charged_usd=self.charged_usd + other.charged_usd,
            unknown_usd=self.unknown_usd + other.unknown_usd,
            reserved_usd=self.reserved_usd + other.reserved_usd,
        )


class Group(Amounts):
    """What belongs together; `key` is null for jobs without that project or label."""

    key: str | None


class Spend(BaseModel):
    """All of it."""

    model_config = ConfigDict(frozen=True)

    by: str | None
    since: date | None
    groups: list[Group]
    total: Amounts


async def spend(desk: PublisherContext, *, by: str | None = None, since: date | None = None) -> Spend:
    """Reads every record. Raises `Invalid` for a `by` that is none."""
    key = _key(by) if by else None
    found: dict[str | None, Amounts] = {}
    async for job in _all_jobs(desk):
        for clip in job.clips:
            amounts = amounts_of(clip)
            if amounts and (since is None or submit_day(job, clip) >= since):
                name = key(job, clip) if key else None
                found[name] = found.get(name, Amounts()) + amounts
    groups = _groups(found, in_order=by == "day") if key else []
    return Spend(by=by, since=since, groups=groups, total=sum(found.values(), Amounts()))


def amounts_of(clip: Clip) -> Amounts:
    """One line of a ledger."""
    price = clip.planned.price_usd
    return Amounts(
        clips=clip.charges if price else 0,
        charged_usd=clip.cost_usd,
        unknown_usd=price * clip.unresolved_submits,
        reserved_usd=price if clip.unused_reservations else Decimal(0),
    )


def submit_day(job: Job, clip: Clip) -> date:
    """The day, in UTC, on which the clip was sent for the last time."""
    return (clip.submitting_at or job.created_at).date()


async def _all_jobs(desk: PublisherContext) -> AsyncIterator[Job]:
    cursor: str | None = None
    while True:
        page = await desk.jobs.list(JobQuery(limit=PAGE, cursor=cursor))
        for job in page.jobs:
            yield job
        cursor = page.cursor
        if cursor is None:
            return


def _key(by: str) -> Key:
    kind, colon, label = by.partition(":")
    if kind == "label" and label:
        return lambda job, _: job.request.labels.get(label)
    if colon or kind not in _KEYS:
        raise Invalid(f"by must be model, project, day or label:KEY, not {by!r}", field="by")
    return _KEYS[kind]


_KEYS: Mapping[str, Key] = {
    "model": lambda _, clip: clip.planned.model,
    "project": lambda job, _: job.request.project_id,
    "day": lambda job, clip: submit_day(job, clip).isoformat(),
}


def _groups(found: Mapping[str | None, Amounts], *, in_order: bool) -> list[Group]:
    """Days as they came, anything else by what it cost."""
    groups = sorted(
        (Group(key=key, **dict(amounts)) for key, amounts in found.items()), key=lambda each: each.key or ""
    )
    return groups if in_order else sorted(groups, key=lambda each: -(each.charged_usd + each.unknown_usd))
