"""The terms by which jobs are found, in the file that holds the jobs: their table, its triggers, and its queries.

The triggers keep the terms, so that programs of the release before keep them as well. `schemas.domain.search_terms` has
the same rules in Python. Each term is stored for all jobs (owner '') and once more for the job's caller: a search
among one caller's jobs reads no term of another caller's, and takes no time for them.
"""

import sqlite3
from collections.abc import Iterator, Sequence

from infra.cursor import Position
from schemas.domain.search_terms import ID_BEGINNING, MARKS, model_term
from schemas.errors import Invalid
from schemas.ports import JobQuery
from schemas.wire.caller_names import DIGEST_LENGTH

_TABLE = """
    CREATE TABLE job_terms (
        owner TEXT NOT NULL,             -- a caller; '' for the jobs of all callers
        term TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        job_id TEXT NOT NULL,
        PRIMARY KEY (owner, term, created_at DESC, job_id)
    ) WITHOUT ROWID
"""
_MODEL = "coalesce(json_extract({json}, '$.clips[0].planned.model'), json_extract({json}, '$.request.model'))"
_JSON = "CASE WHEN json_valid({row}.record) THEN {row}.record ELSE '{{}}' END"


def _branches(row: str) -> Iterator[tuple[str, str, str]]:
    """Yield for each kind of term: its expression, the table that it is read from, and its condition."""
    json, dash = _JSON.format(row=row), f"substr({row}.job_id, -{DIGEST_LENGTH + 1}, 1) = '-'"
    chosen = f"substr({row}.job_id, 1, length({row}.job_id) - {DIGEST_LENGTH + 1})"
    model, labels = _MODEL.format(json=json), f"json_each({json}, '$.request.labels') AS label"
    yield f"'i:' || {row}.job_id", "", "1"
    yield f"'i:' || substr({row}.job_id, 1, {ID_BEGINNING})", "", "1"
    yield f"'i:' || {chosen}", "", f"{row}.caller IS NOT NULL AND {dash}"
    yield f"'p:' || {row}.project_id", "", f"{row}.project_id IS NOT NULL"
    yield f"'m:' || {model}", "", f"{model} IS NOT NULL"
    yield "'l:' || label.key || '=' || label.value", labels, "1"
    yield "'v:' || label.value", labels, "1"
    for mark, texts in MARKS.items():
        yield f"'{mark}'", "", " OR ".join(f"instr({row}.record, '{text}')" for text in texts)


def _selects(row: str, jobs: str) -> Iterator[str]:
    """Yield queries that give the rows of one job, or of all `jobs`, one kind of term after the other."""
    for term, table, condition in _branches(row):
        source = ", ".join(filter(None, (jobs, table)))
        start = f"FROM {source} WHERE" if source else "WHERE"
        yield f"SELECT '', lower({term}), {row}.created_at, {row}.job_id {start} ({condition})"
        yield (
            f"SELECT {row}.caller, lower({term}), {row}.created_at, {row}.job_id {start} ({condition}) "
            f"AND {row}.caller IS NOT NULL"
        )


def _inserts(row: str, jobs: str = "") -> list[str]:
    return [f"INSERT OR IGNORE INTO job_terms {select}" for select in _selects(row, jobs)]


def _changes() -> str:
    """Return the condition that an update changes a term. Most updates change none."""
    old, new = (_MODEL.format(json=_JSON.format(row=row)) for row in ("OLD", "NEW"))
    marks = [f"instr({{row}}.record, '{text}') > 0" for texts in MARKS.values() for text in texts]
    pairs = [(old, new), ("OLD.caller", "NEW.caller"), ("OLD.project_id", "NEW.project_id")]
    pairs += [("instr(OLD.record, '\"erased_at\"') > 0", "instr(NEW.record, '\"erased_at\"') > 0")]
    pairs += [(mark.format(row="OLD"), mark.format(row="NEW")) for mark in marks]
    return " OR ".join(f"({before}) IS NOT ({after})" for before, after in pairs)


def _triggers() -> Iterator[str]:
    deletes = [
        f"DELETE FROM job_terms WHERE (owner, term, created_at, job_id) IN ({select})" for select in _selects("OLD", "")
    ]
    insert, update = _inserts("NEW"), [*deletes, *_inserts("NEW")]
    yield f"CREATE TRIGGER job_terms_of_new AFTER INSERT ON jobs BEGIN {'; '.join(insert)}; END"
    yield (f"CREATE TRIGGER job_terms_of_changed AFTER UPDATE ON jobs WHEN {_changes()} BEGIN {'; '.join(update)}; END")


