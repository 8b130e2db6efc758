"""Compares what a clip costs by the provider's own count with what was planned, and counts the differences."""

import logging
from dataclasses import dataclass
from decimal import Decimal

from schemas.job import Job
from schemas.ledger import Clip

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
