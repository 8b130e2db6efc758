"""The job store, and what is stored beside the jobs: budgets, heartbeats and progress."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from schemas.domain.budget import BudgetShard
from schemas.domain.job import Job
from schemas.domain.states import JobState

COUNTED_AHEAD = 1000
"""A position in the queue is counted up to here: the cost must not grow with the backlog, and Firestore counts so many
documents for one billed read."""
CREATED_TOGETHER = 100
CREATED_TOGETHER_BYTES = 4_000_000
"""A request to Firestore has at most 10 MiB (https://cloud.google.com/firestore/quotas), and a document repeats parts
of its record for searches."""
WRITTEN_AFTER_CREATION = timedelta(days=40)
"""After so long a job is hardly ever written, except by a replay and an erasure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobQuery:
    """Which jobs to list. All conditions hold together. The newest come first; with `due_before`, the longest due."""

    states: frozenset[JobState] = frozenset()
    project_id: str | None = None
    fingerprint: str | None = None
    terms: frozenset[str] = frozenset()
    """Only jobs with at least one of these terms (`schemas.domain.search_terms`); not together with `due_before` or
    `fingerprint`."""
    model: str | None = None
    """Only jobs of this model; not together with `due_before` or `fingerprint`."""
    caller: str | None = None
    """Only jobs of this caller; not together with `due_before`."""
    created_before: datetime | None = None
    written_since: datetime | None = None
    """Leave out jobs that were last written before this time, as far as the store can: it may list more jobs. Firestore
    leaves out those that were created `WRITTEN_AFTER_CREATION` before it."""
    priced: bool = False
    """Leave out jobs without a priced clip and without an evaluation, as far as the store can: it may list them."""
    due_before: datetime | None = None
    """Only jobs whose `next_check_at` is before this time."""
    limit: int = 50
    cursor: str | None = None
    after: Job | None = None
    """Begin after this job, as a cursor would; not together with `cursor` or `due_before`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobPage:
    """One page of a listing."""

    jobs: Sequence[Job]
    cursor: str | None
    """The cursor of the next page; None on the last page."""


class JobStore(Protocol):
    """The job records.

    A new adapter must guarantee that each change is a compare-and-set on `Job.revision`: of two processes that save the
    same revision, one gets `Conflict`. A read returns the newest version. A record that this program can't read raises
    `NewerRecord`, and a listing leaves it out. `tests/contract/test_jobs.py` proves it.
    """

    async def create(self, job: Job) -> Job:
        """Store a new job. Return it with its revision and the times of the store. Raises `AlreadyExists`."""

    async def create_all(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Store these new jobs in one transaction: all of them, or none. Raises `AlreadyExists` if one of them exists.

        There are at most `CREATED_TOGETHER` jobs, whose records have at most `CREATED_TOGETHER_BYTES` together.
        """

    async def get(self, job_id: str) -> Job | None:
        """Return the newest version, with `revision`, and `stored_at` and `read_at` by the store's own clock."""

    async def save(self, job: Job) -> Job:
        """Replace the version that `job.revision` names. Raises `Conflict` if that is not the newest version."""

    async def list(self, query: JobQuery) -> JobPage:
        """Return a page of the jobs that match. A job that does not change between pages is listed exactly once.

        The work for one page is bounded: with `terms` or `model`, a page may have fewer jobs than its limit, or none,
        though a next one exists.

        Raises `Invalid` for a cursor that this listing did not return.
        """

    async def ahead_of(self, job: Job) -> int | None:
        """Return how many queued jobs of the same lane and `queue_key` are older than this queued one.

        None from `COUNTED_AHEAD` on, or if counting is expensive for the store.
        """

    async def count_queued(self, key: str, *, at_most: int) -> int:
        """Return how many jobs with this `queue_key` are queued, in both lanes. Counting stops at `at_most`."""


class Budgets(Protocol):
    """The budget shards, stored beside the jobs.

    A new adapter must guarantee that each change is a compare-and-set on `BudgetShard.revision`, and that `reserve`
    writes job and shards in one transaction. `tests/contract/test_budgets.py` proves it.
    """

    async def read(self, names: Sequence[str]) -> Sequence[BudgetShard]:
        """Return the newest version of these shards, in this order; an empty shard for each that is not stored."""

    async def reserve(self, job: Job, slices: Sequence[BudgetShard]) -> Job:
        """Save the job (`JobStore.save`) and these shards, or nothing. Raises `Conflict` if any of them has changed."""

    async def give_back(self, found: BudgetShard) -> None:
        """Replace the version that `found.revision` names. Raises `Conflict` if the shard has changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LastBeat:
    """The newest heartbeat of all workers."""

    owner: str
    at: datetime
    read_at: datetime
    """Both times are by the store's own clock."""


class Heartbeats(Protocol):
    """The heartbeats of the workers, stored beside the jobs.

    A new adapter must store a bounded number of them, however many workers there were.
    `tests/contract/test_heartbeats.py` proves it.
    """

    async def beat(self, owner: str, report: str = "") -> None:
        """Store that this worker is alive now, and what it says of itself: a JSON object, or nothing."""

    async def last_beat(self) -> LastBeat | None:
        """Return the newest heartbeat; None if there never was one.

        Workers may share a slot, so that the heartbeat of one worker can be missing, but never those of all.
        """


class ProgressReports(Protocol):
    """How far operations are, as a model reports it. Reports are kept outside the job records."""

    async def progress_of(self, operation: str) -> float | None:
        """Return the share of an operation's work that is done, 0 to 1; None if nothing is reported. Never raises."""
