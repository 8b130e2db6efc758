"""The job records in one SQLite file.

A record is stored as JSON, beside the columns by which listings select and sort. A `JobQuery` becomes SQL that an index
answers, page by page.
"""

import logging
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from infra.cursor import Position, decode_cursor, encode_cursor, order_of
from infra.embedded.database import Database, moment, now_ms
from infra.embedded.schema import LANE, QUEUE_KEY
from infra.embedded.search import Condition, find_rows, is_searched_by_term, term_conditions
from schemas.domain.job import Job, job_of_record, record_of
from schemas.domain.states import JobState
from schemas.errors import AlreadyExists, Conflict, Invalid, NewerRecord
from schemas.ports import COUNTED_AHEAD, JobPage, JobQuery

logger = logging.getLogger(__name__)

# Listings


def milliseconds(at: datetime) -> int:
    """Return the time in milliseconds, rounded down, as the record's JSON has it."""
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


_PRICED = """(replace(replace(record, '"price_usd":0.0,', ''), '"price_usd":0.0}', '') LIKE '%"price_usd":%'
    OR instr(record, '"evaluations":'))"""
"""One of the record's clips has a price, or the job has an evaluation. A text of the caller can't look like this: JSON
escapes its quotes."""


def page_sql(query: JobQuery) -> Condition:
    """Select one job more than the page holds, to learn whether there is another page."""
    if query.due_before is not None:
        return _due(query)
    conditions = [*_common(query), *term_conditions(query), *_after(query)]
    branches = [_newest([_equals("state", state.value), *conditions]) for state in sorted(query.states)]
    branches = branches or [_newest(conditions)]
    # One branch per state, each read in order from its own index and limited.
    sql = " UNION ALL ".join(f"SELECT * FROM ({branch})" for branch, _ in branches)
    values = [value for _, branch_values in branches for value in (*branch_values, query.limit + 1)]
    return f"SELECT * FROM ({sql}) ORDER BY created_at DESC, job_id LIMIT ?", (*values, query.limit + 1)


def _due(query: JobQuery) -> Condition:
    assert query.due_before is not None
    conditions = [("next_check_at < ?", (milliseconds(query.due_before),)), *_common(query), *_after(query)]
    if query.states:
        marks = ", ".join("?" * len(query.states))
        # The plus keeps SQLite from preferring the index by state, which would read every job of that state.
        conditions.append((f"+state IN ({marks})", tuple(state.value for state in sorted(query.states))))
    sql, values = _where(conditions)
    return f"SELECT * FROM jobs {sql} ORDER BY next_check_at, job_id LIMIT ?", (*values, query.limit + 1)


def _common(query: JobQuery) -> list[Condition]:
    conditions: list[Condition] = []
    if query.project_id is not None:
        conditions.append(_equals("project_id", query.project_id))
    if query.fingerprint is not None:
        conditions.append(_equals("fingerprint", query.fingerprint))
    if query.caller is not None:
        conditions.append(_equals("caller", query.caller))
    if query.created_before is not None:
        conditions.append(("created_at < ?", (milliseconds(query.created_before),)))
    if query.priced:
        conditions.append((_PRICED, ()))
    if query.written_since is not None:
        conditions.append(("stored_at >= ?", (milliseconds(query.written_since),)))
    return conditions


def _after(query: JobQuery) -> list[Condition]:
    position = decode_cursor(query)
    if position is None:
        return []
    column, sign = ("created_at", "<") if position.order == "c" else ("next_check_at", ">")
    # The first condition repeats the second for the index: an OR alone would scan from the start.
    sql = f"{column} {sign}= ? AND ({column} {sign} ? OR job_id > ?)"
    return [(sql, (position.at_ms, position.at_ms, position.job_id))]


def _equals(column: str, value: str) -> Condition:
    return f"{column} = ?", (value,)


def _newest(conditions: list[Condition]) -> Condition:
    sql, values = _where(conditions)
    return f"SELECT * FROM jobs {sql} ORDER BY created_at DESC, job_id LIMIT ?", values


def _where(conditions: list[Condition]) -> Condition:
    if not conditions:
        return "", ()
    sql = " AND ".join(f"({condition})" for condition, _ in conditions)
    return f"WHERE {sql}", tuple(value for _, values in conditions for value in values)


