"""What a dead letter carries in its attributes: why it died, and where it came from.

Two ways lead to a dead-letter topic: we publish there, with marks of our own, or Pub/Sub forwards a message after too
many deliveries, with marks of its own (https://cloud.google.com/pubsub/docs/handling-failures, "dead letter topics").
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.message import Message

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
class Death:
    """How a message died."""

    subscription: str
    topic: str | None
    """None where Pub/Sub forwarded it: it names the subscription alone."""
    deliveries: int
    cause: str


def marked(message: Message, death: Death) -> Message:
    """The message as it goes to the dead-letter topic."""
    marks = {_CAUSE: _cut(death.cause), _SUBSCRIPTION: death.subscription, _DELIVERIES: str(death.deliveries)}
    if death.topic:
        marks[_TOPIC] = death.topic
    return Message(data=message.data, attributes={**message.attributes, **marks})


def death_of(attributes: Mapping[str, str]) -> Death | None:
    """How it died; None for a message that lives."""
    if _SUBSCRIPTION in attributes:
        return Death(
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
    return Death(subscription=source, topic=None, deliveries=deliveries, cause=cause)


def alive(data: bytes, attributes: Mapping[str, str]) -> Message:
    """The message as it was before it died."""
    kept = {key: value for key, value in attributes.items() if key not in _OURS and not key.startswith(_THEIRS)}
    return Message(data=data, attributes=kept)


def obituary(data: bytes, attributes: Mapping[str, str], message_id: str) -> Message:
    """What a subscriber sees: a dead letter says its id and its cause, any other message is as it was sent.

    The id is the one that Pub/Sub gave it on the dead-letter topic: all subscriptions there see the same.
    """
    death = death_of(attributes)
    if death is None:
        return Message(data=data, attributes=dict(attributes))
    marks = {_ID: message_id, _CAUSE: death.cause}
    return Message(data=data, attributes={**alive(data, attributes).attributes, **marks})


def _cut(text: str) -> str:
    return text.encode()[:_VALUE_AT_MOST_BYTES].decode(errors="ignore")


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() else 0
