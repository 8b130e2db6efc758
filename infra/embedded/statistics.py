"""Counts and extremes from the indexes of the shared file, and the entries of its ledgers."""

import logging
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from pydantic import TypeAdapter, ValidationError

from infra.embedded.database import Database, moment, now_ms
from infra.embedded.jobs import job_or_warning, milliseconds, rows_of
from infra.worker_reports import parse_report
from schemas.domain.clip import Clip
from schemas.domain.evaluation import EvaluationCall
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.ports import Backlog, EvaluationLine, LedgerLine, LedgerPage, WorkerBeat
from schemas.wire.types import Moment

logger = logging.getLogger(__name__)

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
LEDGER_JOBS = 2000
"""The jobs of one page of a ledger. It takes about 40 ms, and other reads of the process wait for it."""
_LAST_OF_PAGE = """
    SELECT created_at FROM jobs WHERE created_at > :after {of_caller} ORDER BY created_at LIMIT 1 OFFSET :jobs - 1
"""
_LEDGER = """
    SELECT jobs.caller, jobs.project_id,
        substr(coalesce(json_extract(clip.value, '$.submitting_at'), json_extract(record, '$.created_at')), 1, 10)
            AS day,
        json_extract(clip.value, '$.planned.model', '$.planned.price_usd', '$.state', '$.cause.charged', '$.late')
            AS same,
        coalesce(json_array_length(clip.value, '$.reserved'), 0) > 0 AS reserves,
        CASE WHEN json_array_length(clip.value, '$.lost_prefixes') > 0 THEN clip.value END AS lost,
        clip.value AS clip, count(*) AS entries
    FROM jobs, json_each(CASE WHEN json_valid(record) THEN record ELSE '{{}}' END, '$.clips') AS clip
    WHERE created_at > :after AND created_at <= :last AND stored_at >= :since {of_caller}
        AND json_extract(clip.value, '$.planned.price_usd') > 0
    GROUP BY jobs.caller, jobs.project_id, day, same, reserves, lost
"""
"""Entries of a group differ in nothing that `Clip` computes its amounts from. SQLite takes `clip` from one of them:
https://www.sqlite.org/lang_select.html#bare_columns_in_an_aggregate_query"""
_CALLS = """
    SELECT call.value AS call, count(*) AS entries
    FROM jobs, json_each(CASE WHEN json_valid(record) THEN record ELSE '{{}}' END, '$.evaluations') AS call
    WHERE created_at > :after AND created_at <= :last AND stored_at >= :since {of_caller}
        AND instr(record, '"evaluations":')
    GROUP BY substr(json_extract(call.value, '$.at'), 1, 10), json_extract(call.value, '$.price_usd', '$.outcome')
"""
"""Few jobs have a call: the record of another one is not parsed for it."""
_AT_LAST = 1 << 62
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


class SqliteStatistics:
    """`Statistics` on the shared file."""

    ledger_pages_at_most: int | None = None

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ledger(
        self, *, written_since: datetime | None = None, caller: str | None = None, cursor: str | None = None
    ) -> LedgerPage:
        """Return the page of the jobs that were created after the cursor, the oldest first."""
        since = milliseconds(written_since) if written_since else 0
        of_caller = "" if caller is None else "AND jobs.caller = :caller"

        def read(connection: sqlite3.Connection) -> LedgerPage:
            named = {"after": int(cursor or -1), "caller": caller, "since": since, "jobs": LEDGER_JOBS}
            found = connection.execute(_LAST_OF_PAGE.format(of_caller=of_caller), named).fetchone()
            last = found[0] if found else _AT_LAST
            named["last"] = last
            rows = rows_of(connection).execute(_LEDGER.format(of_caller=of_caller), named)
            lines = [line for row in rows if (line := _to_line(row))]
            calls = _count_calls(rows_of(connection).execute(_CALLS.format(of_caller=of_caller), named))
            return LedgerPage(lines=lines, cursor=str(last) if found else None, calls=calls)

        return await self._database.read(read)

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


def _to_line(row: sqlite3.Row) -> LedgerLine | None:
    """Return the line. An entry of a newer version is logged and left out, as its job is from listings."""
    try:
        clip = Clip.model_validate_json(row["clip"])
    except ValidationError as error:
        _log_newer(error)
        return None
    return LedgerLine(
        caller=row["caller"],
        project_id=row["project_id"],
        day=date.fromisoformat(row["day"]),
        clip=clip,
        count=row["entries"],
    )


def _count_calls(rows: Iterable[sqlite3.Row]) -> Counter[EvaluationLine]:
    """Return how many calls each line has. A call of a newer version is logged and left out."""
    calls = Counter[EvaluationLine]()
    for row in rows:
        try:
            line = EvaluationLine.of(EvaluationCall.model_validate_json(row["call"]))
        except ValidationError as error:
            _log_newer(error)
        else:
            calls[line] += row["entries"]
    return calls


def _log_newer(error: ValidationError) -> None:
    words = "an entry of a ledger was stored by a newer version of reelbus; it is not counted"
    logger.warning(words, extra={"action": "record_unreadable", "reason": str(error)})


def _publish_time(attributes: str | None) -> datetime | None:
    try:
        return _MOMENT.validate_python(parse_report(attributes).get("ce-time"))
    except ValidationError:
        return None
