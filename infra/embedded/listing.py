"""Turns a `JobQuery` into SQL that an index answers, page by page."""

from datetime import datetime

from infra.cursor import decode_cursor
from schemas.errors import Invalid
from schemas.ports import JobQuery

Condition = tuple[str, tuple[str | int, ...]]


def milliseconds(at: datetime) -> int:
    """Rounded down, as the record's JSON writes it."""
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


def page_sql(query: JobQuery) -> Condition:
    """Selects one job more than the page holds, to tell whether there is another page."""
    if query.limit < 1:
        raise Invalid(f"limit must be at least 1, not {query.limit}", field="limit")
    if query.due_before is not None:
        return _due(query)
    conditions = [*_common(query), *_after(query)]
    branches = [_newest([_equals("state", state.value), *conditions]) for state in sorted(query.states)]
    sql, values = _joined(branches or [_newest(conditions)], query.limit + 1)
    return f"{sql} ORDER BY created_at DESC, job_id LIMIT ?", (*values, query.limit + 1)


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
    return conditions


def _after(query: JobQuery) -> list[Condition]:
    position = decode_cursor(query)
    if position is None:
        return []
    column, sign = ("created_at", "<") if position.order == "c" else ("next_check_at", ">")
    # The first half repeats the second for the index's sake: an OR alone would scan from the start.
    sql = f"{column} {sign}= ? AND ({column} {sign} ? OR job_id > ?)"
    return [(sql, (position.at_ms, position.at_ms, position.job_id))]


def _equals(column: str, value: str) -> Condition:
    return f"{column} = ?", (value,)


def _newest(conditions: list[Condition]) -> Condition:
    sql, values = _where(conditions)
    return f"SELECT * FROM jobs {sql} ORDER BY created_at DESC, job_id LIMIT ?", values


def _joined(branches: list[Condition], limit: int) -> Condition:
    """One branch per state, each read in order from its own index and cut short."""
    sql = " UNION ALL ".join(f"SELECT * FROM ({branch})" for branch, _ in branches)
    return f"SELECT * FROM ({sql})", tuple(value for _, values in branches for value in (*values, limit))


def _where(conditions: list[Condition]) -> Condition:
    if not conditions:
        return "", ()
    sql = " AND ".join(f"({condition})" for condition, _ in conditions)
    return f"WHERE {sql}", tuple(value for _, values in conditions for value in values)
