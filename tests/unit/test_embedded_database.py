"""The shared SQLite file: group commits, errors in our own words, an event loop that never waits."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from infra.embedded import bus_sql
from infra.embedded import database as connection_module
from infra.embedded.bus_sql import LeasedMessage
from infra.embedded.database import GROUP_AT_MOST, Database
from infra.embedded.films import SqliteFilms
from infra.embedded.heartbeats import SqliteHeartbeats
from infra.embedded.notify import Notifier
from infra.embedded.schema import MIGRATIONS
from infra.embedded.subscription import Leases
from schemas.domain.film import Film, SceneJob, record_of
from schemas.errors import Conflict, Invalid, Unavailable
from schemas.ports import WORKERS, FilmQuery
from schemas.wire.film import FilmRequest
from schemas.wire.message import Message


def note(connection: sqlite3.Connection, text: str) -> str:
    connection.execute("INSERT INTO notes VALUES (?)", (text,))
    return text


def make_notes(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE notes (text TEXT NOT NULL)")


def note_and_fail(connection: sqlite3.Connection, text: str) -> None:
    note(connection, text)
    raise Conflict(text)


def all_notes(connection: sqlite3.Connection) -> set[str]:
    return {text for (text,) in connection.execute("SELECT text FROM notes")}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "folder" / "test.db")
    await database.write(make_notes)
    yield database
    await database.aclose()


async def test_a_failing_operation_undoes_only_itself(database: Database) -> None:
    operations = [partial(note_and_fail if index % 3 == 0 else note, text=str(index)) for index in range(30)]
    results = await asyncio.gather(*(database.write(each) for each in operations), return_exceptions=True)
    failed = {str(index) for index in range(0, 30, 3)}
    assert {str(result) for result in results if isinstance(result, Conflict)} == failed
    assert await database.read(all_notes) == {str(index) for index in range(30)} - failed


async def test_a_programming_error_comes_out_at_its_caller(database: Database) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        note(connection, "broken")
        raise ZeroDivisionError

    good, bad = await asyncio.gather(
        database.write(partial(note, text="good")), database.write(broken), return_exceptions=True
    )
    assert good == "good"
    assert isinstance(bad, ZeroDivisionError)
    assert await database.read(all_notes) == {"good"}


async def test_what_waits_together_is_committed_together(database: Database) -> None:
    commits: list[str] = []
    database._writer.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    count = GROUP_AT_MOST * 2
    await asyncio.gather(*(database.write(partial(note, text=str(index))) for index in range(count)))
    assert 2 <= len(commits) <= 4
    assert len(await database.read(all_notes)) == count


async def test_a_caller_that_gave_up_harms_nobody(database: Database) -> None:
    tasks = [asyncio.create_task(database.write(partial(note, text=str(index)))) for index in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.wait(tasks)
    assert [task.result() for task in tasks[1::2]] == [str(index) for index in range(1, 20, 2)]


async def test_a_full_disk_is_unavailable_and_leaves_no_trace(database: Database) -> None:
    (pages,) = database._writer.execute("PRAGMA page_count").fetchone()
    database._writer.execute(f"PRAGMA max_page_count = {pages + 1}")
    operations = [partial(note, text=letter * 3000) for letter in "abcdefgh"]
    results = await asyncio.gather(*(database.write(each) for each in operations), return_exceptions=True)
    assert any(isinstance(result, Unavailable) for result in results)
    stored = {result for result in results if isinstance(result, str)}
    assert await database.read(all_notes) == stored
    database._writer.execute("PRAGMA max_page_count = 1000000")
    assert await database.write(partial(note, text="room again")) == "room again"


async def test_a_file_locked_for_too_long_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "BUSY_TIMEOUT_S", 0.1)
    database = await Database.open(tmp_path / "test.db")
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            await database.write(lambda connection: None)
        assert await database.read(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)
        other.execute("ROLLBACK")
    await database.write(lambda connection: None)
    await database.aclose()


async def test_the_loop_runs_on_while_the_file_is_locked(database: Database) -> None:
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(database.write(partial(note, text="patient")))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        other.execute("ROLLBACK")
        assert await waiting == "patient"


async def test_a_thread_can_write_without_the_loop(database: Database) -> None:
    assert await asyncio.to_thread(database.write_blocking, partial(note, text="thread")) == "thread"
    with pytest.raises(Conflict):
        await asyncio.to_thread(database.write_blocking, partial(note_and_fail, text="undone"))
    assert await database.read(all_notes) == {"thread"}


async def test_closing_finishes_what_was_begun(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "test.db")
    await database.write(make_notes)
    writing = [asyncio.create_task(database.write(partial(note, text=str(index)))) for index in range(600)]
    await asyncio.sleep(0)
    await database.aclose()
    assert len(await asyncio.gather(*writing)) == 600
    with pytest.raises(Unavailable):
        await database.write(partial(note, text="late"))
    with pytest.raises(Unavailable):
        await database.read(all_notes)


async def test_a_file_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "test.db")) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(Invalid, match="newer"):
        await Database.open(tmp_path / "test.db")


async def test_what_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "test.db").write_bytes(b"this is a letter to my grandmother" * 100)
    with pytest.raises(Unavailable):
        await Database.open(tmp_path / "test.db")
    with pytest.raises(Unavailable):
        await Database.open(tmp_path / "test.db" / "below-a-file.db")


NOT_FLUSHED, FLUSHED = 1, 2
"""How SQLite numbers `PRAGMA synchronous = NORMAL` and `FULL`."""


def last_commit(database: Database) -> int:
    assert database._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    (number,) = database._writer.execute("PRAGMA synchronous").fetchone()
    return int(number)


async def test_a_commit_is_flushed_unless_all_of_its_operations_do_without(database: Database) -> None:
    assert last_commit(database) == FLUSHED
    await asyncio.gather(*(database.write(partial(note, text=str(index)), flush=False) for index in range(3)))
    assert last_commit(database) == NOT_FLUSHED
    await asyncio.gather(*(database.write(partial(note, text=str(index)), flush=index == 7) for index in range(5, 9)))
    assert last_commit(database) == FLUSHED, "5 was committed alone, 6 to 8 together"
    await asyncio.to_thread(database.write_blocking, partial(note, text="thread"), flush=False)
    assert last_commit(database) == NOT_FLUSHED
    await asyncio.to_thread(database.write_blocking, partial(note, text="another"))
    assert last_commit(database) == FLUSHED
    with pytest.raises(Conflict):
        await database.write(partial(note_and_fail, text="undone"), flush=False)
    assert last_commit(database) == NOT_FLUSHED, "an operation that fails chooses as well"
    await database.write(partial(note, text="last"))
    assert last_commit(database) == FLUSHED


async def test_only_leases_acks_and_heartbeats_are_not_flushed(database: Database) -> None:
    leases = Leases(database, Notifier(database.path.parent / "wake"), ack_deadline_s=60).of(WORKERS)
    await database.write(partial(bus_sql.ensure, subscriptions=[WORKERS], ephemeral_for_ms=0))
    settlements: dict[Callable[[LeasedMessage], Awaitable[None]], int] = {
        leases.ack: NOT_FLUSHED,
        partial(leases.nack, delay_s=0): FLUSHED,
        partial(leases.dead_letter, cause="unreadable"): FLUSHED,
    }
    for settle, expected in settlements.items():
        await database.write(partial(bus_sql.publish, topic=WORKERS.topic, message=Message(data=b"{}", attributes={})))
        assert last_commit(database) == FLUSHED
        (held,) = (await leases.lease(1)).messages
        assert last_commit(database) == NOT_FLUSHED
        await settle(held)
        assert last_commit(database) == expected
        await database.write(lambda connection: connection.execute("DELETE FROM deliveries"))
    await SqliteHeartbeats(database).beat("worker")
    assert last_commit(database) == NOT_FLUSHED


async def test_a_file_of_the_release_before_gets_what_lies_beside_the_versions(tmp_path: Path) -> None:
    """Its version stays: a program of the release before opens it after this one."""
    path = tmp_path / "test.db"
    await (await Database.open(path)).aclose()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE worker_beats")
    await (await Database.open(path)).aclose()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM worker_beats").fetchone() == (0,)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


async def test_the_log_of_a_small_disk_stays_small(tmp_path: Path) -> None:
    """What it takes beyond need is room that it lacks to be written back once the disk is full."""
    database = await Database.open(tmp_path / "reelbus.db")
    try:
        await database.write(lambda connection: connection.execute("CREATE TABLE t (x)"))
        for _ in range(60):
            await database.write(lambda connection: connection.execute("INSERT INTO t VALUES (zeroblob(60000))"))
        assert (tmp_path / "reelbus.db-wal").stat().st_size < 1_500_000
    finally:
        await database.aclose()


async def test_a_file_whose_films_have_no_columns_for_listing_gets_them(tmp_path: Path) -> None:
    """Such files were made before any release had films."""
    path = tmp_path / "test.db"
    now = datetime(2026, 11, 30, 12, 0, 0, 250_000, tzinfo=UTC)
    scenes = [{"name": "one", "prompt": "a harbour"}]
    request = FilmRequest.model_validate({"film_id": "ad", "project_id": "p7", "scenes": scenes})
    scene = SceneJob(name="one", job_id="ad-1", seconds=5, price_usd=Decimal("0.5"))
    film = Film(
        film_id="ad", caller="acme", request=request, scenes=(scene,), created_at=now, changed_at=now, state="held"
    )
    with closing(sqlite3.connect(path)) as older, older:
        older.execute(
            "CREATE TABLE films (film_id TEXT PRIMARY KEY, state TEXT NOT NULL, next_check_at INTEGER,"
            " revision INTEGER NOT NULL, record TEXT NOT NULL)"
        )
        older.execute("INSERT INTO films VALUES (?, ?, NULL, 1, ?)", (film.film_id, film.state, record_of(film)))
    database = await Database.open(path)
    try:
        films = SqliteFilms(database)
        [found] = (await films.list(FilmQuery(project_id="p7", caller="acme"))).films
        assert found == film.model_copy(update={"stored_revision": "1"})
        expected = await database.read(lambda connection: connection.execute(_LISTED).fetchall())
        await films.save(found)
        assert await database.read(lambda connection: connection.execute(_LISTED).fetchall()) == expected
    finally:
        await database.aclose()


_LISTED = "SELECT project_id, caller, created_at, retention_start FROM films"
