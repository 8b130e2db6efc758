"""Numbers for operators about jobs, money, messages and workers, which the store reads from its indexes or adds up."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol

from schemas.domain.clip import Clip
from schemas.domain.evaluation import EvaluationCall
from schemas.domain.job import Job
from schemas.domain.states import JobState


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerBeat:
    """The newest heartbeat of one worker. Both times are by the store's own clock."""

    owner: str
    at: datetime
    read_at: datetime
    report: Mapping[str, Any]
    """What the worker says of itself, see `subscriber.report`; empty for a worker of the release before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """The messages of a subscription that are not settled, leased ones included."""

    messages: int
    oldest_at: datetime | None
    """When the oldest one was published; None if there is none, or if its publisher sent no time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerLine:
    """Entries of ledgers that cost the same, were sent on the same day, and belong to one caller and project."""

    caller: str | None
    project_id: str | None
    day: date
    """The day, in UTC, on which the clip was sent for the last time."""
    clip: Clip
    """One of the entries."""
    count: int = 1
    """How many entries are like it."""

    @classmethod
    def of(cls, job: Job, clip: Clip) -> "LedgerLine":
        """Return the line of one entry in the ledger of a job."""
        return cls(caller=job.caller, project_id=job.request.project_id, day=job.submit_day(clip), clip=clip)


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationLine:
    """Calls of the evaluation service that cost the same, and were sent on the same day."""

    day: date
    """In UTC."""
    cost_usd: Decimal | None
    """Of one call; None if it is not known."""

    @classmethod
    def of(cls, call: EvaluationCall) -> "EvaluationLine":
        """Return the line of one call."""
        return cls(day=call.at.astimezone(UTC).date(), cost_usd=call.cost_usd)


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerPage:
    """Lines of some jobs. Other pages may have equal lines."""

    lines: Sequence[LedgerLine]
    cursor: str | None
    """The cursor of the next page; None on the last page."""
    calls: Counter[EvaluationLine] = field(default_factory=Counter)
    """How many calls of the evaluation service each line has."""


class Statistics(Protocol):
    """Counts, extremes and sums. The work of each call is bounded.

    A new adapter must guarantee that counts stop at their limit, and that the pages of a ledger have each priced entry
    and each evaluation of a job that does not change meanwhile exactly once. `tests/contract/test_statistics.py` proves
    it.
    """

    ledger_pages_at_most: int | None
    """How many pages of a ledger a report on a web page may read; None if a page costs no money."""

    async def ledger(
        self, *, written_since: datetime | None = None, caller: str | None = None, cursor: str | None = None
    ) -> LedgerPage:
        """Return a page of the entries that have a price, and of the calls of the evaluation service.

        Jobs that were last written before `written_since` are left out, as far as the store can.
        """

    async def count(self, state: JobState, *, at_most: int) -> int:
        """Return how many jobs are in this state. Counting stops at `at_most`."""

    async def oldest(self, state: JobState, *, limit: int) -> Sequence[Job]:
        """Return the jobs in this state that were created first, the oldest first."""

    async def beats(self) -> Sequence[WorkerBeat]:
        """Return the newest heartbeats, the newest first: one of each worker, or of some if many share a slot."""

    async def backlog(self, subscription: str) -> Backlog | None:
        """Return what waits in a subscription; None if the store does not hold the messages."""
