"""How fast this worker submits to each paid model, and whose submit is next.

The rate is the worker's share of the quota. Each refusal halves it; each accepted submit raises it a little again.
Jobs that wait get their turns from a `FairQueue`: each clip costs its key one turn. A turn without a submit is given
back.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

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


@dataclass(eq=False, slots=True)
class Turn:
    """The permission for one submit, until it is used or given back."""

    model: str
    at: float
    """Boot time at which it was handed out."""
    interval_s: float
    """By how much it delays the turns after it."""
    waited: bool = False
    """True if the job had to wait for it."""
    is_open: bool = True


_Waiter = asyncio.Future[Turn]


@dataclass(slots=True)
class _Model:
    """The turns of one model."""

    name: str
    rate: float
    """Submits per minute."""
    settled_until: float = 0.0
    """`next_at` without the turns in `turns`."""
    turns: deque[Turn] = field(default_factory=deque)
    """The oldest turn that may still be given back, and all that came after it."""
    refused_at: float = -ONE_REFUSAL_S
    queue: FairQueue[_Waiter] = field(default_factory=FairQueue)
    serving: asyncio.Task[None] | None = None
    """Hands out turns while a job waits for one."""

    @property
    def next_at(self) -> float:
        """Boot time from which the next submit would be in step with the rate.

        It is computed anew each time, so that a turn that was given back counts as if it had never been.
        """
        at = self.settled_until
        for turn in self.turns:
            at = max(at, turn.at) + turn.interval_s
        return at

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next turn; zero or less if there is one now."""
        return max(self.next_at, now) - BURST_S - now

    def take(self, now: float, *, waited: bool) -> Turn:
        turn = Turn(self.name, now, 60 / self.rate, waited)
        self.turns.append(turn)
        return turn

    def wait_until(self, at: float) -> None:
        """Hand out nothing before this boot time."""
        self.turns.append(Turn(self.name, at + BURST_S, 0.0, is_open=False))
        self.settle()

    def settle(self) -> None:
        """Forget the turns before the oldest that may still be given back."""
        while self.turns and not self.turns[0].is_open:
            turn = self.turns.popleft()
            self.settled_until = max(self.settled_until, turn.at) + turn.interval_s


class Pace(NamedTuple):
    """How fast this worker submits to one model now."""

    model: str
    per_minute: float
    quota_per_minute: float
    """This worker's share of the quota."""
    waiting: int
    """Submits that wait for their turn."""
    refused_s_ago: float | None
    """Seconds since the quota was used up the last time; None if it never was."""


@dataclass(slots=True)
class SubmitRateLimiter:
    """Turns for submits, per model. The quota counts requests per minute and base model, 50 by default
    (Veo 3.1 model card), and all workers share it."""

    clock: Clock
    per_minute: float = 50.0
    concurrency: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _models: dict[str, _Model] = field(default_factory=dict)

    @asynccontextmanager
    async def hold_turn(self, model: str, share: Share = Share()) -> AsyncIterator[Turn]:  # noqa: B008  # a constant
        """Wait for a turn, and give it back at the end unless it was used."""
        turn = await self.acquire(model, share)
        try:
            yield turn
        finally:
            self.give_back(turn)

    async def acquire(self, model: str, share: Share = Share()) -> Turn:  # noqa: B008  # a constant
        """Wait for a turn to submit to the model. Every turn has to be used or given back."""
        turns = self._of(model)
        now = self.clock.boot()
        if not turns.queue and turns.wait_s(now) <= 0:
            return turns.take(now, waited=False)
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        turns.queue.add(share, waiter)
        if turns.serving is None or turns.serving.done():
            turns.serving = asyncio.create_task(self._serve(turns))
        try:
            return await waiter
        except asyncio.CancelledError:
            turns.queue.remove(share, waiter)
            if waiter.done() and not waiter.cancelled():  # it was served and cancelled in the same moment
                self.give_back(waiter.result())
            elif not turns.queue and turns.serving is not None:
                turns.serving.cancel()
            raise

    def use(self, turn: Turn) -> None:
        """Note that the submit of this turn is about to leave."""
        turn.is_open = False
        self._of(turn.model).settle()

    def give_back(self, turn: Turn) -> None:
        """Let the next job have this turn, since nothing was sent. Nothing happens if it was used."""
        if not turn.is_open:
            return
        turn.is_open = False
        turns = self._of(turn.model)
        turns.turns.remove(turn)
        turns.settle()
        if turns.serving is not None:
            turns.serving.cancel()  # it waits for a later moment
        turns.serving = asyncio.create_task(self._serve(turns)) if turns.queue else None

    def rate(self, model: str) -> float:
        """Return the submits per minute at present."""
        return self._of(model).rate

    def paces(self) -> list[Pace]:
        """Return the pace with each model that this worker has submitted to."""
        now = self.clock.boot()
        return [
            Pace(
                model=name,
                per_minute=round(turns.rate, 3),
                quota_per_minute=self.per_minute,
                waiting=len(turns.queue),
                refused_s_ago=round(now - turns.refused_at, 1) if turns.refused_at >= 0 else None,
            )
            for name, turns in self._models.items()
        ]

    def record_refusal(self, model: str, retry_after_s: float | None = None) -> None:
        """The quota is used up: halve the rate, and let nothing out for as long as the provider asked for."""
        turns, now = self._of(model), self.clock.boot()
        if retry_after_s:
            turns.wait_until(now + retry_after_s)
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
            elif (waiter := turns.queue.take()) and not waiter.done():
                waiter.set_result(turns.take(now, waited=True))

    def _of(self, model: str) -> _Model:
        if model not in self._models:
            self._models[model] = _Model(model, self.per_minute)
        return self._models[model]
