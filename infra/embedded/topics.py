"""SQL for topics and who subscribes to them. Each function runs inside one write transaction."""

import json
import sqlite3
from collections.abc import Iterable

from infra.embedded.connection import now_ms
from schemas.errors import Invalid
from schemas.message import Message
from schemas.ports import Subscription

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
    """One copy of the message, and one delivery for each subscription. Nobody subscribed: nothing is kept."""
    attributes = json.dumps(dict(message.attributes))
    insert = "INSERT INTO messages (data, attributes) VALUES (?, ?)"
    message_id = connection.execute(insert, (message.data, attributes)).lastrowid
    now = now_ms()
    if connection.execute(_FAN_OUT, (message_id, now, topic, now)).rowcount == 0:
        connection.execute("DELETE FROM messages WHERE id = ?", (message_id,))


def ensure(connection: sqlite3.Connection, subscriptions: Iterable[Subscription], ephemeral_for_ms: int) -> None:
    """They exist from here on; an ephemeral one for so long, unless this is called again."""
    for subscription in subscriptions:
        _check_topic(connection, subscription)
        expires_at = now_ms() + ephemeral_for_ms if subscription.ephemeral else None
        dead_letter_topic = None if subscription.ephemeral else subscription.dead_letter_topic
        row = (subscription.name, subscription.topic, dead_letter_topic, subscription.max_deliveries, expires_at)
        connection.execute(_ENSURE, row)


def drop(connection: sqlite3.Connection, name: str) -> None:
    """Nothing more reaches it. `sweep` takes away what still lies there."""
    connection.execute("UPDATE subscriptions SET expires_at = 0 WHERE name = ?", (name,))


def sweep(connection: sqlite3.Connection) -> bool:
    """Remove some of what belongs to expired subscriptions, a bounded part at a time. True while there is more."""
    expired = "SELECT id FROM subscriptions WHERE expires_at <= ? LIMIT 1"
    found = connection.execute(expired, (now_ms(),)).fetchone()
    if not found:
        return False
    if connection.execute(_EMPTY_SOME, found).rowcount == 0:
        connection.execute("DELETE FROM subscriptions WHERE id = ?", found)
    return True


def _check_topic(connection: sqlite3.Connection, subscription: Subscription) -> None:
    same_name = "SELECT topic FROM subscriptions WHERE name = ?"
    found = connection.execute(same_name, (subscription.name,)).fetchone()
    if found and found[0] != subscription.topic:
        raise Invalid(f"subscription {subscription.name} is on topic {found[0]}", field="topic")
