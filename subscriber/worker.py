"""The worker takes deliveries for as long as it runs. When it stops, it finishes or hands back what it holds.

If the handling of a delivery fails, for whatever reason, the message comes again.

`Progress` says how far this worker's deliveries have come: requests that were published later may still wait in the
bus. Pub/Sub can't say which messages wait. But a worker with free slots that receives nothing has received all messages
that there are, and a worker without free slots has received what was published before its newest delivery. Only a
queued job from before that time can have lost its message.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from pydantic import ValidationError

from schemas.errors import Moved, Unavailable
from schemas.ports import BATCH_WORKERS, DEAD_WORKERS, WORKERS, Clock, Delivery, Subscription
from schemas.services.backoff import Backoff, backoff_s
from schemas.services.subscriptions import check_subscriptions
from schemas.wire.message import Message
from schemas.wire.trace import TRACEPARENT
from schemas.wire.types import Priority, parse_moment
from subscriber.context import WorkerContext
from subscriber.fair_slots import FairSlots
from subscriber.fairness import LaneLoad
from subscriber.handler import Handler, InFlightJobs, handle_dead
from subscriber.parking import Parking
from subscriber.reconcile import Known, reconcile, retain
from subscriber.report import describe_worker
from subscriber.retention import Retention, RetentionPolicy

logger = logging.getLogger(__name__)


RETRY_AT_MOST_S = 300.0
QUIET_S = 30.0
"""A worker with free slots receives what waits well within this time."""
FULL_FROM = 0.75
"""Pub/Sub's client takes nothing more above 80 % of what it may hold, and begins again below."""
_SUBSCRIPTIONS: Mapping[Priority, Subscription] = {"interactive": WORKERS, "batch": BATCH_WORKERS}
DEAD_LETTERS_AT_ONCE = 4
PARKED_AT_ONCE = 32
"""A flood on the bus is parked in groups of so many, which share their commits."""
BEAT_EVERY_S = 60.0


async def nack_on_error(delivery: Delivery, handle: Callable[[Delivery], Awaitable[None]]) -> None:
    """Handle the delivery. Hand it back at once if that is cancelled, and with a growing delay if it fails.

    It runs in a task of its own, whose log lines name the trace of the message.
    """
    TRACEPARENT.set(delivery.message.traceparent)
    try:
        await handle(delivery)
    except asyncio.CancelledError:
        await _hand_back(delivery, 0)
        raise
    except Unavailable as error:
        logger.warning("a dependency is out of reach", extra={"action": "unavailable", "reason": str(error)})
        await _hand_back(delivery, max(error.retry_after_s, backoff_s(1, RETRY_AT_MOST_S, delivery.attempt)))
    except Exception:  # the only place that catches every exception of a delivery: the worker goes on
        logger.exception("a message could not be handled", extra={"action": "handling_failed"})
        await _hand_back(delivery, backoff_s(1, RETRY_AT_MOST_S, delivery.attempt))


async def _hand_back(delivery: Delivery, delay_s: float) -> None:
    try:
        await delivery.nack(delay_s=delay_s)
    except Unavailable:  # the lease ends with this process, and then the bus delivers the message again
        logger.warning("could not hand a message back", extra={"action": "nack_failed"})


@dataclass(slots=True)
class Progress:
    """Counts what one worker holds of the request topic, and remembers its newest delivery."""

    clock: Clock
    limit: int
    held: int = 0
    newest: datetime | None = None
    free_since: float | None = None

    def __post_init__(self) -> None:
        self.free_since = self.clock.boot()

    def take(self, message: Message) -> None:
        """Count a message that was delivered."""
        self.held += 1
        if self.held >= self.limit * FULL_FROM:
            self.free_since = None
        with suppress(KeyError, ValidationError):  # a publisher that is not ours may send no time
            published = parse_moment(message.attributes["ce-time"])
            self.newest = max(self.newest or published, published)

    def settle(self) -> None:
        """Count a delivery that was settled."""
        self.held -= 1
        if self.free_since is None and self.held < self.limit * FULL_FROM:
            self.free_since = self.clock.boot()

    def watermark(self, now: datetime) -> datetime | None:
        """Return the publish time up to which everything was delivered; None if that can't be told yet."""
        if self.free_since is not None and self.clock.boot() - self.free_since >= QUIET_S:
            return now
        return min(self.newest, now) if self.newest else None


