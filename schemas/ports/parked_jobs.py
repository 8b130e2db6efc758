"""The jobs that wait for their key's turn outside the bus."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.wire.types import Priority


@dataclass(frozen=True, kw_only=True, slots=True)
class ParkedJob:
    """One parked job, as it was read."""

    job_id: str
    key: str
    """Whose turn the job waits for: its caller, or else its project."""
    version: str
    """The store's token for this row; another one after the job was parked again."""


class ParkedJobs(Protocol):
    """The queued jobs whose message was settled because their key holds enough messages. Stored beside the jobs.

    A new adapter must guarantee that a parked job stays parked until `remove`, and that `next` lets the keys of a lane
    take turns: a job parked now comes after at most one job of each other key for each job of its own key that is
    parked already, whichever processes parked them. `tests/contract/test_parked.py` proves it.
    """

    async def park(self, job_id: str, *, key: str, priority: Priority) -> None:
        """Park the job at the end of its key. A parked job keeps its place, and gets another version."""

    async def next(self, priority: Priority, *, limit: int, without: Collection[str] = ()) -> Sequence[ParkedJob]:
        """Return the next parked jobs of the lane in their order. Jobs of the keys in `without` are left out."""

    async def remove(self, job_id: str, *, version: str | None = None) -> None:
        """Remove the job. With `version`, only if the job was not parked again since that was read."""

    async def holds(self, job_id: str) -> bool:
        """Return whether the job is parked."""
