"""SQL for the shelf of messages that were given up. Each function runs inside one transaction."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from infra.embedded.connection import moment, now_ms
from infra.embedded.topics import publish
from schemas.errors import NotFound
from schemas.message import Message, as_published
from schemas.ports import DeadLetter

_DYING = """
    SELECT name, topic, dead_letter_topic, expires_at, data, attributes, attempts
    FROM deliveries
    JOIN messages ON messages.id = message_id
    JOIN subscriptions ON subscriptions.id = subscription_id
    WHERE message_id = ? AND subscription_id = ?
"""
_SHELVE = """
    INSERT INTO dead_letters (subscription, topic, data, attributes, deliveries, cause, died_at)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_SHELF = "SELECT id, subscription, topic, data, attributes, deliveries, cause, died_at FROM dead_letters"


def move_to_dead_letters(connection: sqlite3.Connection, message_id: int, subscription_id: int, *, cause: str) -> str | None:
    """From its subscription to the shelf and to the dead-letter topic, which is returned where there is one."""
    key = (message_id, subscription_id)
    name, topic, dead_letter_topic, expires_at, data, attributes, attempts = connection.execute(_DYING, key).fetchone()
    connection.execute("DELETE FROM deliveries WHERE message_id = ? AND subscription_id = ?", key)
    if expires_at is not None:
        return None  # one process's own: each has a copy, and a shelf of copies helps nobody
    row = (name, topic, data, attributes, attempts, cause, now_ms())
    shelved = connection.execute(_SHELVE, row).lastrowid
    if dead_letter_topic is not None:
        marks = {"dead_letter_id": str(shelved), "dead_letter_cause": cause}
        publish(connection, dead_letter_topic, Message(data=data, attributes=json.loads(attributes) | marks))
    return str(dead_letter_topic) if dead_letter_topic is not None else None


def newest(connection: sqlite3.Connection, limit: int) -> list[DeadLetter]:
    """The newest first."""
    return [_dead_letter(row) for row in connection.execute(f"{_SHELF} ORDER BY id DESC LIMIT ?", (limit,))]


def find(connection: sqlite3.Connection, id: str) -> DeadLetter | None:
    """The one with that id."""
    row = connection.execute(f"{_SHELF} WHERE id = ?", (_number(id),)).fetchone()
    return _dead_letter(row) if row else None


def replay(connection: sqlite3.Connection, id: str) -> str:
    """From the shelf to its topic, which is returned. Raises `NotFound`."""
    letter = take(connection, id)
    publish(connection, letter.topic, as_published(letter.message))
    return letter.topic


def take(connection: sqlite3.Connection, id: str) -> DeadLetter:
    """Off the shelf. Raises `NotFound`."""
    letter = find(connection, id)
    if letter is None:
        raise NotFound(f"there is no dead letter {id[:80]}")
    connection.execute("DELETE FROM dead_letters WHERE id = ?", (_number(id),))
    return letter


def _number(id: str) -> int:
    # What we never gave out is no id: not "+1", not "٣", not a number that SQLite can't hold.
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
