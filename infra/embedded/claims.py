"""SQL for who holds which message. Each function runs inside one write transaction.

A lease is a token in the delivery's row. Settling and renewing go by the token alone, so whoever lost it changes
nothing. A leased row's `visible_at` is the end of the lease: a message of a killed process becomes visible by itself.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from infra.embedded import dead_letters
from infra.embedded.connection import now_ms
from schemas.message import Message

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
class Held:
    """A message and the lease on it."""

    lease: str
    message: Message
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What one look at a subscription gave."""

    held: tuple[Held, ...] = ()
    next_at_ms: int | None = None
    """When the next message becomes visible; None where nothing waits."""
    given_up_to: str | None = None
    """The dead-letter topic, where a message went there at this look."""


def waiting(connection: sqlite3.Connection, *, name: str) -> list[Mapping[str, str]]:
    """The attributes of all messages of a subscription, leased ones included."""
    return [json.loads(attributes) for (attributes,) in connection.execute(_WAITING, (name,))]


def claim(connection: sqlite3.Connection, name: str, *, limit: int, lease_ms: int) -> Claim:
    """Lease the messages whose turn it is. What was delivered too often goes to the dead letters instead."""
    subscription = connection.execute(_SUBSCRIPTION, (name,)).fetchone()
    if subscription is None:
        return Claim()
    id, dead_letter_topic, max_deliveries = subscription
    now = now_ms()
    rows = connection.execute(_IN_TURN, (id, now, limit)).fetchall()
    spent = [row for row in rows if dead_letter_topic is not None and row[1] >= max_deliveries]
    for message_id, attempts in spent:
        dead_letters.move_to_dead_letters(connection, message_id, id, cause=_gave_up_after(attempts))
    return Claim(
        held=tuple(_lease(connection, id, row, now + lease_ms) for row in rows if row not in spent),
        next_at_ms=connection.execute(_NEXT, (id,)).fetchone()[0],
        given_up_to=dead_letter_topic if spent else None,
    )


def _lease(connection: sqlite3.Connection, subscription_id: int, row: tuple[int, int], until_ms: int) -> Held:
    message_id, attempts = row
    lease = secrets.token_hex(8)
    connection.execute(_LEASE, (lease, until_ms, message_id, subscription_id))
    query = "SELECT data, attributes FROM messages WHERE id = ?"
    data, attributes = connection.execute(query, (message_id,)).fetchone()
    return Held(lease=lease, message=Message(data=data, attributes=json.loads(attributes)), attempt=attempts + 1)


def ack(connection: sqlite3.Connection, lease: str) -> None:
    """It is done with."""
    connection.execute("DELETE FROM deliveries WHERE lease = ?", (lease,))


def nack(connection: sqlite3.Connection, lease: str, *, delay_ms: int) -> str | None:
    """It comes again after the delay, or goes to the dead letters after its last chance. Returns their topic then."""
    found = connection.execute(_HELD, (lease,)).fetchone()
    if found is None:
        return None
    message_id, subscription_id, attempts, dead_letter_topic, max_deliveries = found
    if dead_letter_topic is not None and attempts >= max_deliveries:
        return dead_letters.move_to_dead_letters(connection, message_id, subscription_id, cause=_gave_up_after(attempts))
    connection.execute(_RETURN, (now_ms() + delay_ms, 0, json.dumps([lease])))
    return None


def dead_letter(connection: sqlite3.Connection, lease: str, *, cause: str) -> str | None:
    """To the dead letters at once. Returns their topic."""
    found = connection.execute(_HELD, (lease,)).fetchone()
    return dead_letters.move_to_dead_letters(connection, found[0], found[1], cause=cause) if found else None


def renew(connection: sqlite3.Connection, leases: Iterable[str], *, lease_ms: int) -> None:
    """Hold them for longer. A lease that somebody else took over is not among them any more."""
    connection.execute(_RENEW, (now_ms() + lease_ms, json.dumps(list(leases))))


def give_back(connection: sqlite3.Connection, leases: Iterable[str], *, counted: bool) -> None:
    """Visible again at once; uncounted, as if they had never been delivered."""
    connection.execute(_RETURN, (now_ms(), 0 if counted else 1, json.dumps(list(leases))))


def _gave_up_after(deliveries: int) -> str:
    return f"not acknowledged in {deliveries} deliveries"