# Records

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
_AHEAD = f"""
    SELECT count(*) FROM (
        SELECT 1 FROM jobs WHERE state = 'queued' AND {QUEUE_KEY} = ? AND {LANE} = ?
            AND created_at <= ? AND (created_at < ? OR job_id < ?) LIMIT ?
    )
"""
_QUEUED = f"SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state = 'queued' AND {QUEUE_KEY} = ? LIMIT ?)"


class SqliteJobs:
    """`JobStore` on the shared file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, job: Job) -> Job:
        return await self._database.write(partial(_create, job=job))

    async def create_all(self, jobs: Sequence[Job]) -> Sequence[Job]:
        return await self._database.write(lambda connection: [_create(connection, job) for job in jobs])

    async def get(self, job_id: str) -> Job | None:
        def read(connection: sqlite3.Connection) -> Job | None:
            row = rows_of(connection).execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
            return _job(row) if row else None

        return await self._database.read(read)

    async def save(self, job: Job) -> Job:
        return await self._database.write(partial(save_job, job=job))

    async def list(self, query: JobQuery) -> JobPage:
        return await self._database.read(partial(_list, query=query))

    async def ahead_of(self, job: Job) -> int | None:
        if job.state is not JobState.QUEUED:
            return None
        created_at = milliseconds(job.created_at)
        found = await self._count(
            _AHEAD, (job.queue_key, job.request.priority, created_at, created_at, job.job_id, COUNTED_AHEAD)
        )
        return found if found < COUNTED_AHEAD else None

    async def count_queued(self, key: str, *, at_most: int) -> int:
        return await self._count(_QUEUED, (key, at_most))

    async def _count(self, sql: str, values: tuple[str | int, ...]) -> int:
        return await self._database.read(lambda connection: int(connection.execute(sql, values).fetchone()[0]))


def _create(connection: sqlite3.Connection, job: Job) -> Job:
    stored_at = now_ms()
    row = (*_columns(job, stored_at), job.job_id)
    if connection.execute(_CREATE, row).rowcount == 0:
        raise AlreadyExists(f"job {job.job_id} exists already")
    return _stamp(job, 1, stored_at)


def save_job(connection: sqlite3.Connection, job: Job) -> Job:
    """A compare-and-set inside the caller's transaction. Raises `Conflict`."""
    stored_at = now_ms()
    saved = connection.execute(_SAVE, (*_columns(job, stored_at), job.job_id, job.revision)).fetchone()
    if saved is None:
        raise Conflict(f"job {job.job_id} is not at revision {job.revision or '(none)'} any more")
    return _stamp(job, saved[0], stored_at)


def _list(connection: sqlite3.Connection, query: JobQuery) -> JobPage:
    if query.limit < 1:
        raise Invalid(f"limit must be at least 1, not {query.limit}", field="limit")
    cursor, stopped_at = rows_of(connection), None
    if is_searched_by_term(cursor, query):
        rows, stopped_at = find_rows(cursor, query, _common(query), decode_cursor(query))
    else:
        rows = cursor.execute(*page_sql(query)).fetchall()
    page = rows[: query.limit]
    jobs = [job for row in page if (job := job_or_warning(row))]
    if len(rows) > len(page):
        order, last = order_of(query), page[-1]
        at_ms = last["created_at" if order == "c" else "next_check_at"]
        stopped_at = Position(order=order, at_ms=at_ms, job_id=last["job_id"])
    return JobPage(jobs=jobs, cursor=encode_cursor(stopped_at) if stopped_at else None)


def rows_of(connection: sqlite3.Connection) -> sqlite3.Cursor:
    """Return a cursor whose rows have names."""
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


def job_or_warning(row: sqlite3.Row) -> Job | None:
    """Return the job. A record of a newer version is logged and left out, so that the page can be read."""
    try:
        return _job(row)
    except NewerRecord as error:
        # The message names the job, since the command line shows nothing else of the record.
        logger.warning(str(error), extra={"action": "record_unreadable", "job_id": row["job_id"]})
        return None


def _job(row: sqlite3.Row) -> Job:
    job = job_of_record(row["job_id"], row["record"])
    return _stamp(job, row["revision"], row["stored_at"]).model_copy(update={"read_at": moment(now_ms())})


def _stamp(job: Job, revision: int, stored_at: int) -> Job:
    at = moment(stored_at)
    return job.model_copy(update={"revision": str(revision), "stored_at": at, "read_at": at})
