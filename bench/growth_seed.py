"""Fills a store or a bus with the work of years in seconds, as if it had come through the adapter.

The record of each kind of job is made once by the kernel, and then stamped for each row with its own id, project,
caller and time.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.succeeded import succeeded
from infra.embedded.jobs import milliseconds
from schemas.domain.job import Job, new_job
from schemas.domain.states import JobState
from schemas.wire.request import VideoRequest
from schemas.wire.types import isoformat

BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
APART = timedelta(milliseconds=20)
"""A million jobs come in five and a half hours: what is listed by time is not told apart by the clock alone."""
WAITING_EVERY = 10
"""One in so many is still queued: a backlog that grows with the work."""
CALLERS, PROJECTS = 4, 20
SAMPLE = 10_000
"""About so many jobs are kept at hand to ask for: more than fit a connection's cache."""
FAR = datetime(2100, 1, 1, tzinfo=UTC)
_ID, _PRINT, _PROJECT, _CALLER = "job-" + "0" * 16, "0" * 64, "project-0000", "caller-0000"
_JOB = """
    INSERT INTO jobs
        (state, project_id, fingerprint, caller, created_at, next_check_at, stored_at, record, job_id, revision)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
"""
_MESSAGE = "INSERT INTO messages (id, data, attributes) VALUES (?, ?, '{}')"
_DELIVERY = "INSERT INTO deliveries (message_id, subscription_id, visible_at) VALUES (?, ?, ?)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Seeded:
    """One job of the seed, as a listing sees it."""

    job_id: str
    state: JobState
    created_at: datetime
    record: str
    project_id: str
    caller: str
    fingerprint: str
    next_check_at: datetime | None


def jobs(count: int) -> Iterator[Seeded]:
    """The oldest first; every tenth is queued, and the rest have succeeded."""
    waiting, done = _queued(), succeeded(_queued(), BEGAN)
    for number in range(count):
        yield _stamped(waiting if number % WAITING_EVERY == 0 else done, number)


def fill_jobs(path: Path, count: int) -> list[Seeded]:
    """Into the file, whose layout is there already; nobody else may have it open. A sample of the jobs comes back."""
    kept = []
    every = max(1, count // SAMPLE)

    def rows() -> Iterator[tuple[object, ...]]:
        for number, job in enumerate(jobs(count)):
            if number % every == 0:
                kept.append(job)
            yield _row(job)

    with closing(_quick(path)) as connection, _unindexed(connection):
        connection.executemany(_JOB, rows())
    return kept


def fill_bus(path: Path, subscription: str, count: int) -> None:
    """So many messages that wait in a subscription, which is there already."""
    data = _queued().request.model_dump_json().encode()
    with closing(_quick(path)) as connection, connection:
        (id,) = connection.execute("SELECT id FROM subscriptions WHERE name = ?", (subscription,)).fetchone()
        first = milliseconds(BEGAN)
        connection.executemany(_MESSAGE, ((number, data) for number in range(1, count + 1)))
        connection.executemany(_DELIVERY, ((number, id, first + number) for number in range(1, count + 1)))


def _quick(path: Path) -> sqlite3.Connection:
    """Nothing is durable until it is closed; the adapter opens the file afterwards in its own way."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -1000000")
    return connection


@contextmanager
def _unindexed(connection: sqlite3.Connection) -> Iterator[None]:
    """Makes the indexes of the jobs afresh afterwards: sorting once is many times quicker than a million searches."""
    indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'jobs' AND sql IS NOT NULL"
    found = connection.execute(indexes).fetchall()
    with connection:
        for name, _ in found:
            connection.execute(f"DROP INDEX {name}")
        yield
        for _, sql in found:
            connection.execute(sql)


def _row(job: Seeded) -> tuple[object, ...]:
    due = milliseconds(job.next_check_at) if job.next_check_at else None
    at = milliseconds(job.created_at)
    return (job.state.value, job.project_id, job.fingerprint, job.caller, at, due, at, job.record, job.job_id)


def _stamped(job: Job, number: int) -> Seeded:
    at = BEGAN + number * APART
    job_id, fingerprint = f"job-{secrets.token_hex(8)}", secrets.token_hex(32)
    caller, project_id = f"caller-{number % CALLERS:04}", f"project-{number % PROJECTS:04}"
    record = _RECORDS[job.state].replace(_ID, job_id).replace(_PRINT, fingerprint).replace(_CALLER, caller)
    record = record.replace(_PROJECT, project_id).replace(isoformat(BEGAN), isoformat(at))
    return Seeded(
        job_id=job_id,
        state=job.state,
        created_at=at,
        record=record,
        project_id=project_id,
        caller=caller,
        fingerprint=fingerprint,
        next_check_at=job.next_check_at,
    )


def _queued() -> Job:
    request = VideoRequest(job_id=_ID, prompt="Fishing boats leave the harbour at dawn", project_id=_PROJECT)
    job = new_job(request, BEGAN, caller=_CALLER)
    return job.model_copy(update={"fingerprint": _PRINT, "next_check_at": FAR})


_RECORDS = {job.state: job.model_dump_json() for job in (_queued(), succeeded(_queued(), BEGAN))}
