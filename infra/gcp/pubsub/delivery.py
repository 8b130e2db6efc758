"""The stream of one subscriber's messages, and the deliveries that it has leased."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Protocol

from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.subscriber.message import Message as Received

from infra.gcp.errors import unavailable
from infra.gcp.pubsub.dead_letters import DeadLetterInfo, original_message, subscriber_message
from infra.gcp.pubsub.stream import Stream
from infra.subscription_stream import MAX_DELAY_S, HandOff
from schemas.ports import Delivery, Subscription
from schemas.wire.message import Message

_COUNTED_MESSAGES = 10_000


class Holder(Protocol):
    """What handed out a delivery."""

    def on_settled(self, delivery: "PubSubDelivery") -> None:
        """Called when a delivery is settled."""

    async def dead_letter(self, message: Message, *, deliveries: int, cause: str) -> None:
        """Dead-letter a message; durable once this returns."""


class PubSubDelivery:
    """One leased message.

    The library's thread sends an ack or nack within 10 ms; if it is lost, the message comes again.
    """

    def __init__(self, holder: Holder, received: Received, attempt: int) -> None:
        self._holder = holder
        self._received = received
        self._attempt = attempt
        self._settled = False

    @property
    def message(self) -> Message:
        received = self._received
        return subscriber_message(received.data, received.attributes, received.message_id)

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
        delay = math.ceil(min(max(delay_s, 0), MAX_DELAY_S))
        if delay:  # it comes again after this deadline; the library drops it, and can lease the next message
            self._received.modify_ack_deadline(delay)
            self._received.drop()
        else:
            self._received.nack()
        self._holder.on_settled(self)

    async def dead_letter(self, cause: str) -> None:
        if self._settled:
            return
        message = original_message(self._received.data, self._received.attributes)
        await self._holder.dead_letter(message, deliveries=self._attempt, cause=cause)
        await self.ack()

    def _settle(self) -> bool:
        first, self._settled = not self._settled, True
        return first


class DeliveryCounter:
    """Counts deliveries if Pub/Sub does not: it does so only for a subscription with a dead-letter policy.

    It counts only what this process received, and only the newest messages. That is enough for a growing backoff.
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()

    def of(self, received: Received) -> int:
        """Return the number of this delivery, from 1."""
        if received.delivery_attempt:
            return int(received.delivery_attempt)
        count = self._counts.pop(received.message_id, 0) + 1
        self._counts[received.message_id] = count
        if len(self._counts) > _COUNTED_MESSAGES:
            self._counts.popitem(last=False)
        return count


OnDeadLetter = Callable[[Message, Subscription, DeadLetterInfo], Awaitable[None]]
"""Stores a dead letter; durable once it returns."""


class SubscriptionStream:
    """An asynchronous iterator of deliveries. Cancelling a `__anext__` loses no message."""

    def __init__(self, subscription: Subscription, *, on_dead_letter: OnDeadLetter, attempts: DeliveryCounter) -> None:
        self._subscription = subscription
        self._on_dead_letter = on_dead_letter
        self._attempts = attempts
        self._hand_off: HandOff[Received] = HandOff()
        self._held: set[PubSubDelivery] = set()
        self._stopped = asyncio.Event()
        self._ended = asyncio.Event()
        self._stopping = False
        self._stream = Stream(on_message=self._on_message, on_stop=self._on_stop, on_end=self._on_end)

    @property
    def has_ended(self) -> bool:
        """True once its pull has ended."""
        return self._ended.is_set()

    def open(self, client: SubscriberClient, path: str, *, limit: int, ack_deadline_s: float) -> None:
        """Start to pull."""
        self._stream.open(client, path, limit=limit, ack_deadline_s=ack_deadline_s)

    def __aiter__(self) -> "SubscriptionStream":
        return self

    async def __anext__(self) -> Delivery:
        received = await self._hand_off.take()
        delivery = PubSubDelivery(self, received, self._attempts.of(received))
        self._held.add(delivery)
        return delivery

    async def stop(self) -> None:
        """Stop pulling.

        Messages that were not delivered are nacked; delivered ones stay leased until they are settled.
        """
        self._stopping = True
        self._hand_off.close()
        self._stream.close()
        await self._stopped.wait()
        self._release_if_settled()

    async def release(self) -> None:
        """Nack every unsettled delivery, so that another consumer gets it at once, and end the pull."""
        for delivery in tuple(self._held):
            await delivery.nack()
        await self.stop()
        await self._ended.wait()

    def on_settled(self, delivery: PubSubDelivery) -> None:
        """Drop a settled delivery, and end the pull after the last one."""
        self._held.discard(delivery)
        self._release_if_settled()

    async def dead_letter(self, message: Message, *, deliveries: int, cause: str) -> None:
        """Dead-letter a message, with its subscription and topic."""
        name, topic = self._subscription.name, self._subscription.topic
        info = DeadLetterInfo(subscription=name, topic=topic, deliveries=deliveries, cause=cause)
        await self._on_dead_letter(message, self._subscription, info)

    def _on_message(self, received: Received) -> None:
        if self._stopped.is_set():
            received.nack()
            return
        self._hand_off.put([received])

    def _on_stop(self) -> None:
        self._stopped.set()
        for received in self._hand_off.drain():
            received.nack()

    def _on_end(self, error: BaseException | None) -> None:
        self._stopped.set()
        self._ended.set()
        cause = error or EOFError("the stream of messages ended")
        failure = unavailable("Pub/Sub", cause)
        failure.__cause__ = cause
        self._hand_off.fail(failure)

    def _release_if_settled(self) -> None:
        if self._stopping and self._stopped.is_set() and not self._held:
            self._stream.release()
