"""Counts and extremes from the indexes of the shared file."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from infra.embedded.database import Database, moment, now_ms
from infra.embedded.jobs import job_or_warning, rows_of
from infra.worker_reports import parse_report
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.ports import Backlog, WorkerBeat
from schemas.wire.types import Moment

_COUNT = "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state = ? LIMIT ?)"
_OLDEST = "SELECT * FROM jobs WHERE state = ? ORDER BY created_at, job_id DESC LIMIT ?"
"""The index by state, read from its end."""
_BEATS = """
    SELECT worker_beats.owner, at, report FROM worker_beats
    LEFT JOIN worker_reports ON worker_reports.slot = worker_beats.slot AND worker_reports.owner = worker_beats.owner
    ORDER BY at DESC
"""
_BACKLOG = """
    SELECT waiting.messages, attributes FROM
        (SELECT count(*) AS messages, min(message_id) AS oldest FROM deliveries
         WHERE subscription_id = (SELECT id FROM subscriptions WHERE name = ?)) AS waiting
    LEFT JOIN messages ON messages.id = waiting.oldest
"""
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


class SqliteStatistics:
    """`Statistics` on the shared file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, state: JobState, *, at_most: int) -> int:
        def read(connection: sqlite3.Connection) -> int:
            return int(connection.execute(_COUNT, (state.value, at_most)).fetchone()[0])

        return await self._database.read(read)

    async def oldest(self, state: JobState, *, limit: int) -> Sequence[Job]:
        def read(connection: sqlite3.Connection) -> list[Job]:
            rows = rows_of(connection).execute(_OLDEST, (state.value, limit))
            return [job for row in rows if (job := job_or_warning(row))]

        return await self._database.read(read)

    async def beats(self) -> Sequence[WorkerBeat]:
        def read(connection: sqlite3.Connection) -> list[WorkerBeat]:
            read_at = moment(now_ms())
            return [
                WorkerBeat(owner=owner, at=moment(at), read_at=read_at, report=parse_report(report))
                for owner, at, report in connection.execute(_BEATS)
            ]

        return await self._database.read(read)

    async def backlog(self, subscription: str) -> Backlog | None:
        def read(connection: sqlite3.Connection) -> Backlog | None:
            known = connection.execute("SELECT 1 FROM subscriptions WHERE name = ?", (subscription,)).fetchone()
            messages, attributes = connection.execute(_BACKLOG, (subscription,)).fetchone()
            return Backlog(messages=messages, oldest_at=_publish_time(attributes)) if known else None

        return await self._database.read(read)


def _publish_time(attributes: str | None) -> datetime | None:
    try:
        return _MOMENT.validate_python(parse_report(attributes).get("ce-time"))
    except ValidationError:
        return None
