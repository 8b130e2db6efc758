"""The dead letters: a subscription of its own on each dead-letter topic keeps them, and nobody consumes it.

To look at it is to pull everything and to give it back. Meanwhile the letters are leased: whoever looks at the same
moment sees fewer of them. The calls block: run them in a thread.

What a dead letter carries in its attributes: why it died, and where it came from.

Two ways lead to a dead-letter topic: we publish there, with marks of our own, or Pub/Sub forwards a message after too
many deliveries, with marks of its own (https://cloud.google.com/pubsub/docs/handling-failures, "dead letter topics").
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
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
"""Of an attribute: https://cloud.google.com/pubsub/quotas, "resource limits"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterInfo:
    """How a message died."""

    subscription: str
    topic: str | None
    """None where Pub/Sub forwarded it: it names the subscription alone."""
    deliveries: int
    cause: str


def add_dead_letter_attributes(message: Message, death: DeadLetterInfo) -> Message:
    """The message as it goes to the dead-letter topic."""
    marks = {_CAUSE: _truncate(death.cause), _SUBSCRIPTION: death.subscription, _DELIVERIES: str(death.deliveries)}
    if death.topic:
        marks[_TOPIC] = death.topic
    return Message(data=message.data, attributes={**message.attributes, **marks})


def dead_letter_info(attributes: Mapping[str, str]) -> DeadLetterInfo | None:
    """How it died; None for a message that lives."""
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
    """The message as it was before it died."""
    kept = {key: value for key, value in attributes.items() if key not in _OURS and not key.startswith(_THEIRS)}
    return Message(data=data, attributes=kept)


def delivered_message(data: bytes, attributes: Mapping[str, str], message_id: str) -> Message:
    """What a subscriber sees: a dead letter says its id and its cause, any other message is as it was sent.

    The id is the one that Pub/Sub gave it on the dead-letter topic: all subscriptions there see the same.
    """
    death = dead_letter_info(attributes)
    if death is None:
        return Message(data=data, attributes=dict(attributes))
    marks = {_ID: message_id, _CAUSE: death.cause}
    return Message(data=data, attributes={**original_message(data, attributes).attributes, **marks})


def _truncate(text: str) -> str:
    return text.encode()[:_VALUE_AT_MOST_BYTES].decode(errors="ignore")


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() else 0


_AT_ONCE = 1000
_LOOK_AT_MOST = 10_000
_QUIET_S = 3.0
"""Silence for so long is taken for the end: Pub/Sub does not say how many there are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PulledDeadLetter:
    """A letter, and what it takes to remove it."""

    letter: DeadLetter
    path: str
    ack_id: str


class DeadLetterQueue:
    """What was given up, on any of the shelves that are known."""

    def __init__(self, subscriber: SubscriberClient, topic_of: Callable[[str], str | None]) -> None:
        self._subscriber = subscriber
        self._topic_of = topic_of
        self._removed: set[str] = set()

    @contextmanager
    def pull_all(self, paths: Iterable[str], *, id: str | None = None) -> Iterator[list[PulledDeadLetter]]:
        """All of them, the newest first, or only that one. Afterwards all are there again that were not removed."""
        taken: list[tuple[str, types.ReceivedMessage]] = []
        try:
            for batch in self._pull(paths):
                taken.extend(batch)  # all of it: what is left out here would stay leased
                if len(taken) >= _LOOK_AT_MOST or any(each[1].message.message_id == id for each in batch):
                    break
            wanted = [each for each in taken if id is None or each[1].message.message_id == id]
            yield [self._to_pulled(*each) for each in sorted(wanted, key=_age, reverse=True)]
        finally:
            self._give_back(taken)

    def remove(self, shelved: PulledDeadLetter) -> None:
        """It is on the shelf no more."""
        self._subscriber.acknowledge(subscription=shelved.path, ack_ids=[shelved.ack_id], timeout=ADMIN_TIMEOUT_S)
        self._removed.add(shelved.ack_id)

    def _pull(self, paths: Iterable[str]) -> Iterator[list[tuple[str, types.ReceivedMessage]]]:
        for path in paths:
            while batch := self._batch(path):
                yield [(path, received) for received in batch]

    def _batch(self, path: str) -> list[types.ReceivedMessage]:
        request = types.PullRequest(subscription=path, max_messages=_AT_ONCE)
        try:
            return list(self._subscriber.pull(request=request, timeout=_QUIET_S, retry=None).received_messages)
        except (DeadlineExceeded, NotFound):
            return []

    def _give_back(self, taken: Iterable[tuple[str, types.ReceivedMessage]]) -> None:
        by_path: dict[str, list[str]] = {}
        for path, received in taken:
            if received.ack_id in self._removed:  # one that is gone would keep its whole batch from coming back
                self._removed.discard(received.ack_id)
            else:
                by_path.setdefault(path, []).append(received.ack_id)
        for path, ids in by_path.items():
            for start in range(0, len(ids), _AT_ONCE):
                some = ids[start : start + _AT_ONCE]
                request = types.ModifyAckDeadlineRequest(subscription=path, ack_ids=some, ack_deadline_seconds=0)
                self._subscriber.modify_ack_deadline(request=request, timeout=ADMIN_TIMEOUT_S)

    def _to_pulled(self, path: str, received: types.ReceivedMessage) -> PulledDeadLetter:
        return PulledDeadLetter(letter=self._letter(received.message), path=path, ack_id=received.ack_id)

    def _letter(self, message: types.PubsubMessage) -> DeadLetter:
        death = dead_letter_info(message.attributes)
        subscription = death.subscription if death else ""
        return DeadLetter(
            id=message.message_id,
            subscription=subscription,
            topic=(death and death.topic) or self._topic_of(subscription) or "",
            message=original_message(message.data, message.attributes),
            deliveries=death.deliveries if death else 0,
            cause=death.cause if death else "",
            died_at=datetime.fromtimestamp(message.publish_time.timestamp(), UTC),
        )


def _age(taken: tuple[str, types.ReceivedMessage]) -> tuple[datetime, int]:
    message = taken[1].message
    number = int(message.message_id) if message.message_id.isdecimal() else 0
    return message.publish_time, number
