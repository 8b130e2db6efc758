"""The terms of jobs from before are added in portions: others write in between, and a killed process loses nothing."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.embedded import search
from infra.embedded.database import open_connections
from infra.embedded.schema import MIGRATIONS, migrate
from schemas.domain.job import Job, new_job, record_of
from schemas.domain.search_terms import terms_of
from tests.support.processes import ROOT
from tests.unit.makers import AT, a_request
from tests.unit.test_search_terms import INSERT, row_of

_FILLER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from infra.embedded import search
from infra.embedded.database import open_connections

def pause(_):
    print("pauses", flush=True)
    sys.stdin.readline()

if sys.argv[2] == "pauses":
    search.PORTION, search.time = 2, SimpleNamespace(sleep=pause)
for connection in open_connections(Path(sys.argv[1])):
    connection.close()
print("is open", flush=True)
"""


def a_job(number: int, **fields: Any) -> Job:
    given: dict[str, Any] = {"project_id": "Spring", "labels": {"n": str(number)}, **fields}
    return new_job(a_request(job_id=f"job-{number}", **given), AT, caller="acme" if number % 2 else None)


def old_file(path: Path, jobs: list[Job]) -> None:
    """A file of the release before with these jobs."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in (statement for statements in MIGRATIONS for statement in statements):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executemany(INSERT, map(row_of, jobs))


def check_terms(connection: sqlite3.Connection, jobs: list[Job]) -> None:
    found: dict[str, set[str]] = {}
    for term, job_id in connection.execute("SELECT term, job_id FROM job_terms WHERE owner = ''"):
        found.setdefault(job_id, set()).add(term)
    assert found == {job.job_id: set(terms_of(job, record_of(job))) for job in jobs}
    owned = {job_id for (job_id,) in connection.execute("SELECT DISTINCT job_id FROM job_terms WHERE owner = 'acme'")}
    assert owned == {job.job_id for job in jobs if job.caller}
    left = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'job_terms_fill'").fetchone()
    assert left == (0,)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_all_jobs_get_their_terms_whatever_the_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(search, "PORTION", 2)
    jobs = [a_job(number) for number in range(count)]
    old_file(tmp_path / "jobs.db", jobs)
    writer, reader = open_connections(tmp_path / "jobs.db")
    with closing(writer), closing(reader):
        check_terms(reader, jobs)


def test_jobs_that_change_between_two_portions_have_their_terms_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process does not wait for the lock: it is free between two portions."""
    path, jobs = tmp_path / "jobs.db", [a_job(number) for number in range(1, 6)]
    old_file(path, jobs)
    changed, earlier, later = a_job(5, project_id="Autumn"), a_job(0), a_job(9)

    def write(_: float) -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
            other.execute(
                "UPDATE jobs SET project_id = 'Autumn', record = ? WHERE job_id = 'job-5'", (record_of(changed),)
            )
            for job in (earlier, later):
                other.execute(INSERT.replace("INSERT", "INSERT OR IGNORE", 1), row_of(job))

    monkeypatch.setattr(search, "PORTION", 2)
    monkeypatch.setattr(search, "time", SimpleNamespace(sleep=write))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection)
        check_terms(connection, [*jobs[:4], changed, earlier, later])


def test_a_process_that_waits_goes_on_where_the_killed_one_ended(
    tmp_path: Path, start: Callable[[str], "subprocess.Popen[str]"]
) -> None:
    path, jobs = tmp_path / "jobs.db", [a_job(number) for number in range(7)]
    old_file(path, jobs)
    first = start("pauses")
    assert first.stdout
    assert first.stdout.readline() == "pauses\n"
    second = start("waits")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as old:
        old.execute(INSERT, row_of(later := a_job(9)))
        assert old.execute("SELECT after FROM job_terms_fill").fetchone() == ("job-1",)
        first.send_signal(signal.SIGKILL)
        assert first.wait(60) == -signal.SIGKILL
        assert second.communicate(timeout=60)[0] == "is open\n"
        assert second.returncode == 0
        assert old.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        check_terms(old, [*jobs, later])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """Starts a process that opens the file; what is left of it is killed."""
    with ExitStack() as left:

        def begin(how: str) -> "subprocess.Popen[str]":
            process = left.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _FILLER, str(tmp_path / "jobs.db"), how],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            left.callback(process.kill)
            return process

        yield begin
