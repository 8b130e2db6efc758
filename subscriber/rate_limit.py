"""How fast this worker submits to each paid model: its share of the quota, halved by every refusal, and slowly back."""

import asyncio
from dataclasses import dataclass, field

from schemas.ports import Clock

BURST_S = 5.0
"""After a quiet time this many seconds' worth of submits may go out at once."""
AT_ONCE = 16
"""Paid submits under way in one worker. More would only slow each other down until the time is over in which each may
still be sent, all be sent again together, and so for ever."""
SLOWEST_PER_MINUTE = 0.5
ONE_REFUSAL_S = 10.0
"""Refusals so close together are one: they tell of the same moment, and many submits were under way in it."""
RECOVERY = 1.1
"""Each accepted submit raises a lowered rate by 10 %."""


@dataclass(slots=True)
class SubmitRateLimiter:
    """Turns for submits, per model. The quota counts requests per minute and base model, 50 by default
    (Veo 3.1 model card), and all workers share it."""

    clock: Clock
    per_minute: float = 50.0
    concurrency: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _rate: dict[str, float] = field(default_factory=dict)
    _next_at: dict[str, float] = field(default_factory=dict)
    _refused_at: dict[str, float] = field(default_factory=dict)
    _held_until: dict[str, float] = field(default_factory=dict)

    async def acquire(self, model: str) -> bool:
        """Waits until this worker may send to the model again. True where it had to."""
        waited = await self._slot(model)
        while self.clock.boot() < self._held_until.get(model, 0.0):  # the model was refused during the wait
            waited = await self._slot(model)
        return waited

    async def _slot(self, model: str) -> bool:
        now = self.clock.boot()
        due = max(self._next_at.get(model, 0.0), now)
        self._next_at[model] = due + 60 / self.rate(model)
        wait = due - BURST_S - now
        if wait > 0:
            await self.clock.sleep(wait)
        return wait > 0

    def rate(self, model: str) -> float:
        """Submits per minute right now."""
        return self._rate.get(model, self.per_minute)

    def record_refusal(self, model: str, retry_after_s: float | None = None) -> None:
        """The quota was used up: half as fast from now on, and nothing for as long as the provider asked for."""
        now = self.clock.boot()
        if retry_after_s:
            self._held_until[model] = until = max(self._held_until.get(model, 0.0), now + retry_after_s)
            self._next_at[model] = max(self._next_at.get(model, 0.0), until + BURST_S)
        if now >= self._refused_at.get(model, -ONE_REFUSAL_S) + ONE_REFUSAL_S:
            self._refused_at[model] = now
            self._rate[model] = max(SLOWEST_PER_MINUTE, self.rate(model) / 2)

    def record_success(self, model: str) -> None:
        """It took one: a little faster, up to the full share."""
        if model in self._rate:
            self._rate[model] = min(self.per_minute, self.rate(model) * RECOVERY)