def add_terms(connection: sqlite3.Connection) -> None:
    """Add table and triggers, and the terms of all jobs that exist. Does nothing if the file has them."""
    known = connection.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'job_terms'").fetchone()
    if known is None:
        for statement in (_TABLE, *_inserts("jobs", "jobs"), *_triggers()):
            connection.execute(statement)


Condition = tuple[str, tuple[str | int, ...]]
"""A part of a WHERE clause, and its values."""
_SCANNED_AT_FIRST = 4
"""This multiple of a page is looked at first: a condition beside the term is mostly met by many jobs."""
_SCANNED_AT_MOST = 10_000
"""Jobs with the term that one page looks at. It takes some 50 ms, and the next page goes on from there."""
_FEW = 2_000
"""So few jobs in a state are quicker to look at than the jobs with a term, of which there may be many."""


def is_searched_by_term(cursor: sqlite3.Cursor, query: JobQuery) -> bool:
    """Return whether a page is found best from its terms. Otherwise its state is found by few jobs.

    Raises `Invalid` for conditions that are not combined.
    """
    if not query.terms and query.model is None:
        return False
    if query.fingerprint is not None or query.due_before is not None:
        raise Invalid("terms and model can't be combined with fingerprint or due_before", field="terms")
    if not query.states:
        return True
    condition, values = state_condition(query)
    sql = f"SELECT count(*) FROM (SELECT 1 FROM jobs WHERE {condition} LIMIT ?)"
    return bool(cursor.execute(sql, (*values, _FEW + 1)).fetchone()[0] > _FEW)


def state_condition(query: JobQuery) -> Condition:
    """Return the condition on the state."""
    return f"state IN ({', '.join('?' * len(query.states))})", tuple(state.value for state in sorted(query.states))


def term_conditions(query: JobQuery) -> list[Condition]:
    """Return the conditions that a row of `jobs` has one of the terms, and the model."""
    groups = [sorted(query.terms), [] if query.model is None else [model_term(query.model)]]
    return [
        (
            f"""EXISTS (SELECT 1 FROM job_terms WHERE owner = ? AND term IN ({", ".join("?" * len(terms))})
                AND job_terms.created_at = jobs.created_at AND job_terms.job_id = jobs.job_id)""",
            (query.caller or "", *terms),
        )
        for terms in groups
        if terms
    ]


def find_rows(
    cursor: sqlite3.Cursor, query: JobQuery, others: Sequence[Condition], after: Position | None
) -> tuple[list[sqlite3.Row], Position | None]:
    """Return the next rows of `jobs` that have the query's terms and model, one more than a page if there are more.

    `others` are the conditions on the other columns. The position is where the search stopped before it had looked at
    all jobs with the term; None if it has looked at all, or has found enough.
    """
    conditions = [*others, *([state_condition(query)] if query.states else []), *term_conditions(query)]
    where = " AND ".join(f"({sql})" for sql, _ in conditions)
    values = [value for _, each in conditions for value in each]
    rows: list[sqlite3.Row] = []
    for scanned in (_SCANNED_AT_FIRST * (query.limit + 1), max(_SCANNED_AT_MOST, query.limit + 1)):
        candidates, terms = _candidates(query, after, scanned)
        sql = f"""
            SELECT jobs.* FROM ({candidates}) AS found CROSS JOIN jobs ON jobs.job_id = found.id
            WHERE {where} ORDER BY found.age DESC, found.id LIMIT ?
        """
        rows = cursor.execute(sql, (*terms, *values, query.limit + 1)).fetchall()
        last = cursor.execute(f"{candidates} OFFSET ?", (*terms, scanned - 1)).fetchone()
        if len(rows) > query.limit or last is None:
            return rows, None
    return rows, Position(order="c", at_ms=last["age"], job_id=last["id"])


def _candidates(query: JobQuery, after: Position | None, limit: int) -> Condition:
    """Return the query of the newest jobs with one of the terms, or else with the model."""
    terms = sorted(query.terms) or [model_term(query.model or "")]
    position, at = "", tuple[str | int, ...]()
    if after:
        position = "AND created_at <= ? AND (created_at < ? OR job_id > ?)"
        at = (after.at_ms, after.at_ms, after.job_id)
    one = f"SELECT created_at AS age, job_id AS id FROM job_terms WHERE owner = ? AND term = ? {position}"
    branches = f"SELECT * FROM ({one} ORDER BY created_at DESC, job_id LIMIT ?)"
    sql = " UNION ".join([branches] * len(terms))
    values = [value for term in terms for value in (query.caller or "", term, *at, limit)]
    return f"SELECT * FROM ({sql}) ORDER BY age DESC, id LIMIT ?", (*values, limit)
