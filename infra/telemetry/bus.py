"""The bus in spans: one for each message that is sent, for each that is handled, and for each settling."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from types import MappingProxyType, TracebackType

from opentelemetry.trace import SpanKind

from infra.telemetry.changes import StoredChanges
from infra.telemetry.meters import Meters
from infra.telemetry.spans import (
    ROOT,
    Attributes,
    Span,
    Tracer,
    context_of,
    error_type_of,
    parent_in,
    set_job_id,
    traceparent_of,
)
from schemas.ports import DEAD_REQUESTS, Bus, DeadLetter, Delivery, Subscription
from schemas.wire.message import Message, job_id_of


class TracedBus:
    """A `Bus` that does what the bus inside it does."""

    def __init__(self, bus: Bus, system: str, *, tracer: Tracer, meters: Meters, changes: StoredChanges) -> None:
        self._bus = bus
        self._system = system
        self.tracer, self.meters, self.changes = tracer, meters, changes

    @property
    def dead_letter_reads_are_exclusive(self) -> bool:
        return self._bus.dead_letter_reads_are_exclusive

    @property
    def sees_waiting(self) -> bool:
        return self._bus.sees_waiting

    async def list_waiting(self, subscription: Subscription) -> Sequence[Mapping[str, str]]:
        return await self._bus.list_waiting(subscription)

    async def publish(self, topic: str, message: Message) -> None:
        """Publish the message with the context of its span. The span is in the trace of the message's job."""
        set_job_id(job_id_of(message))
        span = self.tracer.begin(
            f"send {topic}",
            SpanKind.PRODUCER,
            self.about_span("send", "send", topic),
            parent=parent_in(message.traceparent),
        )
        about = self.about("send", topic)
        with _Measuring(self.meters, about, "messaging.client.sent.messages"), span:
            await self._bus.publish(topic, _carry(span, message))

    async def ensure(self, subscription: Subscription) -> None:
        await self._bus.ensure(subscription)

    async def check(self, subscription: Subscription) -> Sequence[str]:
        return await self._bus.check(subscription)

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        async with self._bus.subscribe(subscription, limit=limit) as deliveries:
            yield self._trace_each(deliveries, subscription)

    @asynccontextmanager
    async def follow(self, subscription: Subscription) -> AsyncIterator[AsyncIterator[Message]]:
        async with self._bus.follow(subscription) as messages:
            yield self._count_each(messages, subscription)

    async def dead_letters(self, *, limit: int = 100, id: str | None = None) -> list[DeadLetter]:
        return await self._bus.dead_letters(limit=limit, id=id)

    async def replay_dead_letter(self, id: str) -> None:
        await self._bus.replay_dead_letter(id)

    async def delete_dead_letter(self, id: str) -> None:
        await self._bus.delete_dead_letter(id)

    def about(self, operation: str, topic: str, subscription: Subscription | None = None) -> Attributes:
        """Return the attributes of metrics. The name of an ephemeral subscription is left out: each process has one."""
        name = subscription.name if subscription and not subscription.ephemeral else ""
        return _about(self._system, operation, topic, name)

    def about_span(self, operation: str, kind: str, topic: str, subscription: Subscription | None = None) -> Attributes:
        """Return the attributes of a span."""
        name = subscription.name if subscription and not subscription.ephemeral else ""
        return _about(self._system, operation, topic, name, kind)

    async def _trace_each(
        self, deliveries: AsyncIterator[Delivery], subscription: Subscription
    ) -> AsyncIterator[Delivery]:
        """Yield the deliveries. The caller's task is then in the span of the newest: what it begins inherits that."""
        about = self.about("receive", subscription.topic, subscription)
        async for delivery in deliveries:
            self.meters.add("messaging.client.consumed.messages", 1, about)
            yield TracedDelivery(delivery, subscription, self)

    async def _count_each(self, messages: AsyncIterator[Message], subscription: Subscription) -> AsyncIterator[Message]:
        about = self.about("receive", subscription.topic, subscription)
        async for message in messages:
            self.meters.add("messaging.client.consumed.messages", 1, about)
            yield message


