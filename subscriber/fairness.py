"""Which jobs wait for their key's turn outside the bus, and which come back. Pure.

A worker has a limited number of jobs of each lane. It parks the jobs beyond those and settles their messages, so that
the bus always delivers the next one. So the parked jobs decide who is next, and not the order of the bus; and among the
parked jobs the keys take turns.

While another key has jobs in this worker or is parked, one key has at most two thirds of them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.ports import ParkedJob
from schemas.wire.types import Priority
from subscriber.fair_queue import Share

EXPECTED_S = 5.0
"""A request that was published again comes within this time, or another worker received it."""


def share_of(job: Job) -> Share:
    """Return whose turn the job uses up, and its lane."""
    return Share(job.queue_key, job.request.priority)


def may_park(job: Job, now: datetime) -> bool:
    """True for a job of which nothing was ever submitted, and which is neither cancelled nor past its deadline."""
    is_new = job.state is JobState.QUEUED and not job.clips and not job.started
    return is_new and not job.cancel_requested and now < job.deadline


@dataclass(slots=True)
class LaneLoad:
    """The jobs of one lane that one worker has, expects, or knows to be parked."""

    priority: Priority
    capacity: int
    """How many jobs may run here or wait for a slot. The worker may hold a third more messages, or even more."""
    held: Counter[str] = field(default_factory=Counter)
    """Jobs by key: those that run or wait for a slot, and those that are expected."""
    expected: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Jobs whose request this worker published again: their key, and the boot time until which it is expected."""
    parked_keys: set[str] = field(default_factory=set)
    """Keys that may have parked jobs."""
    unreadable: set[str] = field(default_factory=set)
    """Parked jobs among the next ones whose record only a worker of a newer version can read."""
    parkings: int = 0
    """How many jobs this worker parked: a read of the parked jobs may miss one that is parked meanwhile."""

    @property
    def room(self) -> int:
        """How many more jobs it may have."""
        return self.capacity - self.held.total()

    def has_room(self, key: str) -> bool:
        """True if it may have one more job of the key."""
        is_alone = not (self.held.keys() | self.parked_keys) - {key}
        most = self.capacity if is_alone else max(1, self.capacity * 2 // 3)
        return self.room > 0 and self.held[key] < most

    @property
    def has_room_for_parked(self) -> bool:
        """True if a parked job of a key that is known could run here."""
        return any(self.has_room(key) for key in self.parked_keys)

    def may_bring_back(self, job: ParkedJob) -> bool:
        """True if this worker may publish the request of a parked job again."""
        return self.has_room(job.key) and job.job_id not in self.expected and job.job_id not in self.unreadable

    def must_park(self, key: str, job_id: str) -> bool:
        """True if a new job has to wait. While jobs are parked, every new one gets its place among them."""
        return job_id not in self.expected and (bool(self.parked_keys) or not self.has_room(key))

    def full_keys(self) -> list[str]:
        """Return the keys that may have no more jobs here."""
        return sorted(key for key in self.held if not self.has_room(key))

    def start(self, key: str, job_id: str) -> None:
        """Count a job that runs now, also one that was not expected."""
        if self.expected.pop(job_id, None) is None:
            self.held[key] += 1

    def end(self, key: str) -> None:
        """Count a job out."""
        self.held[key] -= 1
        if not self.held[key]:
            del self.held[key]

    def park(self, key: str) -> None:
        """Note a job that is about to be parked."""
        self.parked_keys.add(key)
        self.parkings += 1

    def expect(self, job: ParkedJob, now: float) -> None:
        """Note a job whose request is about to be published again."""
        self.start(job.key, job.job_id)
        self.expected[job.job_id] = (job.key, now + EXPECTED_S)

    def expect_no_more(self, job_id: str) -> None:
        """Note that the job does not come."""
        if found := self.expected.pop(job_id, None):
            self.end(found[0])

    def forget_late(self, now: float) -> None:
        """Expect no longer what another worker received."""
        for job_id in [job_id for job_id, (_, until) in self.expected.items() if until <= now]:
            self.expect_no_more(job_id)

    def note_read(self, found: Sequence[ParkedJob], *, asked: int, without: Sequence[str], parkings: int) -> None:
        """Note what a read of the next parked jobs showed. `parkings` is the count from before the read."""
        self.unreadable.intersection_update(job.job_id for job in found)
        keys = {job.key for job in found}
        self.parked_keys |= keys
        if len(found) < asked and parkings == self.parkings:
            self.parked_keys &= keys.union(without)
