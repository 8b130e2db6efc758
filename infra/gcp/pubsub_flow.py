"""The messages of one subscriber as they come, and what it still holds of them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.subscriber.message import Message as Received

from infra.gcp.pubsub_delivery import Attempts, PubSubDelivery
from infra.gcp.pubsub_marks import Death
from infra.gcp.pubsub_stream import Stream
from infra.gcp.translate import unavailable
from schemas.message import Message
from schemas.ports import Delivery, Subscription

Bury = Callable[[Message, Subscription, Death], Awaitable[None]]
"""Brings a dead message to where dead messages go; done once that is durable."""


class Flow:
    """An iterator of deliveries. Giving up on a `__anext__` loses nothing."""

    def __init__(self, subscription: Subscription, *, bury: Bury, attempts: Attempts) -> None:
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
    def ended(self) -> bool:
        """True once nothing of it is left."""
        return self._ended.is_set()

    def open(self, client: SubscriberClient, path: str, *, limit: int, ack_deadline_s: float) -> None:
        """Starts to pull."""
        self._stream.open(client, path, limit=limit, ack_deadline_s=ack_deadline_s)

    def __aiter__(self) -> "Flow":
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

    def settled(self, delivery: PubSubDelivery) -> None:
        """It is not held any more."""
        self._held.discard(delivery)
        self._let_go_if_done()

    async def bury(self, message: Message, *, deliveries: int, cause: str) -> None:
        """Brings it to the dead letters."""
        by, on = self._subscription.name, self._subscription.topic
        death = Death(subscription=by, topic=on, deliveries=deliveries, cause=cause)
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
            self._stream.let_go()