class TracedDelivery:
    """A `Delivery` in a span, which ends when it is settled."""

    __slots__ = ("_began", "_bus", "_delivery", "_is_settled", "_job_id", "_span", "_subscription", "message")

    def __init__(self, delivery: Delivery, subscription: Subscription, bus: TracedBus) -> None:
        self._delivery, self._subscription, self._bus = delivery, subscription, bus
        self._began = time.monotonic()
        self._is_settled = False
        self._job_id = job_id_of(delivery.message)
        if self._job_id:
            bus.changes.hold(self._job_id)
        set_job_id(self._job_id)
        self._span = self._begin()
        self.message = _carry(self._span, delivery.message)

    @property
    def attempt(self) -> int:
        return self._delivery.attempt

    @property
    def message_id(self) -> str:
        return self._delivery.message_id

    async def ack(self) -> None:
        if self._subscription.topic == DEAD_REQUESTS and not self._is_settled:
            self._bus.meters.add("reelbus.dead_letters", 1)
        await self._settle("ack", self._delivery.ack)

    async def nack(self, *, delay_s: float = 0) -> None:
        await self._settle("nack", lambda: self._delivery.nack(delay_s=delay_s))

    async def dead_letter(self, cause: str) -> None:
        await self._settle("dead_letter", lambda: self._delivery.dead_letter(cause))

    def _begin(self) -> Span:
        """Begin the span and make it the present one of this task. It is linked to the sender, and in its trace."""
        topic = self._subscription.topic
        about = {
            **self._bus.about_span("process", "process", topic, self._subscription),
            "messaging.message.id": self.message_id,
            "messaging.gcp_pubsub.message.delivery_attempt": self.attempt,
        }
        sender = context_of(self._delivery.message.traceparent)
        # The task that receives is in the span of the delivery before. The sender is the parent, or there is none.
        span = self._bus.tracer.begin(f"process {topic}", SpanKind.CONSUMER, about, parent=sender or ROOT, link=sender)
        span.set_present()
        return span

    async def _settle(self, name: str, settle: Callable[[], Awaitable[None]]) -> None:
        bus, subscription = self._bus, self._subscription
        span = bus.tracer.begin(
            f"{name} {subscription.name}",
            SpanKind.CLIENT,
            bus.about_span(name, "settle", subscription.topic, subscription),
            parent=self._span,
        )
        try:
            with _Measuring(bus.meters, bus.about(name, subscription.topic, subscription)), span:
                await settle()
        finally:
            self._end()

    def _end(self) -> None:
        if self._is_settled:
            return
        self._is_settled = True
        self._span.end()
        if self._job_id:
            self._bus.changes.release(self._job_id)
        about = self._bus.about("process", self._subscription.topic, self._subscription)
        self._bus.meters.add("messaging.process.duration", time.monotonic() - self._began, about)


class _Measuring:
    """Records how long its context takes, and counts it."""

    __slots__ = ("_about", "_began", "_counter", "_meters")

    def __init__(self, meters: Meters, about: Attributes, counter: str = "") -> None:
        self._meters, self._about, self._counter = meters, about, counter

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        about = self._about
        if isinstance(error, Exception):
            about = {**about, "error.type": error_type_of(error)}
        self._meters.add("messaging.client.operation.duration", time.monotonic() - self._began, about)
        if self._counter:
            self._meters.add(self._counter, 1, about)


@lru_cache(maxsize=512)
def _about(system: str, operation: str, topic: str, subscription: str, kind: str = "") -> Attributes:
    """Return the attributes of the conventions. `kind` is the type of the operation, on spans alone."""
    about = {
        "messaging.system": system,
        "messaging.operation.name": operation,
        "messaging.destination.name": topic,
        "messaging.destination.subscription.name": subscription,
        "messaging.operation.type": kind,
    }
    return MappingProxyType({key: value for key, value in about.items() if value})


def _carry(span: Span, message: Message) -> Message:
    """Return the message with the context of the span."""
    return Message(data=message.data, attributes={**message.attributes, "traceparent": traceparent_of(span)})
