"""The terms by which jobs are found, in the file that holds the jobs: their table, its triggers, and its queries.

The triggers keep the terms, so that programs of the release before keep them as well. `schemas.domain.search_terms` has
the same rules in Python. Each term is stored for all jobs (owner '') and once more for the job's caller: a search
among one caller's jobs reads no term of another caller's, and takes no time for them.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
_ALL = "''"
"""The owner of the terms of all jobs."""
_RECORD = "CASE WHEN json_valid({row}.record) THEN {row}.record ELSE '{{}}' END"
_MODEL = "coalesce(json_extract({json}, '$.clips[0].planned.model'), json_extract({json}, '$.request.model'))"
_TEXTS = [text for texts in MARKS.values() for text in texts]
_COPY = f"""
    CREATE TEMP TABLE job_words AS SELECT job_id, caller, project_id, created_at,
        {_MODEL.format(json=_RECORD.format(row="jobs"))} AS model,
        json_extract({_RECORD.format(row="jobs")}, '$.request.labels', '$.request.job_id') AS labels,
        {" || ".join(f"CASE WHEN instr(record, '{text}') THEN '{text}' ELSE '' END" for text in _TEXTS)} AS marks
    FROM jobs WHERE job_id > ? ORDER BY job_id LIMIT ?
"""
"""What the terms of the next jobs are made from. The records are large, and are read once. Two paths give an array,
which is valid JSON whatever the labels are."""
_FILL = "job_terms_fill"
"""A table that exists until the jobs from before have their terms; its row has the last job that was filled in."""
PORTION = 5_000
"""Jobs in one transaction of the fill: some 0.2 s of CPU. Other processes wait for a write 10 s at most."""
PAUSE_S = 0.11
"""Between two portions. SQLite looks for a free lock every 100 ms, so that each waiting process gets it before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """A row whose terms are selected, and the expressions for what its record has."""

    name: str
    model: str
    labels: str
    """The call of `json_each` for its labels."""
    marks: str
    """A text with the marks of its record."""
    source: str = ""
    """The table of the rows; empty for the row of a trigger."""

    def select_terms(self, owner: str) -> str:
        """Return a query of the rows of `job_terms` for this owner."""
        dash = f"substr({self.name}.job_id, -{DIGEST_LENGTH + 1}, 1) = '-'"
        chosen = f"substr({self.name}.job_id, 1, length({self.name}.job_id) - {DIGEST_LENGTH + 1})"
        marks = {mark: " OR ".join(f"instr({self.marks}, '{text}')" for text in texts) for mark, texts in MARKS.items()}
        parts = [
            (f"'i:' || {self.name}.job_id", "", "1"),
            (
                f"'i:' || substr({self.name}.job_id, 1, {ID_BEGINNING})",
                "",
                f"length({self.name}.job_id) > {ID_BEGINNING}",
            ),
            (f"'i:' || {chosen}", "", f"{self.name}.caller IS NOT NULL AND {dash}"),
            (f"'p:' || {self.name}.project_id", "", "1"),
            (f"'m:' || {self.model}", "", "1"),
            ("'l:' || label.key || '=' || label.value", self.labels, "label.key IS NOT NULL"),
            ("'v:' || label.value", self.labels, "label.key IS NOT NULL"),
            *((f"'{mark}'", "", condition) for mark, condition in marks.items()),
        ]
        selects = []
        for term, table, condition in parts:
            tables = ", ".join(filter(None, (self.source, table)))
            start = f"FROM {tables} " if tables else ""
            about = f"{owner}, lower({term}), {self.name}.created_at, {self.name}.job_id"
            selects.append(f"SELECT {about} {start}WHERE ({condition}) AND ({term}) IS NOT NULL")
        return " UNION ALL ".join(selects)


def _in_trigger(name: str) -> _Row:
    record = _RECORD.format(row=name)
    labels = f"json_each({record}, '$.request.labels') AS label"
    return _Row(name=name, model=_MODEL.format(json=record), labels=labels, marks=f"{name}.record")


