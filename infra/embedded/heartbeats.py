"""The workers' heartbeats in the file that holds the jobs."""

import sqlite3
import zlib

from infra.embedded.database import Database, moment, now_ms
from schemas.ports import LastBeat

_SLOTS = 64
"""Each process is a new owner: a row for each owner would make a row for every start of a worker."""
_BEAT = """
    INSERT INTO worker_beats (slot, owner, at) VALUES (?, ?, ?)
    ON CONFLICT (slot) DO UPDATE SET owner = excluded.owner, at = excluded.at
"""
_REPORT = """
    INSERT INTO worker_reports (slot, owner, report) VALUES (?, ?, ?)
    ON CONFLICT (slot) DO UPDATE SET owner = excluded.owner, report = excluded.report
"""
"""In a table of its own: the release before writes the other one."""


class SqliteHeartbeats:
    """`Heartbeats` on the shared file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, owner: str, report: str = "") -> None:
        slot = zlib.crc32(owner.encode()) % _SLOTS

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_BEAT, (slot, owner, now_ms()))
            connection.execute(_REPORT, (slot, owner, report))

        await self._database.write(write, flush=False)

    async def last_beat(self) -> LastBeat | None:
        def read(connection: sqlite3.Connection) -> LastBeat | None:
            row = connection.execute("SELECT owner, at FROM worker_beats ORDER BY at DESC LIMIT 1").fetchone()
            return LastBeat(owner=row[0], at=moment(row[1]), read_at=moment(now_ms())) if row else None

        return await self._database.read(read)
