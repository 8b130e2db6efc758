"""How fast this worker submits to each paid model, and whose submit is next.

The rate is the worker's share of the quota. Each refusal halves it; each accepted submit raises it a little again.
Jobs that wait get their turns from a `FairQueue`: each clip costs its key one turn.
"""

import asyncio
from dataclasses import dataclass, field

from schemas.ports import Clock
from subscriber.fair_queue import FairQueue, Share

BURST_S = 5.0
"""After a quiet time this many seconds' worth of submits may go out at once."""
AT_ONCE = 16
"""Paid submits under way in one worker. With more, all would slow each other down until none is sent in its time."""
SLOWEST_PER_MINUTE = 0.5
ONE_REFUSAL_S = 10.0
"""Refusals so close together count as one: many submits were under way in the same moment."""
RECOVERY = 1.1
"""Each accepted submit raises a lowered rate by 10 %."""

_Waiter = asyncio.Future[None]


@dataclass(slots=True)
class _Model:
    """The turns of one model."""

    rate: float
    """Submits per minute."""
    next_at: float = 0.0
    """Boot time from which the next submit would be in step with the rate."""
    refused_at: float = -ONE_REFUSAL_S
    queue: FairQueue[_Waiter] = field(default_factory=FairQueue)
    serving: asyncio.Task[None] | None = None
    """Hands out turns while a job waits for one."""

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next turn; zero or less if there is one now."""
        return max(self.next_at, now) - BURST_S - now

    def take(self, now: float) -> None:
        self.next_at = max(self.next_at, now) + 60 / self.rate

    def undo(self) -> None:
        """Give a turn back that was not used."""
        self.next_at -= 60 / self.rate


@dataclass(slots=True)
class SubmitRateLimiter:
    """Turns for submits, per model. The quota counts requests per minute and base model, 50 by default
    (Veo 3.1 model card), and all workers share it."""

    clock: Clock
    per_minute: float = 50.0
    concurrency: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _models: dict[str, _Model] = field(default_factory=dict)

    async def acquire(self, model: str, share: Share = Share()) -> bool:  # noqa: B008  # a constant
        """Wait for a turn to submit to the model. Return True if the job had to wait."""
        turns = self._of(model)
        now = self.clock.boot()
        if not turns.queue and turns.wait_s(now) <= 0:
            turns.take(now)
            return False
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        turns.queue.add(share, waiter)
        if turns.serving is None or turns.serving.done():
            turns.serving = asyncio.create_task(self._serve(turns))
        try:
            await waiter
        except asyncio.CancelledError:
            if not turns.queue.remove(share, waiter):
                turns.undo()  # it was served and cancelled in the same moment: the next job gets its turn
            if not turns.queue and turns.serving is not None:
                turns.serving.cancel()
            raise
        return True

    def rate(self, model: str) -> float:
        """Return the submits per minute at present."""
        return self._of(model).rate

    def record_refusal(self, model: str, retry_after_s: float | None = None) -> None:
        """The quota is used up: halve the rate, and let nothing out for as long as the provider asked for."""
        turns, now = self._of(model), self.clock.boot()
        if retry_after_s:
            turns.next_at = max(turns.next_at, now + retry_after_s + BURST_S)
        if now >= turns.refused_at + ONE_REFUSAL_S:
            turns.refused_at = now
            turns.rate = max(SLOWEST_PER_MINUTE, turns.rate / 2)

    def record_success(self, model: str) -> None:
        """The model accepted a submit: raise a lowered rate, up to the worker's full share."""
        turns = self._of(model)
        turns.rate = min(self.per_minute, turns.rate * RECOVERY)

    async def _serve(self, turns: _Model) -> None:
        """Hand out turns at the rate until no job waits. A refusal during a pause prolongs it."""
        while turns.queue:
            now = self.clock.boot()
            if (wait := turns.wait_s(now)) > 0:
                await self.clock.sleep(wait)
                continue
            if waiter := turns.queue.take():
                turns.take(now)
                if not waiter.done():  # a cancelled one is about to give its turn back
                    waiter.set_result(None)

    def _of(self, model: str) -> _Model:
        if model not in self._models:
            self._models[model] = _Model(self.per_minute)
        return self._models[model]
