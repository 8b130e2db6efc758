"""A process's own reading of a topic by a cursor, without a lease, an ack or a commit for each message.

The follower has an ephemeral subscription like any other, so it is served by every version of a publisher. It reads the
deliveries in the order of their messages' ids, which is the order of the commits, and remembers the last one. The
process's lease renewer deletes what was read.
"""

import asyncio
import json
from collections import deque
from contextlib import suppress
from sqlite3 import Connection

from infra.embedded.database import Database
from schemas.wire.message import Message

_BATCH = 256
# The index by subscription: many messages of other topics may have higher ids than the last one read.
_READ = """
    SELECT message_id, data, attributes FROM deliveries INDEXED BY deliveries_in_turn
    JOIN messages ON messages.id = message_id
    WHERE subscription_id = (SELECT id FROM subscriptions WHERE name = ?) AND message_id > ?
    ORDER BY message_id LIMIT ?
"""
_DELETE = """
    DELETE FROM deliveries
    WHERE subscription_id = (SELECT id FROM subscriptions WHERE name = ?) AND message_id <= ?
"""


class Follower:
    """Iterates over the messages of one ephemeral subscription. Raises `Unavailable`."""

    def __init__(self, database: Database, name: str, *, poll_interval_s: float) -> None:
        self._database = database
        self._name = name
        self._poll_interval_s = poll_interval_s
        self._nudged = asyncio.Event()
        self._ready: deque[Message] = deque()
        self._last_id = 0

    def nudge(self) -> None:
        """Read again at once: there may be new messages."""
        self._nudged.set()

    def __aiter__(self) -> "Follower":
        return self

    async def __anext__(self) -> Message:
        while not self._ready:
            self._nudged.clear()
            self._ready.extend(await self._database.read(self._read))
            if not self._ready:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_interval_s):
                        await self._nudged.wait()
        return self._ready.popleft()

    def delete_read(self, connection: Connection) -> None:
        """Delete the deliveries that were read. Called from the renewer's thread."""
        connection.execute(_DELETE, (self._name, self._last_id))

    def _read(self, connection: Connection) -> list[Message]:
        rows = connection.execute(_READ, (self._name, self._last_id, _BATCH)).fetchall()
        if rows:
            self._last_id = rows[-1][0]
        return [Message(data=data, attributes=json.loads(attributes)) for _, data, attributes in rows]