def _changes() -> str:
    """Return the condition that an update changes a term. Most updates change none.

    The model changes only with a state before the first accepted clip: otherwise the JSON is not read.
    """
    old, new = (_MODEL.format(json=_RECORD.format(row=row)) for row in ("OLD", "NEW"))
    early = "('queued', 'submitting')"
    parts = ["{row}.caller", "{row}.project_id"]
    parts += [f"instr({{row}}.record, '{text}') > 0" for text in ('"erased_at"', *_TEXTS)]
    changed = [f"({part.format(row='OLD')}) IS NOT ({part.format(row='NEW')})" for part in parts]
    return " OR ".join([*changed, f"(OLD.state IN {early} OR NEW.state IN {early}) AND ({old}) IS NOT ({new})"])


def _triggers() -> Iterator[str]:
    old, new = _in_trigger("OLD"), _in_trigger("NEW")
    for name, condition, owner in (("", "1", _ALL), ("_of_callers", "{row}.caller IS NOT NULL", "{row}.caller")):
        insert = f"INSERT OR IGNORE INTO job_terms {new.select_terms(owner.format(row='NEW'))}"
        terms = old.select_terms(owner.format(row="OLD"))
        delete = f"DELETE FROM job_terms WHERE (owner, term, created_at, job_id) IN ({terms})"
        is_new, is_old = condition.format(row="NEW"), condition.format(row="OLD")
        yield f"CREATE TRIGGER job_terms_added{name} AFTER INSERT ON jobs WHEN {is_new} BEGIN {insert}; END"
        yield (
            f"CREATE TRIGGER job_terms_changed{name} AFTER UPDATE ON jobs "
            f"WHEN ({is_old} OR {is_new}) AND ({_changes()}) BEGIN {delete}; {insert}; END"
        )


def add_terms(connection: sqlite3.Connection) -> None:
    """Add table and triggers. `fill_terms` adds the terms of jobs that exist. Does nothing if the file has them."""
    if _has_table(connection, "job_terms"):
        return
    for statement in (_TABLE, *_triggers()):
        connection.execute(statement)
    if connection.execute("SELECT 1 FROM jobs LIMIT 1").fetchone():
        connection.execute(f"CREATE TABLE {_FILL} (after TEXT NOT NULL)")
        connection.execute(f"INSERT INTO {_FILL} VALUES ('')")


def fill_terms(connection: sqlite3.Connection) -> None:
    """Add the terms of the jobs from before the table, in portions: other processes write in between.

    The process that opens the file does this before it searches, and another one that opens it waits. If it is killed,
    the next one goes on after the last portion. Jobs that change meanwhile get their terms by the triggers as well.
    """
    while _has_table(connection, _FILL) and not _fill_portion(connection):
        time.sleep(PAUSE_S)


def _has_table(connection: sqlite3.Connection, name: str) -> bool:
    sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
    return connection.execute(sql, (name,)).fetchone() is not None


def _fill_portion(connection: sqlite3.Connection) -> bool:
    """Fill in the next jobs, and return whether these were the last ones.

    The rows are sorted first: many of them are then appended instead of searched for.
    """
    all_jobs = _Row(
        name="job_words",
        model="job_words.model",
        labels="json_each(job_words.labels, '$[0]') AS label",
        marks="job_words.marks",
        source="job_words",
    )
    rows = f"{all_jobs.select_terms(_ALL)} UNION ALL {all_jobs.select_terms('job_words.caller')}"
    fill = f"INSERT OR IGNORE INTO job_terms SELECT * FROM ({rows}) ORDER BY 1, 2, 3 DESC, 4"
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        (after,) = connection.execute(f"SELECT after FROM {_FILL}").fetchone()
        connection.execute(_COPY, (after, PORTION))
        count, last = connection.execute("SELECT count(*), max(job_id) FROM job_words").fetchone()
        connection.execute(fill)
        connection.execute("DROP TABLE job_words")
        if count == PORTION:
            connection.execute(f"UPDATE {_FILL} SET after = ?", (last,))
            return False
        connection.execute(f"DROP TABLE {_FILL}")
        return True


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
