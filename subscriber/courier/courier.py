"""Takes completions, stores a delivery for each webhook, and posts what is due, ten times in 75 hours at most.

A delivery is stored before the completion is acknowledged, and its result after the answer. A courier that is killed in
between leaves a claim that expires: the event is posted again, with the same `webhook-id` and the same bytes.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from schemas.domain.delivery import DeliveryState, WebhookDelivery
from schemas.errors import AlreadyExists, Conflict, NewerRecord, Unavailable
from schemas.ports import WEBHOOKS, Bus, Clock, Deliveries, Delivery, Films, JobStore, Poster
from schemas.services.backoff import Backoff, backoff_s
from schemas.wire.message import Message, job_id_of
from schemas.wire.webhook import sign
from schemas.wire.webhook_address import mask_url
from schemas.wire.webhook_endpoints import FROM_REQUEST, WebhookEndpoint
from schemas.wire.webhook_keys import SigningKey
from subscriber.courier.bulkhead import Bulkhead
from subscriber.courier.endpoints import EndpointStates
from subscriber.courier.events import delivery_of, rebuild_body, targets_of
from subscriber.courier.film_events import rebuild_film_body

logger = logging.getLogger(__name__)

COMPLETIONS_AT_ONCE = 64
POLL_S = 5.0
"""How often the courier looks for what other processes left due, or the operator replayed."""
DRAIN_S = 5.0
PRUNE_EVERY_S = 3600.0
_PRUNED_AT_ONCE = 500
_RETRY_AT_MOST_S = 300.0
_ACTIONS = {
    DeliveryState.PENDING: "webhook_pending",
    DeliveryState.DELIVERED: "webhook_delivered",
    DeliveryState.FAILED: "webhook_failed",
    DeliveryState.DISABLED: "webhook_disabled",
}
_KIND_PARTS = 4
"""Of `reelbus.video.succeeded.v1`, by its dots."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CourierContext:
    """The open ports and the settings of one courier."""

    bus: Bus
    jobs: JobStore
    deliveries: Deliveries
    poster: Poster
    clock: Clock
    secrets_of: Callable[[str | None], Sequence[bytes]]
    """Returns the secrets of a caller. May read a file."""
    facade_url: str
    films: Films | None = None
    endpoints: Sequence[WebhookEndpoint] = ()
    """Addresses of the operator's that hear of ends, beside those of requests."""
    endpoint_secrets_of: Callable[[str], Sequence[bytes]] = lambda _: ()
    """Returns the secrets of an endpoint by its name. May read a file."""
    keys: Sequence[SigningKey] = ()
    """Sign each event besides the secrets."""
    keep: timedelta = timedelta(days=30)
    """For how long deliveries that ended are kept."""
    chance: Callable[[], float] = random.random
    bulkhead: Bulkhead = field(default_factory=Bulkhead)


