"""The parked jobs in the file that holds the jobs."""

import json
import sqlite3
from collections.abc import Collection, Sequence

from infra.embedded.database import Database
from schemas.ports import ParkedJob
from schemas.wire.types import Priority

# A tag counts the rounds of a lane, with one job of each key in each round (start-time fair queueing). A new row's tag
# is one more than the last of its key, but at least that of the present round, which is the lowest that is stored.
_PARK = """
    INSERT INTO parked_jobs (job_id, priority, key, tag) VALUES (:job_id, :priority, :key, max(
        coalesce((SELECT min(tag) FROM parked_jobs WHERE priority = :priority), 0),
        coalesce((SELECT max(tag) FROM parked_jobs WHERE priority = :priority AND key = :key) + 1, 0)
    ))
    ON CONFLICT (job_id) DO UPDATE SET version = version + 1
"""
_NEXT = """
    SELECT job_id, key, id || '.' || version FROM parked_jobs
    WHERE priority = ? AND key NOT IN (SELECT value FROM json_each(?)) ORDER BY tag, id LIMIT ?
"""


class SqliteParkedJobs:
    """`ParkedJobs` on the shared file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def park(self, job_id: str, *, key: str, priority: Priority) -> None:
        row = {"job_id": job_id, "priority": priority, "key": key}
        # Not flushed: the record is saved next, in the same file, by a flushed commit, before the message is acked.
        await self._database.write(lambda connection: connection.execute(_PARK, row), flush=False)

    async def next(self, priority: Priority, *, limit: int, without: Collection[str] = ()) -> Sequence[ParkedJob]:
        def read(connection: sqlite3.Connection) -> list[ParkedJob]:
            rows = connection.execute(_NEXT, (priority, json.dumps(list(without)), limit))
            return [ParkedJob(job_id=job_id, key=key, version=version) for job_id, key, version in rows]

        return await self._database.read(read)

    async def remove(self, job_id: str, *, version: str | None = None) -> None:
        unchanged = "DELETE FROM parked_jobs WHERE job_id = ? AND (? IS NULL OR id || '.' || version = ?)"
        row = (job_id, version, version)
        # Not flushed: a row that comes back makes one message more.
        await self._database.write(lambda connection: connection.execute(unchanged, row), flush=False)

    async def holds(self, job_id: str) -> bool:
        def read(connection: sqlite3.Connection) -> bool:
            found = connection.execute("SELECT 1 FROM parked_jobs WHERE job_id = ?", (job_id,)).fetchone()
            return found is not None

        return await self._database.read(read)
