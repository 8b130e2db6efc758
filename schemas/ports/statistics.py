"""Numbers for operators about jobs, messages and workers, which the store reads from its indexes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

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


class Statistics(Protocol):
    """Counts and extremes. Each call reads an index, and its work is bounded.

    A new adapter must guarantee that counts stop at their limit. `tests/contract/test_statistics.py` proves it.
    """

    async def count(self, state: JobState, *, at_most: int) -> int:
        """Return how many jobs are in this state. Counting stops at `at_most`."""

    async def oldest(self, state: JobState, *, limit: int) -> Sequence[Job]:
        """Return the jobs in this state that were created first, the oldest first."""

    async def beats(self) -> Sequence[WorkerBeat]:
        """Return the newest heartbeats, the newest first: one of each worker, or of some if many share a slot."""

    async def backlog(self, subscription: str) -> Backlog | None:
        """Return what waits in a subscription; None if the store does not hold the messages."""
