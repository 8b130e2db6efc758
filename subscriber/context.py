"""Everything a worker works with: the ports, its name, and its windows.

How long to wait before the next try: doubling, with jitter, up to a limit.

Compares what a clip costs by the provider's own count with what was planned, and counts the differences.
"""

import logging
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from schemas.domain.clip import Clip
from schemas.domain.events import Step
from schemas.domain.job import Job
from schemas.domain.state_machine import advance
from schemas.errors import NotFound
from schemas.ports import Bus, Clock, Editor, Heartbeats, JobStore, VideoModel, VideoStore
from subscriber.budget_guard import BudgetGuard
from subscriber.policy import Deadlines
from subscriber.rate_limit import SubmitRateLimiter

logger = logging.getLogger(__name__)


TOLERANCE = Decimal("0.02")
"""A price per second is rounded up from a price per token."""


@dataclass(slots=True)
class Prices:
    """How many clips of this process cost something else than planned, and how much that was in all."""

    differences: int = 0
    difference_usd: Decimal = Decimal(0)

    def settle(self, job: Job, clip: Clip, price_usd: Decimal | None) -> Decimal | None:
        """The price to write into the ledger; None if the provider named none."""
        planned = clip.planned.price_usd
        if price_usd is None or not planned:
            return None
        if abs(price_usd - planned) > planned * TOLERANCE:
            self.differences += 1
            self.difference_usd += price_usd - planned
            logger.warning("a clip costs something else than planned", extra=self._about(job, clip, price_usd))
        return price_usd

    def _about(self, job: Job, clip: Clip, price_usd: Decimal) -> dict[str, object]:
        return {
            "action": "price_differs",
            "job_id": job.job_id,
            "model": clip.planned.model,
            "planned_usd": str(clip.planned.price_usd),
            "price_usd": str(price_usd),
            "differences": self.differences,
            "difference_usd": str(self.difference_usd),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerContext:
    """The ports of one worker, and the few verbs over them that every step needs."""

    bus: Bus
    jobs: JobStore
    videos: VideoStore
    model: VideoModel
    editor: Editor
    clock: Clock
    owner: str
    """Names this worker in the ledger, for a person who looks."""
    scratch: Path
    rate_limiter: SubmitRateLimiter
    guard: BudgetGuard = field(default_factory=BudgetGuard)
    prices: Prices = field(default_factory=Prices)
    heartbeats: Heartbeats | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)
    search_every_s: float = 15
    cancel_look_s: float = 60

    async def read(self, job_id: str) -> Job:
        """The newest version. Raises `NotFound`."""
        job = await self.jobs.get(job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        return job

    async def write(self, job: Job, event: Step) -> Job:
        """The job after the event, stored. Raises `Conflict` where somebody was faster."""
        return await self.jobs.save(advance(job, event))

    def store_time(self, job: Job, seen_at_boot: float) -> datetime:
        """The store's time now, for a job that was read when the boot clock stood at `seen_at_boot`."""
        return (job.read_at or self.clock.now()) + timedelta(seconds=self.clock.boot() - seen_at_boot)


@dataclass(slots=True)
class Backoff:
    """Counts tries. `next_s` grows from about `first_s` to about `most_s`; `reset` starts afresh."""

    first_s: float = 1.0
    most_s: float = 60.0
    tries: int = 0

    def next_s(self) -> float:
        """Seconds to wait now, between half and the whole of the doubled span, so that many don't come at once."""
        span = min(self.most_s, self.first_s * float(2 ** min(self.tries, 20)))
        self.tries += 1
        return span * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Something moved: be quick again."""
        self.tries = 0
