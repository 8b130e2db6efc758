"""The bus on Google Cloud Pub/Sub, with its own client library's publisher and streaming pull.

The clients read `PUBSUB_EMULATOR_HOST` themselves. The bus uses neither ordering nor exactly-once delivery: both cost
latency, and the job store's compare-and-set prevents that a job runs twice.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager

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
"""5 ms collect the messages of many callers into one request. A video takes a minute, so the delay does not matter."""
_FOLLOWED_AT_ONCE = 256
_RETRY = Retry(
    predicate=if_exception_type(
        api.Aborted, api.InternalServerError, api.ResourceExhausted, api.ServiceUnavailable, api.Unknown
    ),
    initial=0.1,
    multiplier=2,
    maximum=5,
    timeout=25,
)
"""Publishing again is harmless: every consumer identifies a message by its job. 25 s, because callers wait for this."""


class PubSubBus:
    """The `Bus` of one process. Close it before its event loop."""

    def __init__(self, project: str, *, ack_deadline_s: float) -> None:
        """Look for credentials, without opening a connection. Raises `Unavailable` if there are none."""
        with translate_errors("Pub/Sub"):
            self._publisher = PublisherClient(_BATCH, PublisherOptions(retry=_RETRY, timeout=10))
            self._subscriber = HalfClosingSubscriberClient()
        self._subscriptions = Subscriptions(self._publisher, self._subscriber, project)
        self._dead_letters = DeadLetterQueue(self._subscriber, self._subscriptions.topic_of)
        self._ack_deadline_s = ack_deadline_s
        self._dead_letter_paths: dict[str, None] = {}
        """The dead-letter subscriptions that this process knows; a dictionary keeps them in order."""
        self._ephemeral: dict[str, str] = {}
        """The names at Pub/Sub of this process's ephemeral subscriptions, by the caller's name.

        Each is used once only.
        """
        self._streams: set[SubscriptionStream] = set()
        self._delivery_counter = DeliveryCounter()

    @property
    def dead_letter_reads_are_exclusive(self) -> bool:
        return True

    @property
    def sees_waiting(self) -> bool:
        return False

    async def list_waiting(self, subscription: Subscription) -> Sequence[Mapping[str, str]]:
        """Return nothing: Pub/Sub shows a message only to the consumer that leases it."""
        del subscription
        return ()

    async def publish(self, topic: str, message: Message) -> None:
        with translate_errors("Pub/Sub"):
            try:
                await asyncio.wrap_future(self._send(topic, message))
            except api.NotFound:  # the topic does not exist yet: as on any other bus, that is no error
                await asyncio.to_thread(self._subscriptions.ensure_topic, topic)
                await asyncio.wrap_future(self._send(topic, message))

    async def ensure(self, subscription: Subscription) -> None:
        name = self._name(subscription)
        with translate_errors("Pub/Sub"):
            await asyncio.to_thread(self._subscriptions.ensure, subscription, name)
        self._remember_dead_letters(subscription)

    async def check(self, subscription: Subscription) -> Sequence[str]:
        """Read the subscription and that of its dead letters. Only `reelbus setup` writes them."""
        with translate_errors("Pub/Sub"):
            differences = await asyncio.to_thread(self._subscriptions.compare, subscription, subscription.name)
        self._remember_dead_letters(subscription)
        return differences

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        if subscription.ephemeral:
            await self.ensure(subscription)
        self._remember_dead_letters(subscription)
        self._streams = {stream for stream in self._streams if not stream.has_ended}
        stream = SubscriptionStream(subscription, on_dead_letter=self._dead_letter, attempts=self._delivery_counter)
        path = self._subscriptions.path(self._name(subscription))
        stream.open(self._subscriber, path, limit=limit, ack_deadline_s=self._ack_deadline_s)
        self._streams.add(stream)
        try:
            yield stream
        finally:
            await stream.stop()
            if subscription.ephemeral:
                await self._delete_ephemeral(subscription.name)

    @asynccontextmanager
    async def follow(self, subscription: Subscription) -> AsyncIterator[AsyncIterator[Message]]:
        async with self.subscribe(subscription, limit=_FOLLOWED_AT_ONCE) as deliveries:
            yield _ack_each(deliveries)

    async def dead_letters(self, *, limit: int = 100, id: str | None = None) -> list[DeadLetter]:
        with translate_errors("Pub/Sub"):
            return await asyncio.to_thread(self._read_dead_letters, limit, id)

    async def replay_dead_letter(self, id: str) -> None:
        with translate_errors("Pub/Sub"):
            await asyncio.to_thread(self._republish, id)

    async def delete_dead_letter(self, id: str) -> None:
        with translate_errors("Pub/Sub"):
            await asyncio.to_thread(self._remove, id)

    async def aclose(self) -> None:
        """Send pending acks, nack unsettled deliveries, and delete the ephemeral subscriptions."""
        for stream in self._streams:
            await stream.release()
        for name in tuple(self._ephemeral):
            await self._delete_ephemeral(name)
        await asyncio.to_thread(self._close_clients)

    def _close_clients(self) -> None:
        self._publisher.stop()
        self._publisher.transport.close()
        self._subscriber.close()

    def _remember_dead_letters(self, subscription: Subscription) -> None:
        if subscription.dead_letter_topic and not subscription.ephemeral:
            name = dead_letter_subscription_of(subscription.dead_letter_topic)
            self._dead_letter_paths[self._subscriptions.path(name)] = None

    def _send(self, topic: str, message: Message) -> "Future[str]":
        path = self._subscriptions.topic_path(topic)
        return self._publisher.publish(path, message.data, **message.attributes)  # type: ignore[no-any-return]

    async def _dead_letter(self, message: Message, subscription: Subscription, info: DeadLetterInfo) -> None:
        if subscription.ephemeral:
            return  # every process has a copy of its messages, and a queue of copies has no use
        extra = {"action": "dead_letter", "subscription": subscription.name, "topic": subscription.dead_letter_topic}
        logger.warning("a message was dead-lettered", extra=extra)
        if subscription.dead_letter_topic:
            await self.publish(subscription.dead_letter_topic, add_dead_letter_attributes(message, info))

    def _read_dead_letters(self, limit: int, id: str | None) -> list[DeadLetter]:
        with self._dead_letters.pull_all(self._dead_letter_paths, id=id) as found:
            return [pulled.dead_letter for pulled in found[:limit]]

    def _republish(self, id: str) -> None:
        with self._pull_one(id) as pulled:
            dead_letter = pulled.dead_letter
            if not dead_letter.topic:
                words = f"the subscription {dead_letter.subscription!r} of dead letter {id} does not exist any more"
                raise NotFound(words)
            self._send(dead_letter.topic, as_published(dead_letter.message)).result()
            self._dead_letters.remove(pulled)

    def _remove(self, id: str) -> None:
        with self._pull_one(id) as pulled:
            self._dead_letters.remove(pulled)

    @contextmanager
    def _pull_one(self, id: str) -> Iterator[PulledDeadLetter]:
        with self._dead_letters.pull_all(self._dead_letter_paths, id=id) as found:
            if not found:
                raise NotFound(f"there is no dead letter {id[:80]}")
            yield found[0]

    async def _delete_ephemeral(self, given: str) -> None:
        name = self._ephemeral.pop(given, None)
        if name is None:
            return
        try:
            with translate_errors("Pub/Sub"):
                await asyncio.to_thread(self._subscriptions.delete, name)
        except Unavailable as error:  # the subscription expires by itself
            extra = {"action": "subscription_drop_failed", "subscription": name, "cause": str(error)}
            logger.warning("an ephemeral subscription could not be deleted", extra=extra)

    def _name(self, subscription: Subscription) -> str:
        if not subscription.ephemeral:
            return subscription.name
        return self._ephemeral.setdefault(subscription.name, f"{subscription.name}-{secrets.token_hex(4)}")


async def _ack_each(deliveries: AsyncIterator[Delivery]) -> AsyncIterator[Message]:
    async for delivery in deliveries:
        await delivery.ack()
        yield delivery.message
