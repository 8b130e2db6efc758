"""The job records in one SQLite file: the record as JSON, and beside it the columns that listings go by."""

import logging
import sqlite3
from functools import partial
from typing import Any

from infra.cursor import Position, encode_cursor, order_of
from infra.embedded.connection import moment, now_ms
from infra.embedded.database import Database
from infra.embedded.listing import milliseconds, page_sql
from schemas.errors import AlreadyExists, Conflict, NewerRecord
from schemas.job import Job
from schemas.ports import COUNTED_AHEAD, JobPage, JobQuery
from schemas.record import job_of_record, record_of
from schemas.state import JobState

log = logging.getLogger(__name__)

_CREATE = """
    INSERT INTO jobs
        (state, project_id, fingerprint, caller, created_at, next_check_at, stored_at, record, job_id, revision)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (job_id) DO NOTHING
"""
_SAVE = """
    UPDATE jobs SET state = ?, project_id = ?, fingerprint = ?, caller = ?, created_at = ?, next_check_at = ?,
        stored_at = ?, record = ?, revision = revision + 1
    WHERE job_id = ? AND CAST(revision AS TEXT) = ? RETURNING revision
"""
_AHEAD = """
    SELECT count(*) FROM (
        SELECT 1 FROM jobs WHERE state = 'queued' AND created_at <= ? AND (created_at < ? OR job_id < ?) LIMIT ?
    )
"""


class SqliteJobs:
    """`JobStore` on the shared file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, job: Job) -> Job:
        return await self._database.write(partial(_create, job=job))

    async def get(self, job_id: str) -> Job | None:
        return await self._database.read(partial(_get, job_id=job_id))

    async def save(self, job: Job) -> Job:
        return await self._database.write(partial(save_job, job=job))

    async def list(self, query: JobQuery) -> JobPage:
        return await self._database.read(partial(_list, query=query))

    async def ahead_of(self, job: Job) -> int | None:
        if job.state is not JobState.QUEUED:
            return None
        created_at = milliseconds(job.created_at)
        values = (created_at, created_at, job.job_id, COUNTED_AHEAD)
        found = await self._database.read(lambda connection: int(connection.execute(_AHEAD, values).fetchone()[0]))
        return found if found < COUNTED_AHEAD else None


def _create(connection: sqlite3.Connection, job: Job) -> Job:
    stored_at = now_ms()
    row = (*_columns(job, stored_at), job.job_id)
    if connection.execute(_CREATE, row).rowcount == 0:
        raise AlreadyExists(f"job {job.job_id} exists already")
    return _stamped(job, 1, stored_at)


def save_job(connection: sqlite3.Connection, job: Job) -> Job:
    """A compare-and-set inside the caller's transaction. Raises `Conflict`."""
    stored_at = now_ms()
    saved = connection.execute(_SAVE, (*_columns(job, stored_at), job.job_id, job.revision)).fetchone()
    if saved is None:
        raise Conflict(f"job {job.job_id} is not at revision {job.revision or '(none)'} any more")
    return _stamped(job, saved[0], stored_at)


def _get(connection: sqlite3.Connection, job_id: str) -> Job | None:
    row = _rows(connection).execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
    return _job(row) if row else None


def _list(connection: sqlite3.Connection, query: JobQuery) -> JobPage:
    rows = _rows(connection).execute(*page_sql(query)).fetchall()
    page = rows[: query.limit]
    more = len(rows) > len(page) and page
    jobs = [job for row in page if (job := _readable(row))]
    return JobPage(jobs=jobs, cursor=encode_cursor(_position(query, page[-1])) if more else None)


def _position(query: JobQuery, row: sqlite3.Row) -> Position:
    order = order_of(query)
    return Position(order=order, at_ms=row["created_at" if order == "c" else "next_check_at"], job_id=row["job_id"])


def _rows(connection: sqlite3.Connection) -> sqlite3.Cursor:
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor


def _columns(job: Job, stored_at: int) -> tuple[Any, ...]:
    return (
        job.state.value,
        job.request.project_id,
        job.fingerprint,
        job.caller,
        milliseconds(job.created_at),
        milliseconds(job.next_check_at) if job.next_check_at else None,
        stored_at,
        record_of(job),
    )


def _readable(row: sqlite3.Row) -> Job | None:
    """A record of a newer version does not take the page with it."""
    try:
        return _job(row)
    except NewerRecord as error:
        # The id stands in the message, for the command line, which shows nothing else of it.
        log.warning(str(error), extra={"action": "record_unreadable", "job_id": row["job_id"]})
        return None


def _job(row: sqlite3.Row) -> Job:
    job = job_of_record(row["job_id"], row["record"])
    return _stamped(job, row["revision"], row["stored_at"]).model_copy(update={"read_at": moment(now_ms())})


def _stamped(job: Job, revision: int, stored_at: int) -> Job:
    at = moment(stored_at)
    return job.model_copy(update={"revision": str(revision), "stored_at": at, "read_at": at})
