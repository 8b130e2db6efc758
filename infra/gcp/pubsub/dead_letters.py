"""The attributes of dead letters, and the queue in which they are stored.

A message reaches a dead-letter topic in two ways. The bus publishes it there, with attributes of its own, or Pub/Sub
forwards it after too many deliveries, with attributes of Pub/Sub
(https://cloud.google.com/pubsub/docs/handling-failures, "dead letter topics").

A subscription on each dead-letter topic stores the dead letters; it has no consumer. To read it is to pull every
message and to nack it. Meanwhile the dead letters are leased, and a concurrent reader sees fewer. These calls block:
run them in a thread.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from google.api_core.exceptions import DeadlineExceeded, NotFound
from google.cloud.pubsub_v1 import SubscriberClient
from google.pubsub_v1 import types

from infra.gcp.pubsub.admin import ADMIN_TIMEOUT_S
from schemas.ports import DeadLetter
from schemas.wire.message import Message

_ID = "dead_letter_id"
_CAUSE = "dead_letter_cause"
_SUBSCRIPTION = "dead_letter_subscription"
_TOPIC = "dead_letter_topic"
_DELIVERIES = "dead_letter_deliveries"
_OURS = frozenset({_ID, _CAUSE, _SUBSCRIPTION, _TOPIC, _DELIVERIES})
_THEIRS = "CloudPubSubDeadLetterSource"
_VALUE_AT_MOST_BYTES = 1024
"""The limit of an attribute: https://cloud.google.com/pubsub/quotas, "resource limits"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterInfo:
    """Why a message was dead-lettered, and where it came from."""

    subscription: str
    topic: str | None
    """None if Pub/Sub forwarded the message: it names the subscription only."""
    deliveries: int
    cause: str


def add_dead_letter_attributes(message: Message, info: DeadLetterInfo) -> Message:
    """Build the message for the dead-letter topic."""
    cause = info.cause.encode()[:_VALUE_AT_MOST_BYTES].decode(errors="ignore")
    added = {_CAUSE: cause, _SUBSCRIPTION: info.subscription, _DELIVERIES: str(info.deliveries)}
    if info.topic:
        added[_TOPIC] = info.topic
    return Message(data=message.data, attributes={**message.attributes, **added})


def dead_letter_info(attributes: Mapping[str, str]) -> DeadLetterInfo | None:
    """Return why a message was dead-lettered; None if it was not."""
    if _SUBSCRIPTION in attributes:
        return DeadLetterInfo(
            subscription=attributes[_SUBSCRIPTION],
            topic=attributes.get(_TOPIC),
            deliveries=_number(attributes.get(_DELIVERIES)),
            cause=attributes.get(_CAUSE, ""),
        )
    source = attributes.get(f"{_THEIRS}Subscription")
    if source is None:
        return None
    deliveries = _number(attributes.get(f"{_THEIRS}DeliveryCount"))
    cause = f"not acknowledged in {deliveries} deliveries"
    return DeadLetterInfo(subscription=source, topic=None, deliveries=deliveries, cause=cause)


def original_message(data: bytes, attributes: Mapping[str, str]) -> Message:
    """Return the message as it was before it was dead-lettered."""
    kept = {key: value for key, value in attributes.items() if key not in _OURS and not key.startswith(_THEIRS)}
    return Message(data=data, attributes=kept)


def subscriber_message(data: bytes, attributes: Mapping[str, str], message_id: str) -> Message:
    """Build the message that a subscriber gets: a dead letter with its id and cause, any other message as it was sent.

    The id is the one that Pub/Sub assigned on the dead-letter topic: it is the same for every subscription.
    """
    info = dead_letter_info(attributes)
    if info is None:
        return Message(data=data, attributes=dict(attributes))
    added = {_ID: message_id, _CAUSE: info.cause}
    return Message(data=data, attributes={**original_message(data, attributes).attributes, **added})


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() else 0


_BATCH_SIZE = 1000
_READ_AT_MOST = 10_000
_QUIET_S = 3.0
"""A pull without messages for so long means the end of the queue: Pub/Sub does not say how many there are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PulledDeadLetter:
    """A leased dead letter, with what is needed to remove it."""

    dead_letter: DeadLetter
    path: str
    ack_id: str


class DeadLetterQueue:
    """The dead letters of the given subscriptions."""

    def __init__(self, subscriber: SubscriberClient, topic_of: Callable[[str], str | None]) -> None:
        self._subscriber = subscriber
        self._topic_of = topic_of
        self._removed: set[str] = set()

    @contextmanager
    def pull_all(self, paths: Iterable[str], *, id: str | None = None) -> Iterator[list[PulledDeadLetter]]:
        """Lease every dead letter, the newest first, or only that one. At the exit nack those that were not removed."""
        leased: list[tuple[str, types.ReceivedMessage]] = []
        try:
            for path, batch in self._pull(paths):
                leased += [(path, received) for received in batch]  # the whole batch: the rest would stay leased
                if len(leased) >= _READ_AT_MOST or any(received.message.message_id == id for received in batch):
                    break
            wanted = [(path, received) for path, received in leased if id is None or received.message.message_id == id]
            wanted.sort(key=lambda pulled: _publish_order(pulled[1].message), reverse=True)
            yield [
                PulledDeadLetter(dead_letter=self._to_dead_letter(received.message), path=path, ack_id=received.ack_id)
                for path, received in wanted
            ]
        finally:
            self._nack(leased)

    def remove(self, pulled: PulledDeadLetter) -> None:
        """Delete a leased dead letter."""
        self._subscriber.acknowledge(subscription=pulled.path, ack_ids=[pulled.ack_id], timeout=ADMIN_TIMEOUT_S)
        self._removed.add(pulled.ack_id)

    def _pull(self, paths: Iterable[str]) -> Iterator[tuple[str, list[types.ReceivedMessage]]]:
        for path in paths:
            request = types.PullRequest(subscription=path, max_messages=_BATCH_SIZE)
            with suppress(DeadlineExceeded, NotFound):
                while batch := self._subscriber.pull(request=request, timeout=_QUIET_S, retry=None).received_messages:
                    yield path, list(batch)

    def _nack(self, leased: Iterable[tuple[str, types.ReceivedMessage]]) -> None:
        by_path: dict[str, list[str]] = {}
        for path, received in leased:
            if received.ack_id in self._removed:  # the ack id of a removed message makes its whole batch fail
                self._removed.discard(received.ack_id)
            else:
                by_path.setdefault(path, []).append(received.ack_id)
        for path, ids in by_path.items():
            for start in range(0, len(ids), _BATCH_SIZE):
                batch = ids[start : start + _BATCH_SIZE]
                request = types.ModifyAckDeadlineRequest(subscription=path, ack_ids=batch, ack_deadline_seconds=0)
                self._subscriber.modify_ack_deadline(request=request, timeout=ADMIN_TIMEOUT_S)

    def _to_dead_letter(self, message: types.PubsubMessage) -> DeadLetter:
        info = dead_letter_info(message.attributes)
        subscription = info.subscription if info else ""
        return DeadLetter(
            id=message.message_id,
            subscription=subscription,
            topic=(info and info.topic) or self._topic_of(subscription) or "",
            message=original_message(message.data, message.attributes),
            deliveries=info.deliveries if info else 0,
            cause=info.cause if info else "",
            died_at=datetime.fromtimestamp(message.publish_time.timestamp(), UTC),
        )


def _publish_order(message: types.PubsubMessage) -> tuple[datetime, int]:
    number = int(message.message_id) if message.message_id.isdecimal() else 0
    return message.publish_time, number
