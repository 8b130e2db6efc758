"""The terms of a job: in Python for Firestore, and in SQL for the triggers of the embedded file. Both are the same."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.embedded.database import now_ms
from infra.embedded.schema import MIGRATIONS, migrate
from schemas.domain.clip import Clip
from schemas.domain.job import Job, new_job, record_of
from schemas.domain.search_terms import label_term, model_term, terms_for, terms_of
from schemas.wire.caller_names import to_stored_id
from tests.unit.makers import AT, PRICE, a_plan, a_request

INSERT = """
    INSERT INTO jobs (state, project_id, fingerprint, caller, created_at, stored_at, record, job_id, revision)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)
"""


def _open() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    return connection


def row_of(job: Job, record: str | None = None) -> tuple[Any, ...]:
    about = (job.state.value, job.request.project_id, job.fingerprint, job.caller, 1, now_ms())
    return (*about, record_of(job) if record is None else record, job.job_id)


def _stored(connection: sqlite3.Connection, owner: str = "") -> set[str]:
    return {term for (term,) in connection.execute("SELECT term FROM job_terms WHERE owner = ?", (owner,))}


def _same(connection: sqlite3.Connection, job: Job) -> None:
    expected = set(terms_of(job, record_of(job)))
    assert _stored(connection) == expected
    assert _stored(connection, job.caller or "other") == (expected if job.caller else set())


@given(
    job_id=st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True),
    project_id=st.none() | st.from_regex(r"[^\s\x00-\x1f/]{1,20}", fullmatch=True),
    model=st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
    labels=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True),
        st.from_regex("[a-z0-9_-]{0,8}", fullmatch=True),
        max_size=3,
    ),
    caller=st.none() | st.sampled_from(["acme", "Ä@example.com"]),
    is_sent=st.booleans(),
)
def test_the_trigger_keeps_the_same_terms(
    job_id: str, project_id: str | None, model: str | None, labels: dict[str, str], caller: str | None, is_sent: bool
) -> None:
    request = a_request(job_id=to_stored_id(caller, job_id), project_id=project_id, model=model, labels=labels)
    job = new_job(request, AT, caller=caller)
    with closing(_open()) as connection:
        connection.execute(INSERT, row_of(job))
        _same(connection, job)
        if is_sent:
            job = job.model_copy(update={"clips": tuple(_clips(job))})
        connection.execute("UPDATE jobs SET record = ?", (record_of(job),))
        _same(connection, job)


def _clips(job: Job) -> list[Clip]:
    return [Clip(index=index, planned=planned) for index, planned in enumerate(a_plan(PRICE, model="Veo-9").clips)]


def test_an_update_that_changes_no_term_writes_none() -> None:
    job = new_job(a_request(project_id="p", labels={"a": "b"}), AT, caller="acme")
    with closing(_open()) as connection:
        connection.execute(INSERT, row_of(job))
        before = connection.total_changes
        waiting = job.model_copy(update={"waiting_for": "quota"})
        connection.execute("UPDATE jobs SET state = 'generating', record = ?", (record_of(waiting),))
        assert connection.total_changes == before + 1
        _same(connection, waiting)


@pytest.mark.parametrize("record", ["", "no JSON", "[]", "null", '{"request": 1}', '{"request": {"labels": []}}'])
def test_a_damaged_record_stops_no_write(record: str) -> None:
    job = new_job(a_request(), AT)
    with closing(_open()) as connection:
        connection.execute(INSERT, row_of(job, record))
        connection.execute("UPDATE jobs SET record = ?", (record_of(job),))
        _same(connection, job)
        connection.execute("UPDATE jobs SET record = ?", (record,))
        assert f"i:{job.job_id}" in _stored(connection)


def test_a_file_of_the_release_before_gets_its_terms_when_it_is_opened(tmp_path: Path) -> None:
    job = new_job(a_request(project_id="Spring", labels={"a": "b"}), AT, caller="acme")
    with closing(sqlite3.connect(tmp_path / "old.db", isolation_level=None)) as connection:
        for statement in (statement for statements in MIGRATIONS for statement in statements):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute(INSERT, row_of(job))
        migrate(connection)
        _same(connection, job)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),), "the old program opens it"


def test_what_a_program_of_the_release_before_writes_is_found() -> None:
    """It knows no terms: its own statements, as release 0.1.0 has them, run into the triggers."""
    job = new_job(a_request(project_id="Spring"), AT)
    create = """
        INSERT INTO jobs
            (state, project_id, fingerprint, caller, created_at, next_check_at, stored_at, record, job_id, revision)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (job_id) DO NOTHING
    """
    state, project_id, fingerprint, caller, created_at, stored_at, record, job_id = row_of(job)
    row = (state, project_id, fingerprint, caller, created_at, None, stored_at, record, job_id)
    with closing(_open()) as connection:
        connection.execute(create, row)
        connection.execute(create, row)
        _same(connection, job)


def test_words_are_compared_in_small_letters() -> None:
    assert "l:team=Ä" in {label_term("TEAM=Ä")}
    assert model_term("Veo") == "m:veo"
    assert {term[0] for term in terms_for("X")} == set("ilmpv")