def watermark_of(lanes: Collection[Progress], now: datetime) -> datetime | None:
    """Return the publish time up to which every lane was delivered; None if that can't be told yet."""
    found = [at for lane in lanes if (at := lane.watermark(now))]
    return min(found) if len(found) == len(lanes) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """One worker process. It runs `in_flight` jobs at once, and holds `prefetch` messages beside them.

    Where jobs can be parked, a few more messages of each lane are in its hands: those that it is parking.
    """

    ctx: WorkerContext
    in_flight: int
    prefetch: int
    drain_s: float
    reconcile_every_s: float
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    """How long jobs and their files are kept."""
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, stop: asyncio.Event, *, ready: Callable[[], None]) -> None:
        """Work until `stop` is set, then drain. Call `ready` once the subscriptions exist and the worker can submit."""
        lanes = self._lanes()
        parking = Parking(self.ctx, self.ctx.parked, lanes) if self.ctx.parked else None
        handler = Handler(self.ctx, InFlightJobs(FairSlots(self.in_flight)), parking)
        await check_subscriptions(self.ctx.bus)
        if not await self._prepare(stop):
            return
        progress = {name: Progress(self.ctx.clock, self._messages_of(lane)) for name, lane in lanes.items()}

        def describe() -> str:
            held = {name: lane.held for name, lane in progress.items()}
            exporter = self.ctx.film_exporter
            exports = exporter.exports if exporter and self.ctx.films else ()
            return describe_worker(
                self.in_flight, handler.in_flight_jobs.size, held, self.ctx.rate_limiter, film_exports=exports
            )

        await self._beat(describe())

        async def handle(delivery: Delivery, lane: Progress) -> None:
            lane.take(delivery.message)
            try:
                await handler(delivery)
            finally:
                lane.settle()

        loops = [
            asyncio.create_task(
                self._take(_SUBSCRIPTIONS[name], self._messages_of(lane), partial(handle, lane=progress[name]))
            )
            for name, lane in lanes.items()
        ]
        loops += [
            asyncio.create_task(self._take(DEAD_WORKERS, DEAD_LETTERS_AT_ONCE, lambda it: handle_dead(handler, it))),
            asyncio.create_task(self._reconcile_for_ever(handler.in_flight_jobs, progress.values())),
            asyncio.create_task(self._beat_for_ever(describe)),
        ]
        if parking:
            loops.append(asyncio.create_task(parking.bring_back_for_ever()))
        ready()
        logger.info("ready", extra={"action": "worker_ready", "owner": self.ctx.owner})
        try:
            await _wait_for_stop(stop, loops)
        finally:
            logger.info("stopping", extra={"action": "worker_stopping", "carried": handler.in_flight_jobs.size})
            self.ctx.stopping.set()
            handler.in_flight_jobs.hand_back_unsent()
            await _cancel_all(loops)
            # Finish what ends in time, then hand the rest back. A paid call under way is waited for.
            if self._running:
                await asyncio.wait(tuple(self._running), timeout=self.drain_s)
            await handler.in_flight_jobs.shut_down()
            await _cancel_all(list(self._running))
            logger.info("stopped", extra={"action": "worker_stopped"})

    def _lanes(self) -> dict[Priority, LaneLoad]:
        """Return how many jobs of each lane may have their messages here.

        One of two or more slots is never a batch job's. A quarter of the messages beside the jobs is left for cancels.
        """
        interactive = max(self.in_flight, (self.in_flight + self.prefetch) * 3 // 4)
        batch = max(1, self.in_flight * 3 // 4)
        return {"interactive": LaneLoad("interactive", interactive), "batch": LaneLoad("batch", batch)}

    def _messages_of(self, lane: LaneLoad) -> int:
        """Return how many messages of the lane this worker holds: those of its jobs, and those that it is parking.

        Pub/Sub's client takes no more at 80 % of its limit, so that the jobs must need less than that.
        """
        if self.ctx.parked is None:
            return self.in_flight + self.prefetch if lane.priority == "interactive" else lane.capacity
        return lane.capacity + max(lane.capacity // 3 + 1, PARKED_AT_ONCE)

    async def _prepare(self, stop: asyncio.Event) -> bool:
        """Return True once the model can send, and False if the worker is stopped first.

        A worker that claimed a clip before that would leave its claim behind if it were killed while the client library
        loads.
        """
        preparing = asyncio.create_task(self._prepare_model())
        try:
            await _wait_for_stop(stop, [preparing])
        finally:
            await _cancel_all([preparing])
        return not stop.is_set()

    async def _prepare_model(self) -> None:
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
        """Take deliveries until cancelled, each in a task of its own. The bus's `limit` bounds how many there are."""
        backoff = Backoff()
        while True:
            try:
                async with self.ctx.bus.subscribe(subscription, limit=limit) as deliveries:
                    backoff.reset()
                    async for delivery in deliveries:
                        task = asyncio.ensure_future(nack_on_error(delivery, handle))
                        self._running.add(task)
                        task.add_done_callback(self._running.discard)
            except Moved:
                raise  # the data folder was moved: no other process would find what this worker does from now on
            except Unavailable as error:
                logger.warning("the bus is out of reach", extra={"action": "bus_unavailable", "reason": str(error)})
            except Exception:  # a bug, here or in the bus: the next subscription may do better
                logger.exception(
                    "deliveries broke", extra={"action": "deliveries_broke", "subscription": subscription.name}
                )
            await self.ctx.clock.sleep(backoff.next_s())

    async def _reconcile_for_ever(self, jobs: InFlightJobs, lanes: Collection[Progress]) -> None:
        retention = Retention(self.ctx, self.retention)
        while True:
            try:
                known = Known(holds=jobs.holds, delivered_until=watermark_of(lanes, self.ctx.clock.now()))
                report = await reconcile(self.ctx, known=known)
                await retain(retention, report)
            except Exception:  # the next pass may do better; the deliveries go on meanwhile
                logger.exception("reconcile failed", extra={"action": "reconcile_failed"})
            await self.ctx.clock.sleep(self.reconcile_every_s)

    async def _beat_for_ever(self, describe: Callable[[], str]) -> None:
        while True:
            await self.ctx.clock.sleep(BEAT_EVERY_S)
            await self._beat(describe())

    async def _beat(self, report: str) -> None:
        """Write a heartbeat for callers that wait. The worker works without it as well."""
        if self.ctx.heartbeats is None:
            return
        try:
            await self.ctx.heartbeats.beat(self.ctx.owner, report)
        except Unavailable as error:
            logger.warning("could not write a heartbeat", extra={"action": "heartbeat_failed", "reason": str(error)})


async def _wait_for_stop(stop: asyncio.Event, loops: list[asyncio.Task[None]]) -> None:
    """Wait until `stop` is set or one of the loops ends. Raises the error of a loop that failed."""
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([stopping, *loops], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    for task in done:
        task.result()


async def _cancel_all(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
