"""The messages of one subscriber as they come, and what it still holds of them.

One message of Pub/Sub in the hands of one handler.
"""

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.subscriber.message import Message as Received

from infra.gcp.errors import unavailable
from infra.gcp.pubsub.dead_letters import DeadLetterInfo, delivered_message, original_message
from infra.gcp.pubsub.stream import Stream
from schemas.ports import Delivery, Subscription
from schemas.wire.message import Message

_DELAY_AT_MOST_S = 600
_REMEMBERED = 10_000


class Holder(Protocol):
    """Who handed it out."""

    def on_settled(self, delivery: "PubSubDelivery") -> None:
        """It is not held any more."""

    async def dead_letter(self, message: Message, *, deliveries: int, cause: str) -> None:
        """Brings it to the dead letters; durable once this returns."""


class PubSubDelivery:
    """Settling only notes it: the library's own thread sends it within 10 ms. What is lost on the way comes again."""

    def __init__(self, holder: Holder, received: Received, attempt: int) -> None:
        self._holder = holder
        self._received = received
        self._attempt = attempt
        self._settled = False

    @property
    def message(self) -> Message:
        it = self._received
        return delivered_message(it.data, it.attributes, it.message_id)

    @property
    def attempt(self) -> int:
        return self._attempt

    @property
    def message_id(self) -> str:
        return str(self._received.message_id)

    async def ack(self) -> None:
        if self._settle():
            self._received.ack()
            self._holder.on_settled(self)

    async def nack(self, *, delay_s: float = 0) -> None:
        if not self._settle():
            return
        delay = math.ceil(min(max(delay_s, 0), _DELAY_AT_MOST_S))
        if delay:  # it comes again when this deadline is over; the library forgets it, and has room for the next
            self._received.modify_ack_deadline(delay)
            self._received.drop()
        else:
            self._received.nack()
        self._holder.on_settled(self)

    async def dead_letter(self, cause: str) -> None:
        if self._settled:
            return
        it = self._received
        await self._holder.dead_letter(original_message(it.data, it.attributes), deliveries=self._attempt, cause=cause)
        await self.ack()

    def _settle(self) -> bool:
        first, self._settled = not self._settled, True
        return first


class DeliveryCounter:
    """Counts deliveries where Pub/Sub does not: it does so only on a subscription with a dead-letter policy.

    What this process has seen, and the newest of that: enough to wait longer from one failure to the next.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[str, int] = OrderedDict()

    def of(self, received: Received) -> int:
        """Which delivery this is, from 1."""
        if received.delivery_attempt:
            return int(received.delivery_attempt)
        count = self._seen.pop(received.message_id, 0) + 1
        self._seen[received.message_id] = count
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return count


Bury = Callable[[Message, Subscription, DeadLetterInfo], Awaitable[None]]
"""Brings a dead message to where dead messages go; done once that is durable."""


class SubscriptionStream:
    """An iterator of deliveries. Giving up on a `__anext__` loses nothing."""

    def __init__(self, subscription: Subscription, *, bury: Bury, attempts: DeliveryCounter) -> None:
        self._subscription = subscription
        self._bury = bury
        self._attempts = attempts
        self._ready: deque[Received] = deque()
        self._held: set[PubSubDelivery] = set()
        self._changed = asyncio.Event()
        self._stopped = asyncio.Event()
        self._ended = asyncio.Event()
        self._leaving = False
        self._broken: BaseException | None = None
        self._stream = Stream(arrived=self._arrive, stopping=self._stop, ended=self._end)

    @property
    def has_ended(self) -> bool:
        """True once nothing of it is left."""
        return self._ended.is_set()

    def open(self, client: SubscriberClient, path: str, *, limit: int, ack_deadline_s: float) -> None:
        """Starts to pull."""
        self._stream.open(client, path, limit=limit, ack_deadline_s=ack_deadline_s)

    def __aiter__(self) -> "SubscriptionStream":
        return self

    async def __anext__(self) -> Delivery:
        while not self._ready:
            if self._leaving:
                raise StopAsyncIteration
            if self._ended.is_set():
                broken = self._broken or EOFError("the stream of messages ended")
                raise unavailable("Pub/Sub", broken) from broken
            self._changed.clear()
            await self._changed.wait()
        received = self._ready.popleft()
        delivery = PubSubDelivery(self, received, self._attempts.of(received))
        self._held.add(delivery)
        return delivery

    async def stop(self) -> None:
        """No more messages. What nobody saw goes back; what was handed out stays leased."""
        self._leaving = True
        self._stream.close()
        await self._stopped.wait()
        self._let_go_if_done()

    async def release(self) -> None:
        """What is still unsettled goes to whoever comes next, at once."""
        for delivery in tuple(self._held):
            await delivery.nack()
        await self.stop()
        await self._ended.wait()

    def on_settled(self, delivery: PubSubDelivery) -> None:
        """It is not held any more."""
        self._held.discard(delivery)
        self._let_go_if_done()

    async def dead_letter(self, message: Message, *, deliveries: int, cause: str) -> None:
        """Brings it to the dead letters."""
        by, on = self._subscription.name, self._subscription.topic
        death = DeadLetterInfo(subscription=by, topic=on, deliveries=deliveries, cause=cause)
        await self._bury(message, self._subscription, death)

    def _arrive(self, received: Received) -> None:
        if self._stopped.is_set():
            received.nack()
            return
        self._ready.append(received)
        self._changed.set()

    def _stop(self) -> None:
        self._stopped.set()
        while self._ready:
            self._ready.popleft().nack()
        self._changed.set()

    def _end(self, broken: BaseException | None) -> None:
        self._broken = broken
        self._stopped.set()
        self._ended.set()
        self._changed.set()

    def _let_go_if_done(self) -> None:
        if self._leaving and self._stopped.is_set() and not self._held:
            self._stream.release()
