"""Sum what was spent, from the ledgers of all jobs. A job whose prompt was erased still counts."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from publisher.context import PublisherContext
from schemas.domain.clip import Clip
from schemas.domain.job import Job
from schemas.errors import Invalid
from schemas.ports import JobQuery
from schemas.services.job_pages import read_pages
from schemas.wire.types import Usd

PAGE_SIZE = 200

Key = Callable[[Job, Clip], str | None]


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


class Spend(BaseModel):
    """The amounts of all jobs, and of each group."""

    model_config = ConfigDict(frozen=True)

    by: str | None
    since: date | None
    groups: list[Group]
    total: Amounts


async def spend(ctx: PublisherContext, *, by: str | None = None, since: date | None = None) -> Spend:
    """Sum the amounts of all jobs, grouped by `by`. Reads every record. Raises `Invalid` for an unknown `by`."""
    key_of = _parse_by(by) if by else None
    sums: dict[str | None, Amounts] = {}
    async for page in read_pages(ctx.jobs, JobQuery(priced=True, limit=PAGE_SIZE)):
        for job, clip in ((each, clip) for each in page for clip in each.clips):
            amounts = amounts_of(clip)
            if amounts and (since is None or submit_day(job, clip) >= since):
                key = key_of(job, clip) if key_of else None
                sums[key] = sums.get(key, Amounts()) + amounts
    groups = sorted(
        (Group(key=key, **dict(amounts)) for key, amounts in sums.items()), key=lambda group: group.key or ""
    )
    if by != "day":  # days stay in order; other groups are sorted by their cost
        groups.sort(key=lambda group: -(group.charged_usd + group.unknown_usd))
    return Spend(by=by, since=since, groups=groups if by else [], total=sum(sums.values(), Amounts()))


def amounts_of(clip: Clip) -> Amounts:
    """Return the amounts of one line of a ledger."""
    price = clip.planned.price_usd
    return Amounts(
        clips=clip.charges if price else 0,
        charged_usd=clip.cost_usd,
        unknown_usd=price * clip.unresolved_submits,
        reserved_usd=price if clip.unused_reservations else Decimal(0),
    )


def submit_day(job: Job, clip: Clip) -> date:
    """Return the day, in UTC, on which the clip was sent for the last time."""
    return (clip.submitting_at or job.created_at).date()


def _parse_by(by: str) -> Key:
    kind, colon, label = by.partition(":")
    if kind == "label" and label:
        return lambda job, _: job.request.labels.get(label)
    if colon or kind not in _KEYS:
        raise Invalid(f"by must be model, project, caller, day or label:KEY, not {by!r}", field="by")
    return _KEYS[kind]


_KEYS: Mapping[str, Key] = {
    "model": lambda _, clip: clip.planned.model,
    "project": lambda job, _: job.request.project_id,
    "caller": lambda job, _: job.caller,
    "day": lambda job, clip: submit_day(job, clip).isoformat(),
}