class Courier:
    """The loops of one courier. An error in one of them is logged, and the loop begins again."""

    def __init__(self, ctx: CourierContext) -> None:
        self._ctx = ctx
        self._endpoints = EndpointStates(ctx.deliveries, ctx.clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled. What is not posted `DRAIN_S` later is posted again by the next courier."""
        try:
            async with asyncio.TaskGroup() as group:
                for loop in (self._take, self._post_due, self._prune):
                    group.create_task(self._for_ever(loop))
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await self.join()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def wake(self) -> None:
        """Look for deliveries that are due now: another part of this process stored one."""
        self._wake.set()

    async def join(self) -> None:
        """Wait until nothing is being stored or posted."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _for_ever(self, loop: Callable[[Backoff], Coroutine[Any, Any, None]]) -> None:
        backoff = Backoff()
        while True:
            try:
                await loop(backoff)
            except Unavailable as error:
                extra = {"action": "courier_waits", "reason": str(error)}
                logger.warning("the courier can't reach the bus or the store", extra=extra)
            except Exception:  # a bug must not end the deliveries of all others
                logger.exception("a loop of the courier broke", extra={"action": "courier_broke"})
            await self._ctx.clock.sleep(backoff.next_s())

    async def _take(self, backoff: Backoff) -> None:
        await self._ctx.bus.check(WEBHOOKS)
        async with self._ctx.bus.subscribe(WEBHOOKS, limit=COMPLETIONS_AT_ONCE) as deliveries:
            backoff.reset()
            async for message in deliveries:
                self._start(self._handle(message))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, message: Delivery) -> None:
        """Store the deliveries of a completion, acknowledge it, and post at once what hosts have room for."""
        claimed: list[WebhookDelivery] = []
        try:
            for built in await self._build(message.message):
                if stored := await self._store(built):
                    claimed.append(stored)
            await message.ack()
        except Exception as error:  # a completion that can't be handled now must come again
            is_outage = isinstance(error, Unavailable)
            extra = {"action": "webhook_not_stored", "reason": str(error)}
            logger.warning("a webhook could not be stored yet", extra=extra, exc_info=not is_outage)
            with suppress(Unavailable):  # the lease expires, and the bus delivers it again
                await message.nack(delay_s=backoff_s(1, _RETRY_AT_MOST_S, message.attempt))
        await asyncio.gather(*map(self._post, claimed))

    async def _build(self, message: Message) -> list[WebhookDelivery]:
        """Return the deliveries of a completion: none if this end of its job is for no address."""
        kind = message.attributes.get("ce-type", "").split(".")
        job_id = job_id_of(message)
        if job_id is None or "ce-id" not in message.attributes or len(kind) != _KIND_PARTS:
            return []
        job, now = await self._ctx.jobs.get(job_id), self._ctx.clock.now()
        if job is None:
            return []
        targets = targets_of(job, kind[2], self._ctx.endpoints)
        return [delivery_of(message, job, each, facade_url=self._ctx.facade_url, now=now) for each in targets]

    async def _store(self, built: WebhookDelivery) -> WebhookDelivery | None:
        """Store the delivery. Return it if its host has room now: then this courier has claimed it."""
        ctx = self._ctx
        may_post = ctx.bulkhead.enter(built.host, ctx.clock.boot())
        try:
            stored = await ctx.deliveries.create(built.claim(ctx.clock.now()) if may_post else built)
        except BaseException as error:
            if may_post:
                ctx.bulkhead.leave(built.host, None, ctx.clock.boot())
            if isinstance(error, AlreadyExists):  # the completion was delivered before
                return None
            raise
        return stored if may_post else None

    async def _post_due(self, backoff: Backoff) -> None:
        while True:
            self._wake.clear()
            began = await self.begin_due()
            backoff.reset()
            if not began:
                await self._wait()

    async def begin_due(self) -> int:
        """Claim what is due and has room, and start to post it. Return how many."""
        ctx, began = self._ctx, 0
        earliest = await ctx.deliveries.next_due()
        if earliest is None or earliest > ctx.clock.now() or ctx.bulkhead.room <= 0:
            return 0
        full = ctx.bulkhead.full_hosts(ctx.clock.boot())
        for due in await ctx.deliveries.due(ctx.clock.now(), limit=ctx.bulkhead.room, without=full):
            if not ctx.bulkhead.enter(due.host, ctx.clock.boot()):
                continue
            try:
                claimed = await ctx.deliveries.save(due.claim(ctx.clock.now()))
            except BaseException as error:
                ctx.bulkhead.leave(due.host, None, ctx.clock.boot())
                if isinstance(error, Conflict):  # another courier has it
                    continue
                raise
            began += 1
            self._start(self._post(claimed))
        return began

    async def _wait(self) -> None:
        """Wait for a free slot, the next delivery that is due, or the next look."""
        earliest, wait_s = await self._ctx.deliveries.next_due(), POLL_S
        if earliest and (until_s := (earliest - self._ctx.clock.now()).total_seconds()) > 0:
            wait_s = min(POLL_S, until_s + 0.001)
        waits = [asyncio.ensure_future(self._wake.wait()), asyncio.ensure_future(self._ctx.clock.sleep(wait_s))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _post(self, delivery: WebhookDelivery) -> None:
        """Post a claimed delivery whose host has counted it, and store the result.

        The events of a disabled endpoint are stored as `disabled`, so that they can be replayed.
        """
        ctx, status = self._ctx, None
        try:
            if await self._endpoints.is_disabled(delivery):
                _log(
                    await ctx.deliveries.save(delivery.disable()), "a webhook was not posted: its endpoint is disabled"
                )
                return
            delivery = await self._with_body(delivery)
            began = ctx.clock.now()
            body = delivery.body.encode(errors="replace")
            secrets = await asyncio.to_thread(self._read_secrets, delivery)
            headers = sign(secrets, webhook_id=delivery.webhook_id, at=began, body=body, keys=ctx.keys)
            result = await ctx.poster.post(delivery.url, body, headers)
            status = result.status
            settled = delivery.settle(result, began=began, now=ctx.clock.now(), chance=ctx.chance())
            await self._endpoints.note(settled)  # first: a courier that is killed in between posts nothing again
            await ctx.deliveries.save(settled)
            _log(settled, "a webhook was posted")
        except (Conflict, Unavailable) as error:  # the claim expires, and the event is posted again
            extra = {"action": "webhook_result_lost", "delivery_id": delivery.delivery_id, "reason": str(error)}
            logger.warning("the result of a webhook could not be stored", extra=extra)
        except Exception:
            extra = {"action": "webhook_broke", "delivery_id": delivery.delivery_id}
            logger.exception("a webhook could not be posted", extra=extra)
        finally:
            ctx.bulkhead.leave(delivery.host, status, ctx.clock.boot())
            self._wake.set()

    def _read_secrets(self, delivery: WebhookDelivery) -> Sequence[bytes]:
        if delivery.endpoint == FROM_REQUEST:
            return self._ctx.secrets_of(delivery.caller)
        return self._ctx.endpoint_secrets_of(delivery.endpoint)

    async def _with_body(self, delivery: WebhookDelivery) -> WebhookDelivery:
        """Return the delivery with its bytes stored. After an erasure they are built anew from the tombstone."""
        if delivery.body:
            return delivery
        ctx = self._ctx
        if delivery.film_id is not None:
            film = await ctx.films.get(delivery.film_id) if ctx.films else None
            if film is None:
                raise NewerRecord(f"film {delivery.film_id} of a webhook does not exist any more")
            body = rebuild_film_body(delivery, film, facade_url=ctx.facade_url, now=ctx.clock.now())
        else:
            job = await ctx.jobs.get(delivery.job_id)
            if job is None:
                raise NewerRecord(f"job {delivery.job_id} of a webhook does not exist any more")
            body = rebuild_body(delivery, job, facade_url=ctx.facade_url, now=ctx.clock.now())
        return await ctx.deliveries.save(delivery.model_copy(update={"body": body}))

    async def _prune(self, backoff: Backoff) -> None:
        while True:
            before = self._ctx.clock.now() - self._ctx.keep
            while await self._ctx.deliveries.delete_before(before, limit=_PRUNED_AT_ONCE) == _PRUNED_AT_ONCE:
                pass
            backoff.reset()
            await self._ctx.clock.sleep(PRUNE_EVERY_S)


def _log(delivery: WebhookDelivery, words: str) -> None:
    last = delivery.attempts[-1] if delivery.attempts else None
    extra = {
        "action": _ACTIONS[delivery.state],
        "delivery_id": delivery.delivery_id,
        **({"film_id": delivery.film_id} if delivery.film_id else {"job_id": delivery.job_id}),
        "url": mask_url(delivery.url),
        "status": last and last.status,
        "ms": last and last.ms,
        "reason": last and last.error,
        "tries": delivery.tries,
    }
    is_well = delivery.state in (DeliveryState.DELIVERED, DeliveryState.PENDING)
    logger.log(logging.INFO if is_well else logging.WARNING, words, extra=extra)
