"""The worker: takes deliveries as long as it runs, and when it stops finishes or hands back what it holds.

The worker's edge: whatever goes wrong in the handling of a delivery, the message comes again.

How far this worker's deliveries have come: jobs that were published later may still wait in the bus.

Pub/Sub tells nobody which messages wait. But a worker that has free slots and is given nothing has seen all that there
is, and one whose slots are full has seen what was published until its newest delivery. Only a queued job from before
that can have lost its message.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from schemas.errors import Moved, Unavailable
from schemas.ports import DEAD_WORKERS, WORKERS, Clock, Delivery, Subscription
from schemas.wire.message import Message
from schemas.wire.types import Moment
from subscriber.context import Backoff, WorkerContext
from subscriber.handler import Handler, InFlightJobs, handle_dead
from subscriber.reconcile import Known, reconcile, retain
from subscriber.retention import Retention, RetentionPolicy

logger = logging.getLogger(__name__)


RETRY_AT_MOST_S = 300.0


async def nack_on_error(delivery: Delivery, handle: Callable[[Delivery], Awaitable[None]]) -> None:
    """Handles the delivery. Cancelled, it is handed back at once; failed, after a while that grows with each try."""
    try:
        await handle(delivery)
    except asyncio.CancelledError:
        await _hand_back(delivery, 0)
        raise
    except Unavailable as error:
        logger.warning("a dependency is out of reach", extra={"action": "unavailable", "reason": str(error)})
        await _hand_back(delivery, max(error.retry_after_s, _delay_s(delivery)))
    except Exception:  # the outermost edge of a delivery: it comes again, the worker goes on
        logger.exception("a message could not be handled", extra={"action": "handling_failed"})
        await _hand_back(delivery, _delay_s(delivery))


def _delay_s(delivery: Delivery) -> float:
    return min(RETRY_AT_MOST_S, float(2 ** min(delivery.attempt, 10)))


async def _hand_back(delivery: Delivery, delay_s: float) -> None:
    """A bus that can't even take it back loses the lease with this process, and delivers it again then."""
    try:
        await delivery.nack(delay_s=delay_s)
    except Unavailable:
        logger.warning("could not hand a message back", extra={"action": "nack_failed"})


QUIET_S = 30.0
"""A worker with free slots is given what waits well within this time."""
FULL_FROM = 0.75
"""Pub/Sub's client takes nothing more above 80 % of what it may hold, and begins again below."""
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


@dataclass(slots=True)
class Progress:
    """What one worker holds of the request topic, and the newest that it was given."""

    clock: Clock
    limit: int
    held: int = 0
    newest: datetime | None = None
    free_since: float | None = None

    def __post_init__(self) -> None:
        self.free_since = self.clock.boot()

    def take(self, message: Message) -> None:
        """A message was delivered."""
        self.held += 1
        if self.held >= self.limit * FULL_FROM:
            self.free_since = None
        with suppress(KeyError, ValidationError):  # a publisher of its own may send no time
            published = _MOMENT.validate_python(message.attributes["ce-time"])
            self.newest = max(self.newest or published, published)

    def settle(self) -> None:
        """A delivery was settled."""
        self.held -= 1
        if self.free_since is None and self.held < self.limit * FULL_FROM:
            self.free_since = self.clock.boot()

    def reached(self, now: datetime) -> datetime | None:
        """The publish time up to which everything was delivered; None while nothing can be said."""
        if self.free_since is not None and self.clock.boot() - self.free_since >= QUIET_S:
            return now
        return min(self.newest, now) if self.newest else None


