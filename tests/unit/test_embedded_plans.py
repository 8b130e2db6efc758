"""Every statement of bus and job store is answered by an index: a million rows must not slow them down."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from infra.embedded.bus import SqliteBus
from infra.embedded.database import Database
from infra.embedded.jobs import SqliteJobs
from infra.embedded.statistics import SqliteStatistics
from schemas.domain.job import new_job
from schemas.domain.search_terms import terms_for
from schemas.domain.states import JobState
from schemas.ports import JobQuery, Subscription
from schemas.wire.message import Message
from schemas.wire.request import VideoRequest

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "test.db")
    yield database
    await database.aclose()


def traced(connection: sqlite3.Connection) -> set[str]:
    """What it executes from here on."""
    statements: set[str] = set()
    connection.set_trace_callback(statements.add)
    return statements


def scans(connection: sqlite3.Connection, statements: set[str]) -> list[str]:
    """Where a statement reads or sorts a whole table that grows with the work."""
    connection.set_trace_callback(None)
    found = []
    for sql in statements:
        if sql.startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "\n")):
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
            found += [f"{step}: {sql}" for step in plan if _is_slow(step)]
    return found


def _is_slow(step: str) -> bool:
    reads_all = step.startswith("SCAN") and step.split()[1] in {"messages", "deliveries", "jobs", "job_terms"}
    in_order = "USING INDEX" in step or "USING COVERING INDEX" in step  # and cut short by the limit
    return (reads_all and not in_order) or "AUTOMATIC" in step


async def test_the_bus_scans_nothing(database: Database) -> None:
    statements = traced(database._writer)
    bus = SqliteBus(database, ack_deadline_s=60)
    own = Subscription(name="own", topic="topic", ephemeral=True)
    dying = Subscription(name="dying", topic="topic", dead_letter_topic="dead", max_deliveries=1)
    async with bus.subscribe(own, limit=1) as flow, bus.subscribe(dying, limit=1) as doomed:
        for _ in range(3):
            await bus.publish("topic", Message(data=b"x"))
        await (await anext(flow)).nack()
        await (await anext(flow)).ack()
        await (await anext(doomed)).nack()
        await bus.replay_dead_letter("1")
        await (await anext(doomed)).dead_letter("test")
        await database.write(bus._renew)
    await bus.aclose()
    assert len(statements) > 20
    assert scans(database._writer, statements) == []


async def test_the_job_store_scans_nothing(database: Database) -> None:
    jobs = SqliteJobs(database)
    job = await jobs.create(new_job(VideoRequest(job_id="j1", prompt="a slow pan over a desk"), NOON))
    statements = traced(database._reader)
    await jobs.ahead_of(job)
    await jobs.count_queued("acme", at_most=10)
    await jobs.get("j1")
    every_states = (frozenset[JobState](), frozenset({JobState.QUEUED}), frozenset(JobState))
    for states, project_id, fingerprint, due in product(every_states, (None, "p"), (None, "f"), (None, NOON)):
        query = JobQuery(states=states, project_id=project_id, fingerprint=fingerprint, due_before=due)
        await jobs.list(query)
    for states, project_id, fingerprint in product(every_states, (None, "p"), (None, "f")):
        await jobs.list(JobQuery(states=states, project_id=project_id, fingerprint=fingerprint, caller="c"))
    await jobs.list(JobQuery(created_before=NOON + timedelta(days=1)))
    for states, model, terms in product(every_states, (None, "m"), (frozenset[str](), terms_for("word"))):
        for caller, project_id in product((None, "c"), (None, "p")):
            await jobs.list(JobQuery(states=states, model=model, terms=terms, caller=caller, project_id=project_id))
    statistics = SqliteStatistics(database)
    await statistics.count(JobState.QUEUED, at_most=10)
    await statistics.oldest(JobState.QUEUED, limit=10)
    for caller in (None, "c"):
        await statistics.ledger(caller=caller)
    assert len(statements) >= 80
    assert scans(database._reader, statements) == []


async def test_a_position_is_counted_in_the_queue_of_its_lane_and_key(database: Database) -> None:
    jobs = SqliteJobs(database)
    job = await jobs.create(new_job(VideoRequest(job_id="j1", prompt="a slow pan over a desk"), NOON))
    statements = traced(database._reader)
    await jobs.ahead_of(job)
    await jobs.count_queued("acme", at_most=10)
    database._reader.set_trace_callback(None)
    plans = [[row[3] for row in database._reader.execute(f"EXPLAIN QUERY PLAN {sql}")] for sql in statements]
    searches = [step for plan in plans for step in plan if step.startswith("SEARCH jobs")]
    assert sorted(step.partition("INDEX ")[2] for step in searches) == [
        "jobs_in_turn (<expr>=? AND <expr>=? AND created_at<?)",
        "jobs_in_turn (<expr>=?)",
    ]


@pytest.mark.parametrize("states", [frozenset[JobState](), frozenset({JobState.QUEUED}), frozenset(JobState)])
@pytest.mark.parametrize("other", ["project_id", "fingerprint"])
async def test_a_listing_of_a_caller_reads_no_job_of_others(
    database: Database, states: frozenset[JobState], other: str
) -> None:
    """Nor its own that don't fit: the index is searched by both at once."""
    statements = traced(database._reader)
    await SqliteJobs(database).list(JobQuery(states=states, caller="c", **{other: "x"}))  # type: ignore[arg-type]
    database._reader.set_trace_callback(None)
    (sql,) = statements
    plan = [row[3] for row in database._reader.execute(f"EXPLAIN QUERY PLAN {sql}")]
    searches = [step for step in plan if step.startswith("SEARCH jobs")]
    assert len(searches) == max(1, len(states))
    assert all(f"(caller=? AND {other}=?" in step for step in searches), plan
