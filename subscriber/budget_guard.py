"""The budget guard: reserves a clip's price in every limit that covers it, and releases what was not spent.

The write that claims the clip reserves the price. A release can wait: the guard collects releases and writes them in
batches, each at most once. A release that is lost, in a crash for example, makes the limit stricter until its period
ends.
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from schemas.domain.budget import (
    Limit,
    Reservation,
    Reserved,
    budget_exceeded,
    release,
    reserve_across_shards,
    reserve_in_shard,
)
from schemas.domain.clip import Plan
from schemas.domain.job import Job
from schemas.domain.states import ClipState
from schemas.errors import Category, Charged, Conflict, Failure, Unavailable
from schemas.ports import Budgets

logger = logging.getLogger(__name__)

WRITE_BACK_EVERY_S = 5.0
LAST_WRITES_S = 5.0
LAST_TRIES = 5
"""How often a stopping worker tries to release into shards that other workers write at the same moment."""


@dataclass(slots=True)
class BudgetGuard:
    """The limits of one worker. If there are none, it reads and writes nothing."""

    limits: tuple[Limit, ...] = ()
    store: Budgets | None = None
    _returned: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    async def check(self, job: Job, plan: Plan, at: datetime) -> Reservation | Failure:
        """Return what the next clip reserves, or why it can't be sent. Nothing is reserved before `reserve`."""
        reservation = Reservation()
        clip = job.clip_in(ClipState.PLANNED)
        price = plan.clips[clip.index if clip and job.started else 0].price_usd
        for limit in self.limits:
            amount = limit.amount_to_reserve(price, clip.reserved if clip else (), at)
            if not amount or not limit.covers(job.request):
                continue
            assert self.store is not None
            taken = await _reserve(self.store, limit, at, amount)
            if isinstance(taken, Failure):
                return taken
            reservation += taken
        return reservation

    async def reserve(self, job: Job, reservation: Reservation) -> Job:
        """Save the job together with its reservation. Raises `Conflict` if the job or a shard has changed."""
        assert self.store is not None
        return await self.store.reserve(job, reservation.slices)

    def queue_release(self, unused: Iterable[Reserved]) -> None:
        """Release it with the next batch."""
        for part in unused:
            self._collect({part.name: part.usd})

    async def flush_releases(self) -> None:
        """Write the collected releases, shard by shard. What conflicts with another worker stays for the next batch."""
        batch, self._returned = self._returned, defaultdict(Decimal)
        try:
            assert self.store is not None
            shards = await self.store.read(list(batch))
        except Unavailable:
            self._collect(batch)
            return
        for found in shards:
            usd = batch[found.name]
            try:
                if found.revision:
                    await self.store.give_back(release(found, usd))
            except Conflict:
                self._collect({found.name: usd})
            except Unavailable:  # it may be written: a second release could free the money twice
                about = {"action": "reservation_lost", "slice": found.name}
                logger.warning("can't release what was reserved", extra=about)

    @asynccontextmanager
    async def flush_at_exit(self) -> AsyncIterator[None]:
        """Write releases in batches while the context lasts, and the last ones at its end."""
        stop = asyncio.Event()
        writing = asyncio.create_task(self._flush_until(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait([writing], timeout=LAST_WRITES_S)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _flush_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), WRITE_BACK_EVERY_S)
            await self._try_flush()
        for _ in range(LAST_TRIES):
            await self._try_flush()

    async def _try_flush(self) -> None:
        try:
            if self._returned:
                await self.flush_releases()
        except Exception:  # the next batch tries again
            logger.exception("could not release a batch", extra={"action": "write_back_failed"})

    def _collect(self, batch: Mapping[str, Decimal]) -> None:
        for name, usd in batch.items():
            self._returned[name] += usd


async def _reserve(store: Budgets, limit: Limit, at: datetime, amount: Decimal) -> Reservation | Failure:
    """Read one shard, chosen at random so that none is hot. Read all of them if it has no room for the amount."""
    names = limit.slice_names(at)
    start = random.randrange(limit.slices)
    (found,) = await store.read([names[start]])
    if reservation := reserve_in_shard(limit, at, start, found, amount):
        return reservation
    taken = reserve_across_shards(limit, at, start, await store.read(names), amount)
    return taken if isinstance(taken, Reservation) else budget_exceeded(limit, at, taken, amount)


def over_max_cost(job: Job, plan: Plan) -> Failure | None:
    """Return why the job costs more than the caller allows; None if it does not.

    What was charged late counts against `max_cost_usd` as well, and so does what may have been charged.
    """
    beside = sum(
        (clip.planned.price_usd * (len(clip.late) + clip.unresolved_submits) for clip in job.clips), Decimal(0)
    )
    if job.request.allows(plan.price_usd + beside):
        return None
    rest = f", beside {beside} that was or may have been charged for it already" if beside else "; nothing was charged"
    words = f"max_cost_usd is {job.request.max_cost_usd}, and the plan costs {plan.price_usd}{rest}."
    return Failure(
        category=Category.BUDGET, code="over_max_cost", message=words, field="max_cost_usd", charged=Charged.NO
    )
