"""The bus on Google Cloud Pub/Sub, with its own client library's publisher and streaming pull.

The clients follow `PUBSUB_EMULATOR_HOST` by themselves. No ordering and no exactly-once: both cost latency, and the
job store's compare-and-set is what keeps a job from being done twice.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager

from google.api_core import exceptions as api
from google.api_core.retry import Retry, if_exception_type
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.types import BatchSettings, PublisherOptions

from infra.gcp.errors import translate_errors
from infra.gcp.pubsub.admin import Subscriptions, dead_letter_subscription_of
from infra.gcp.pubsub.dead_letters import DeadLetterInfo, DeadLetterQueue, PulledDeadLetter, add_dead_letter_attributes
from infra.gcp.pubsub.delivery import DeliveryCounter, SubscriptionStream
from infra.gcp.pubsub.stream import HalfClosingSubscriberClient
from schemas.errors import NotFound, Unavailable
from schemas.ports import DeadLetter, Delivery, Subscription
from schemas.wire.message import Message, as_published

logger = logging.getLogger(__name__)

_BATCH = BatchSettings(max_messages=100, max_latency=0.005)
"""A video takes a minute: 5 ms gather what many callers publish at once into one request, and nobody notices."""
_RETRY = Retry(
    predicate=if_exception_type(
        api.Aborted, api.InternalServerError, api.ResourceExhausted, api.ServiceUnavailable, api.Unknown
    ),
    initial=0.1,
    multiplier=2,
    maximum=5,
    timeout=25,
)
"""Sending again is harmless: every consumer knows a message by its job. 25 s: callers wait for this."""


class PubSubBus:
    """`Bus` of one process. Close it before its event loop."""

    def __init__(self, project: str, *, ack_deadline_s: float) -> None:
        """Opens no connection, but looks for credentials: raises `Unavailable` where there are none."""
        with translate_errors("Pub/Sub"):
            self._publisher = PublisherClient(_BATCH, PublisherOptions(retry=_RETRY, timeout=10))
            self._subscriber = HalfClosingSubscriberClient()
        self._subscriptions = Subscriptions(self._publisher, self._subscriber, project)
        self._shelf = DeadLetterQueue(self._subscriber, self._subscriptions.topic_of)
        self._ack_deadline_s = ack_deadline_s
        self._shelves: dict[str, None] = {}
        """Paths of the shelves that this process has seen to; a dictionary keeps them in order."""
        self._ephemeral: dict[str, str] = {}
        """Our own subscriptions by the name that we were given; Pub/Sub never sees a name twice."""
        self._flows: set[SubscriptionStream] = set()
        self._attempts = DeliveryCounter()

    @property
    def dead_letter_reads_are_exclusive(self) -> bool:
        return True

    @property
    def sees_waiting(self) -> bool:
        return False

    async def waiting(self, subscription: Subscription) -> Sequence[Mapping[str, str]]:
        """Nothing: Pub/Sub shows a message only to whoever leases it."""
        del subscription
        return ()

    async def publish(self, topic: str, message: Message) -> None:
        with translate_errors("Pub/Sub"):
            await self._publish(topic, message)

    async def ensure(self, subscription: Subscription) -> None:
        name = self._name(subscription)
        with translate_errors("Pub/Sub"):
            await asyncio.to_thread(self._subscriptions.ensure, subscription, name)
        if subscription.dead_letter_topic and not subscription.ephemeral:
            self._shelves[self._subscriptions.path(dead_letter_subscription_of(subscription.dead_letter_topic))] = None

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        await self.ensure(subscription)
        self._flows = {flow for flow in self._flows if not flow.has_ended}
        flow = SubscriptionStream(subscription, bury=self._dead_letter, attempts=self._attempts)
        path = self._subscriptions.path(self._name(subscription))
        flow.open(self._subscriber, path, limit=limit, ack_deadline_s=self._ack_deadline_s)
        self._flows.add(flow)
        try:
            yield flow
        finally:
            await flow.stop()
            if subscription.ephemeral:
                await self._forget(subscription.name)

    async def dead_letters(self, *, limit: int = 100, id: str | None = None) -> list[DeadLetter]:
        with translate_errors("Pub/Sub"):
            return await asyncio.to_thread(self._look, limit, id)

    async def replay_dead_letter(self, id: str) -> None:
        with translate_errors("Pub/Sub"):
            await asyncio.to_thread(self._replay, id)

    async def delete_dead_letter(self, id: str) -> None:
        with translate_errors("Pub/Sub"):
            await asyncio.to_thread(self._drop, id)

    async def close(self) -> None:
        """Settle what is on its way, hand on what is still held, and end the ephemeral subscriptions."""
        for flow in self._flows:
            await flow.release()
        for name in tuple(self._ephemeral):
            await self._forget(name)
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._publisher.stop()
        self._publisher.transport.close()
        self._subscriber.close()

    async def _publish(self, topic: str, message: Message) -> str:
        try:
            return await asyncio.wrap_future(self._send(topic, message))
        except api.NotFound:  # nobody made the topic yet: as on any other bus, that is no error
            await asyncio.to_thread(self._subscriptions.ensure_topic, topic)
            return await asyncio.wrap_future(self._send(topic, message))

    def _send(self, topic: str, message: Message) -> "Future[str]":
        path = self._subscriptions.topic_path(topic)
        return self._publisher.publish(path, message.data, **message.attributes)  # type: ignore[no-any-return]

    async def _dead_letter(self, message: Message, subscription: Subscription, death: DeadLetterInfo) -> None:
        if subscription.ephemeral:
            return  # one process's own: each has a copy, and a shelf of copies helps nobody
        extra = {"action": "dead_letter", "subscription": subscription.name, "topic": subscription.dead_letter_topic}
        logger.warning("a message was given up", extra=extra)
        if subscription.dead_letter_topic:
            await self.publish(subscription.dead_letter_topic, add_dead_letter_attributes(message, death))

    def _look(self, limit: int, id: str | None) -> list[DeadLetter]:
        with self._shelf.pull_all(self._shelves, id=id) as found:
            return [shelved.letter for shelved in found[:limit]]

    def _replay(self, id: str) -> None:
        with self._shelf.pull_all(self._shelves, id=id) as found:
            self._replay_one(_only(found, id))

    def _drop(self, id: str) -> None:
        with self._shelf.pull_all(self._shelves, id=id) as found:
            self._shelf.remove(_only(found, id))

    def _replay_one(self, shelved: PulledDeadLetter) -> None:
        letter = shelved.letter
        if not letter.topic:
            raise NotFound(f"the subscription {letter.subscription!r}, where dead letter {letter.id} died, is gone")
        self._send(letter.topic, as_published(letter.message)).result()
        self._shelf.remove(shelved)

    async def _forget(self, given: str) -> None:
        name = self._ephemeral.pop(given, None)
        if name is None:
            return
        try:
            with translate_errors("Pub/Sub"):
                await asyncio.to_thread(self._subscriptions.delete, name)
        except Unavailable as error:  # it expires by itself
            extra = {"action": "subscription_drop_failed", "subscription": name, "cause": str(error)}
            logger.warning("an ephemeral subscription could not be dropped", extra=extra)

    def _name(self, subscription: Subscription) -> str:
        if not subscription.ephemeral:
            return subscription.name
        return self._ephemeral.setdefault(subscription.name, f"{subscription.name}-{secrets.token_hex(4)}")


def _only(found: Sequence[PulledDeadLetter], id: str) -> PulledDeadLetter:
    if not found:
        raise NotFound(f"there is no dead letter {id[:80]}")
    return found[0]
