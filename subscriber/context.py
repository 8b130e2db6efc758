"""What every step of a worker needs: its open ports, its name, its deadlines and the prices."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from schemas.domain.clip import Clip
from schemas.domain.job import Job
from schemas.ports import (
    Bus,
    Clock,
    Deliveries,
    Editor,
    FilmEditor,
    FilmExporter,
    Films,
    Heartbeats,
    JobStore,
    ParkedJobs,
    Provenance,
    VideoModel,
    VideoStore,
)
from subscriber.budget_guard import BudgetGuard
from subscriber.checks import VideoChecks
from subscriber.policy import Deadlines
from subscriber.rate_limit import SubmitRateLimiter

logger = logging.getLogger(__name__)


TOLERANCE = Decimal("0.02")
"""A price per second is rounded up from a price per token."""


@dataclass(slots=True)
class Prices:
    """Compare the provider's own count of a clip's cost with the plan, and count the differences of this process."""

    differences: int = 0
    difference_usd: Decimal = Decimal(0)

    def settle(self, job: Job, clip: Clip, price_usd: Decimal | None) -> Decimal | None:
        """Return the price to write into the ledger; None if the provider names none."""
        planned = clip.planned.price_usd
        if price_usd is None or not planned:
            return None
        if abs(price_usd - planned) > planned * TOLERANCE:
            self.differences += 1
            self.difference_usd += price_usd - planned
            about = {
                "action": "price_differs",
                "job_id": job.job_id,
                "model": clip.planned.model,
                "planned_usd": str(planned),
                "price_usd": str(price_usd),
                "differences": self.differences,
                "difference_usd": str(self.difference_usd),
            }
            logger.warning("the price of a clip differs from the plan", extra=about)
        return price_usd


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerContext:
    """The open ports and the settings of one worker."""

    bus: Bus
    jobs: JobStore
    videos: VideoStore
    model: VideoModel
    editor: Editor
    clock: Clock
    owner: str
    """The name of this worker in the ledger, for the operator."""
    scratch: Path
    rate_limiter: SubmitRateLimiter
    guard: BudgetGuard = field(default_factory=BudgetGuard)
    prices: Prices = field(default_factory=Prices)
    heartbeats: Heartbeats | None = None
    parked: ParkedJobs | None = None
    """Without it every job runs in the order of the bus."""
    deliveries: Deliveries | None = None
    """The webhook deliveries; None in a deployment without webhooks."""
    checks: VideoChecks | None = None
    """How finished videos are looked at; None if they are not."""
    films: Films | None = None
    """The films; None in a worker that makes none."""
    film_editor: FilmEditor | None = None
    film_exporter: FilmExporter | None = None
    provenance: Provenance | None = None
    """What keeps the manifests of models' files through cuts and joins."""
    deadlines: Deadlines = field(default_factory=Deadlines)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the worker stops: from then on it sends no submit."""
    sending: set[str] = field(default_factory=set)
    """The jobs whose attempt is under way, from its claim to the stored outcome."""
    search_every_s: float = 15
    cancel_look_s: float = 60

    def store_time(self, job: Job, seen_at_boot: float) -> datetime:
        """Return the store's time now, for a job that was read at `seen_at_boot` of the boot clock."""
        return (job.read_at or self.clock.now()) + timedelta(seconds=self.clock.boot() - seen_at_boot)
