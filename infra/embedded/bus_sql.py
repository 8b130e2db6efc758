"""The SQL of the bus: topics and subscriptions, dead letters, leases. Each function runs inside one transaction.

A lease is a token in the delivery's row. Settling and renewing select by the token alone, so a process that lost the
lease changes nothing. A leased row's `visible_at` is the end of the lease: a message of a killed process becomes
visible again by itself.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.embedded.database import moment, now_ms
from schemas.errors import Invalid, NotFound
from schemas.ports import DeadLetter, Subscription
from schemas.wire.message import Message, as_published

# Topics and subscriptions

_FAN_OUT = """
    INSERT INTO deliveries (message_id, subscription_id, visible_at)
    SELECT ?, id, ? FROM subscriptions WHERE topic = ? AND (expires_at IS NULL OR expires_at > ?)
"""
_ENSURE = """
    INSERT INTO subscriptions (name, topic, dead_letter_topic, max_deliveries, expires_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET
        dead_letter_topic = excluded.dead_letter_topic,
        max_deliveries = excluded.max_deliveries,
        expires_at = excluded.expires_at
"""
_EMPTY_SOME = """
    DELETE FROM deliveries WHERE (message_id, subscription_id) IN
        (SELECT message_id, subscription_id FROM deliveries WHERE subscription_id = ? LIMIT 1000)
"""


def publish(connection: sqlite3.Connection, topic: str, message: Message) -> None:
    """Store the message once, and one delivery for each subscription. Without a subscription nothing is stored."""
    attributes = json.dumps(dict(message.attributes))
    insert = "INSERT INTO messages (data, attributes) VALUES (?, ?)"
    message_id = connection.execute(insert, (message.data, attributes)).lastrowid
    now = now_ms()
    if connection.execute(_FAN_OUT, (message_id, now, topic, now)).rowcount == 0:
        connection.execute("DELETE FROM messages WHERE id = ?", (message_id,))


def ensure(connection: sqlite3.Connection, subscriptions: Iterable[Subscription], ephemeral_for_ms: int) -> None:
    """Create or update the subscriptions. An ephemeral one expires after this time, unless this is called again."""
    for subscription in subscriptions:
        same_name = "SELECT topic FROM subscriptions WHERE name = ?"
        found = connection.execute(same_name, (subscription.name,)).fetchone()
        if found and found[0] != subscription.topic:
            raise Invalid(f"subscription {subscription.name} is on topic {found[0]}", field="topic")
        expires_at = now_ms() + ephemeral_for_ms if subscription.ephemeral else None
        dead_letter_topic = None if subscription.ephemeral else subscription.dead_letter_topic
        row = (subscription.name, subscription.topic, dead_letter_topic, subscription.max_deliveries, expires_at)
        connection.execute(_ENSURE, row)


def has(connection: sqlite3.Connection, subscription: Subscription) -> bool:
    """Return whether this very subscription exists, so that `ensure` would change nothing."""
    row = "SELECT 1 FROM subscriptions WHERE (name, topic, max_deliveries) = (?, ?, ?) AND dead_letter_topic IS ?"
    values = (subscription.name, subscription.topic, subscription.max_deliveries, subscription.dead_letter_topic)
    return connection.execute(row, values).fetchone() is not None


def drop(connection: sqlite3.Connection, name: str) -> None:
    """Let the subscription expire now. `sweep` deletes its messages."""
    connection.execute("UPDATE subscriptions SET expires_at = 0 WHERE name = ?", (name,))


def sweep(connection: sqlite3.Connection) -> bool:
    """Delete a bounded number of messages of expired subscriptions. Return True while more remain."""
    expired = "SELECT id FROM subscriptions WHERE expires_at <= ? LIMIT 1"
    found = connection.execute(expired, (now_ms(),)).fetchone()
    if not found:
        return False
    if connection.execute(_EMPTY_SOME, found).rowcount == 0:
        connection.execute("DELETE FROM subscriptions WHERE id = ?", found)
    return True


# Dead letters

_DYING = """
    SELECT name, topic, dead_letter_topic, expires_at, data, attributes, attempts
    FROM deliveries
    JOIN messages ON messages.id = message_id
    JOIN subscriptions ON subscriptions.id = subscription_id
    WHERE message_id = ? AND subscription_id = ?
"""
_INSERT_DEAD_LETTER = """
    INSERT INTO dead_letters (subscription, topic, data, attributes, deliveries, cause, died_at)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_DEAD_LETTERS = "SELECT id, subscription, topic, data, attributes, deliveries, cause, died_at FROM dead_letters"


def move_to_dead_letters(
    connection: sqlite3.Connection, message_id: int, subscription_id: int, *, cause: str
) -> str | None:
    """Store the message as a dead letter, publish it on the dead-letter topic, and return that topic if it exists."""
    key = (message_id, subscription_id)
    name, topic, dead_letter_topic, expires_at, data, attributes, attempts = connection.execute(_DYING, key).fetchone()
    connection.execute("DELETE FROM deliveries WHERE message_id = ? AND subscription_id = ?", key)
    if expires_at is not None:
        return None  # an ephemeral subscription never dead-letters: each process has its own copy
    row = (name, topic, data, attributes, attempts, cause, now_ms())
    dead_letter_id = connection.execute(_INSERT_DEAD_LETTER, row).lastrowid
    if dead_letter_topic is None:
        return None
    marks = {"dead_letter_id": str(dead_letter_id), "dead_letter_cause": cause}
    publish(connection, dead_letter_topic, Message(data=data, attributes=json.loads(attributes) | marks))
    return str(dead_letter_topic)


def newest(connection: sqlite3.Connection, limit: int) -> list[DeadLetter]:
    """List dead letters, the newest first."""
    return [_dead_letter(row) for row in connection.execute(f"{_DEAD_LETTERS} ORDER BY id DESC LIMIT ?", (limit,))]


def find(connection: sqlite3.Connection, id: str) -> DeadLetter | None:
    """Return the dead letter with that id."""
    row = connection.execute(f"{_DEAD_LETTERS} WHERE id = ?", (_number(id),)).fetchone()
    return _dead_letter(row) if row else None


def replay(connection: sqlite3.Connection, id: str) -> str:
    """Publish a dead letter on its topic again and delete it. Return the topic. Raises `NotFound`."""
    dead_letter = take(connection, id)
    publish(connection, dead_letter.topic, as_published(dead_letter.message))
    return dead_letter.topic


def take(connection: sqlite3.Connection, id: str) -> DeadLetter:
    """Delete a dead letter and return it. Raises `NotFound`."""
    dead_letter = find(connection, id)
    if dead_letter is None:
        raise NotFound(f"there is no dead letter {id[:80]}")
    connection.execute("DELETE FROM dead_letters WHERE id = ?", (_number(id),))
    return dead_letter


def _number(id: str) -> int:
    # Refuse what was never issued: "+1", "٣", a number that SQLite can't hold.
    return int(id) if id.isascii() and id.isdecimal() and len(id) < 18 else -1


def _dead_letter(row: Sequence[Any]) -> DeadLetter:
    id, subscription, topic, data, attributes, deliveries, cause, died_at = row
    return DeadLetter(
        id=str(id),
        subscription=subscription,
        topic=topic,
        message=Message(data=data, attributes=json.loads(attributes)),
        deliveries=deliveries,
        cause=cause,
        died_at=moment(died_at),
    )


# Leases

_SUBSCRIPTION = "SELECT id, dead_letter_topic, max_deliveries FROM subscriptions WHERE name = ?"
_IN_TURN = """
    SELECT message_id, attempts FROM deliveries
    WHERE subscription_id = ? AND visible_at <= ? ORDER BY visible_at, message_id LIMIT ?
"""
_WAITING = """
    SELECT attributes FROM deliveries
    JOIN messages ON messages.id = message_id JOIN subscriptions ON subscriptions.id = subscription_id
    WHERE subscriptions.name = ?
"""
_LEASE = """
    UPDATE deliveries SET lease = ?, visible_at = ?, attempts = attempts + 1
    WHERE message_id = ? AND subscription_id = ?
"""
_NEXT = "SELECT min(visible_at) FROM deliveries WHERE subscription_id = ?"
_HELD = """
    SELECT message_id, subscription_id, attempts, dead_letter_topic, max_deliveries
    FROM deliveries JOIN subscriptions ON subscriptions.id = subscription_id WHERE lease = ?
"""
_RENEW = "UPDATE deliveries SET visible_at = ? WHERE lease IN (SELECT value FROM json_each(?))"
_RETURN = """
    UPDATE deliveries SET lease = NULL, visible_at = ?, attempts = attempts - ?
    WHERE lease IN (SELECT value FROM json_each(?))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeasedMessage:
    """A message and the lease on it."""

    lease: str
    id: str
    message: Message
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LeasedBatch:
    """The messages that one read of a subscription leased."""

    held: tuple[LeasedMessage, ...] = ()
    next_at_ms: int | None = None
    """When the next message becomes visible; None if no message waits."""
    given_up_to: str | None = None
    """The dead-letter topic, if this read gave a message up."""


def list_waiting(connection: sqlite3.Connection, *, name: str) -> list[Mapping[str, str]]:
    """Return the attributes of all messages of a subscription, leased ones included."""
    return [json.loads(attributes) for (attributes,) in connection.execute(_WAITING, (name,))]


def claim(connection: sqlite3.Connection, name: str, *, limit: int, lease_ms: int) -> LeasedBatch:
    """Lease the visible messages. One that was delivered too often becomes a dead letter instead."""
    subscription = connection.execute(_SUBSCRIPTION, (name,)).fetchone()
    if subscription is None:
        return LeasedBatch()
    id, dead_letter_topic, max_deliveries = subscription
    now = now_ms()
    rows = connection.execute(_IN_TURN, (id, now, limit)).fetchall()
    spent = [row for row in rows if dead_letter_topic is not None and row[1] >= max_deliveries]
    for message_id, attempts in spent:
        move_to_dead_letters(connection, message_id, id, cause=_gave_up_after(attempts))
    held: list[LeasedMessage] = []
    for message_id, attempts in (row for row in rows if row not in spent):
        lease = secrets.token_hex(8)
        connection.execute(_LEASE, (lease, now + lease_ms, message_id, id))
        query = "SELECT data, attributes FROM messages WHERE id = ?"
        data, attributes = connection.execute(query, (message_id,)).fetchone()
        message = Message(data=data, attributes=json.loads(attributes))
        held.append(LeasedMessage(lease=lease, id=str(message_id), message=message, attempt=attempts + 1))
    return LeasedBatch(
        held=tuple(held),
        next_at_ms=connection.execute(_NEXT, (id,)).fetchone()[0],
        given_up_to=dead_letter_topic if spent else None,
    )


def ack(connection: sqlite3.Connection, lease: str) -> None:
    """Delete the delivery."""
    connection.execute("DELETE FROM deliveries WHERE lease = ?", (lease,))


def nack(connection: sqlite3.Connection, lease: str, *, delay_ms: int) -> str | None:
    """Make the message visible after the delay, or a dead letter after its last delivery; then return that topic."""
    found = connection.execute(_HELD, (lease,)).fetchone()
    if found is None:
        return None
    message_id, subscription_id, attempts, dead_letter_topic, max_deliveries = found
    if dead_letter_topic is not None and attempts >= max_deliveries:
        return move_to_dead_letters(connection, message_id, subscription_id, cause=_gave_up_after(attempts))
    connection.execute(_RETURN, (now_ms() + delay_ms, 0, json.dumps([lease])))
    return None


def dead_letter(connection: sqlite3.Connection, lease: str, *, cause: str) -> str | None:
    """Make the message a dead letter at once. Return the dead-letter topic."""
    found = connection.execute(_HELD, (lease,)).fetchone()
    return move_to_dead_letters(connection, found[0], found[1], cause=cause) if found else None


def renew(connection: sqlite3.Connection, leases: Iterable[str], *, lease_ms: int) -> None:
    """Extend the leases. A lease that another process took over has another token."""
    connection.execute(_RENEW, (now_ms() + lease_ms, json.dumps(list(leases))))


def give_back(connection: sqlite3.Connection, leases: Iterable[str], *, counted: bool) -> None:
    """Make the messages visible at once; uncounted, as if they had never been delivered."""
    connection.execute(_RETURN, (now_ms(), 0 if counted else 1, json.dumps(list(leases))))


def _gave_up_after(deliveries: int) -> str:
    return f"not acknowledged in {deliveries} deliveries"
