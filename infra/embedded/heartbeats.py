"""Signs of life of the workers, in the file that holds the jobs."""

import sqlite3
import zlib
from functools import partial

from infra.embedded.connection import moment, now_ms
from infra.embedded.database import Database
from schemas.ports import LastBeat

_SLOTS = 64
"""Each process is a new owner: a place for each would be a place for every start there ever was."""
_BEAT = """
    INSERT INTO worker_beats (slot, owner, at) VALUES (?, ?, ?)
    ON CONFLICT (slot) DO UPDATE SET owner = excluded.owner, at = excluded.at
"""


class SqliteHeartbeats:
    """`Heartbeats` on the shared file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, owner: str) -> None:
        await self._database.write(partial(_beat, owner=owner))

    async def last_beat(self) -> LastBeat | None:
        return await self._database.read(_last_beat)


def _beat(connection: sqlite3.Connection, owner: str) -> None:
    connection.execute(_BEAT, (zlib.crc32(owner.encode()) % _SLOTS, owner, now_ms()))


def _last_beat(connection: sqlite3.Connection) -> LastBeat | None:
    row = connection.execute("SELECT owner, at FROM worker_beats ORDER BY at DESC LIMIT 1").fetchone()
    return LastBeat(owner=row[0], at=moment(row[1]), read_at=moment(now_ms())) if row else None
