"""The worker: takes deliveries as long as it runs, and when it stops finishes or hands back what it holds."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from schemas.errors import Moved, Unavailable
from schemas.ports import DEAD_WORKERS, WORKERS, Delivery, Subscription
from subscriber.backoff import Backoff
from subscriber.dead import handle_dead
from subscriber.edge import guarded
from subscriber.handling import Handler
from subscriber.progress import Progress
from subscriber.reconcile import Known, reconcile, retain
from subscriber.registry import Registry
from subscriber.retention import Retention
from subscriber.rules import Rules
from subscriber.workshop import Workshop

log = logging.getLogger(__name__)

DEAD_LETTERS_AT_ONCE = 4
BEAT_EVERY_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """One worker process. `in_flight` jobs at once, and `prefetch` messages beside them."""

    shop: Workshop
    in_flight: int
    prefetch: int
    drain_s: float
    reconcile_every_s: float
    rules: Rules = field(default_factory=Rules)
    """How long jobs and their files are kept."""
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, stop: asyncio.Event, *, ready: Callable[[], None]) -> None:
        """Works until `stop` is set, then drains. Calls `ready` once its subscriptions exist and it can submit."""
        handler = Handler(self.shop, Registry(asyncio.Semaphore(self.in_flight)))
        for subscription in (WORKERS, DEAD_WORKERS):
            await self.shop.bus.ensure(subscription)
        if not await self._prepare(stop):
            return
        await self._beat()
        progress = Progress(self.shop.clock, self.in_flight + self.prefetch)

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
        log.info("ready", extra={"action": "worker_ready", "owner": self.shop.owner})
        try:
            await _first_of(stop, loops)
        finally:
            log.info("stopping", extra={"action": "worker_stopping", "carried": handler.registry.size})
            await _cancelled(loops)
            await self._drain(handler)
            log.info("stopped", extra={"action": "worker_stopped"})

    async def _prepare(self, stop: asyncio.Event) -> bool:
        """True once the model can send. A claim before that would be left behind if this process were killed while the
        client library loads. False if the worker is stopped first."""
        preparing = asyncio.create_task(self._until_prepared())
        try:
            await _first_of(stop, [preparing])
        finally:
            await _cancelled([preparing])
        return not stop.is_set()

    async def _until_prepared(self) -> None:
        backoff = Backoff()
        while True:
            try:
                return await self.shop.model.prepare()
            except Unavailable as error:
                log.warning("the model can't be used yet", extra={"action": "model_unavailable", "reason": str(error)})
            await self.shop.clock.sleep(backoff.next_s())

    async def _take(
        self, subscription: Subscription, limit: int, handle: Callable[[Delivery], Awaitable[None]]
    ) -> None:
        """Deliveries for ever, each in a task of its own; the bus's limit bounds how many there are."""
        backoff = Backoff()
        while True:
            try:
                async with self.shop.bus.subscribe(subscription, limit=limit) as deliveries:
                    backoff.reset()
                    async for delivery in deliveries:
                        self._start(guarded(delivery, handle))
            except Moved:
                raise  # nothing that this worker did from now on would be found again
            except Unavailable as error:
                log.warning("the bus is out of reach", extra={"action": "bus_unavailable", "reason": str(error)})
            except Exception:  # a bug, here or in the bus: the next subscription may do better
                log.exception(
                    "deliveries broke", extra={"action": "deliveries_broke", "subscription": subscription.name}
                )
            await self.shop.clock.sleep(backoff.next_s())

    def _start(self, handling: Awaitable[None]) -> None:
        task = asyncio.ensure_future(handling)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _reconcile_for_ever(self, registry: Registry, progress: Progress) -> None:
        retention = Retention(self.shop, self.rules)
        while True:
            try:
                delivered_until = progress.reached(self.shop.clock.now())
                known = Known(holds=registry.holds, delivered_until=delivered_until)
                report = await reconcile(self.shop, known=known)
                await retain(retention, report)
            except Exception:  # the next pass may do better; the deliveries go on meanwhile
                log.exception("reconcile failed", extra={"action": "reconcile_failed"})
            await self.shop.clock.sleep(self.reconcile_every_s)

    async def _beat_for_ever(self) -> None:
        while True:
            await self.shop.clock.sleep(BEAT_EVERY_S)
            await self._beat()

    async def _beat(self) -> None:
        """Leave a sign of life for those who wait. A worker works without it as well."""
        if self.shop.heartbeats is None:
            return
        try:
            await self.shop.heartbeats.beat(self.shop.owner)
        except Unavailable as error:
            log.warning("no heartbeat was left", extra={"action": "heartbeat_failed", "reason": str(error)})

    async def _drain(self, handler: Handler) -> None:
        """Finish what ends in time; hand the rest back. A paid call under way is waited for."""
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=self.drain_s)
        await handler.registry.hand_back()
        await _cancelled(list(self._running))


async def _first_of(stop: asyncio.Event, loops: list[asyncio.Task[None]]) -> None:
    """Until somebody wants it to stop. A loop that ends by itself has failed: its error is the worker's."""
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([stopping, *loops], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    for task in done:
        task.result()


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