DEAD_LETTERS_AT_ONCE = 4
BEAT_EVERY_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """One worker process. `in_flight` jobs at once, and `prefetch` messages beside them."""

    ctx: WorkerContext
    in_flight: int
    prefetch: int
    drain_s: float
    reconcile_every_s: float
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    """How long jobs and their files are kept."""
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, stop: asyncio.Event, *, ready: Callable[[], None]) -> None:
        """Works until `stop` is set, then drains. Calls `ready` once its subscriptions exist and it can submit."""
        handler = Handler(self.ctx, InFlightJobs(asyncio.Semaphore(self.in_flight)))
        for subscription in (WORKERS, DEAD_WORKERS):
            await self.ctx.bus.ensure(subscription)
        if not await self._prepare(stop):
            return
        await self._beat()
        progress = Progress(self.ctx.clock, self.in_flight + self.prefetch)

        async def handle(delivery: Delivery) -> None:
            progress.take(delivery.message)
            try:
                await handler(delivery)
            finally:
                progress.settle()

        loops = [
            asyncio.create_task(self._take(WORKERS, self.in_flight + self.prefetch, handle)),
            asyncio.create_task(self._take(DEAD_WORKERS, DEAD_LETTERS_AT_ONCE, lambda it: handle_dead(handler, it))),
            asyncio.create_task(self._reconcile_for_ever(handler.registry, progress)),
            asyncio.create_task(self._beat_for_ever()),
        ]
        ready()
        logger.info("ready", extra={"action": "worker_ready", "owner": self.ctx.owner})
        try:
            await _first_of(stop, loops)
        finally:
            logger.info("stopping", extra={"action": "worker_stopping", "carried": handler.registry.size})
            await _cancel_all(loops)
            await self._drain(handler)
            logger.info("stopped", extra={"action": "worker_stopped"})

    async def _prepare(self, stop: asyncio.Event) -> bool:
        """True once the model can send. A claim before that would be left behind if this process were killed while the
        client library loads. False if the worker is stopped first."""
        preparing = asyncio.create_task(self._until_prepared())
        try:
            await _first_of(stop, [preparing])
        finally:
            await _cancel_all([preparing])
        return not stop.is_set()

    async def _until_prepared(self) -> None:
        backoff = Backoff()
        while True:
            try:
                return await self.ctx.model.prepare()
            except Unavailable as error:
                logger.warning(
                    "the model can't be used yet", extra={"action": "model_unavailable", "reason": str(error)}
                )
            await self.ctx.clock.sleep(backoff.next_s())

    async def _take(
        self, subscription: Subscription, limit: int, handle: Callable[[Delivery], Awaitable[None]]
    ) -> None:
        """Deliveries for ever, each in a task of its own; the bus's limit bounds how many there are."""
        backoff = Backoff()
        while True:
            try:
                async with self.ctx.bus.subscribe(subscription, limit=limit) as deliveries:
                    backoff.reset()
                    async for delivery in deliveries:
                        self._start(nack_on_error(delivery, handle))
            except Moved:
                raise  # nothing that this worker did from now on would be found again
            except Unavailable as error:
                logger.warning("the bus is out of reach", extra={"action": "bus_unavailable", "reason": str(error)})
            except Exception:  # a bug, here or in the bus: the next subscription may do better
                logger.exception(
                    "deliveries broke", extra={"action": "deliveries_broke", "subscription": subscription.name}
                )
            await self.ctx.clock.sleep(backoff.next_s())

    def _start(self, handling: Awaitable[None]) -> None:
        task = asyncio.ensure_future(handling)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _reconcile_for_ever(self, registry: InFlightJobs, progress: Progress) -> None:
        retention = Retention(self.ctx, self.retention)
        while True:
            try:
                delivered_until = progress.reached(self.ctx.clock.now())
                known = Known(holds=registry.holds, delivered_until=delivered_until)
                report = await reconcile(self.ctx, known=known)
                await retain(retention, report)
            except Exception:  # the next pass may do better; the deliveries go on meanwhile
                logger.exception("reconcile failed", extra={"action": "reconcile_failed"})
            await self.ctx.clock.sleep(self.reconcile_every_s)

    async def _beat_for_ever(self) -> None:
        while True:
            await self.ctx.clock.sleep(BEAT_EVERY_S)
            await self._beat()

    async def _beat(self) -> None:
        """Leave a sign of life for those who wait. A worker works without it as well."""
        if self.ctx.heartbeats is None:
            return
        try:
            await self.ctx.heartbeats.beat(self.ctx.owner)
        except Unavailable as error:
            logger.warning("no heartbeat was left", extra={"action": "heartbeat_failed", "reason": str(error)})

    async def _drain(self, handler: Handler) -> None:
        """Finish what ends in time; hand the rest back. A paid call under way is waited for."""
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=self.drain_s)
        await handler.registry.shut_down()
        await _cancel_all(list(self._running))


async def _first_of(stop: asyncio.Event, loops: list[asyncio.Task[None]]) -> None:
    """Until somebody wants it to stop. A loop that ends by itself has failed: its error is the worker's."""
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([stopping, *loops], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    for task in done:
        task.result()


async def _cancel_all(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
