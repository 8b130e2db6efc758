"""Translates a `JobQuery` into a Firestore query that a composite index answers, page by page.

Every form of query has its index in `infra/deploy/firestore.indexes.json`: equality filters in any combination, then
the order. The emulator answers without an index, production does not.
"""

from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

from google.cloud.firestore_v1 import FieldFilter
from google.cloud.firestore_v1.async_collection import AsyncCollectionReference
from google.cloud.firestore_v1.async_query import AsyncQuery

from infra.cursor import Position, decode_cursor, order_of
from infra.gcp.firestore.documents import Snapshot, in_milliseconds, queue_of
from schemas.domain.job import Job
from schemas.domain.search_terms import to_small
from schemas.domain.states import JobState
from schemas.errors import Invalid
from schemas.ports import WRITTEN_AFTER_CREATION, JobQuery
from schemas.wire.types import LANES

Index = tuple[tuple[str, str], ...]
"""The fields in their order, each with its direction."""

_UP, _DOWN = "ASCENDING", "DESCENDING"
CONTAINS = "CONTAINS"
"""In the place of a direction: the entries of an array."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMN = {"c": "created_at", "d": "next_check_at"}
_ORDERS: dict[str, Index] = {
    "c": (("created_at", _DOWN), ("job_id", _UP)),
    "d": (("next_check_at", _UP), ("job_id", _UP)),
}
_AGE: Index = (("created_at", _UP), ("job_id", _UP))
_EQUALITIES = {"c": ("caller", "fingerprint", "project_id", "state"), "d": ("fingerprint", "project_id", "state")}
"""The fields of the equality filters that each order is combined with."""
_SEARCHED = ("caller", "model", "project_id", "state")
"""Those that a search, or a filter by model, is combined with."""
_DISJUNCTIONS_AT_MOST = 30
"""The product of all values of `in` and `array_contains_any`: https://cloud.google.com/firestore/quotas"""


def page_query(jobs: AsyncCollectionReference, query: JobQuery) -> AsyncQuery:
    """Build the query of a page. It asks for one job more than the page holds, to find out if there is another page."""
    if query.limit < 1:
        raise Invalid(f"limit must be at least 1, not {query.limit}", field="limit")
    _check_has_index(query)
    position = decode_cursor(query)
    page = AsyncQuery(jobs)
    for name, operator, value in _conditions(query):
        page = page.where(filter=FieldFilter(name, operator, value))
    page = _order(page, _ORDERS[order_of(query)])
    if position is not None:
        try:
            at = _EPOCH + timedelta(milliseconds=position.at_ms)
        except OverflowError as error:
            raise Invalid("cursor is not one that this listing gave out", field="cursor") from error
        page = page.start_after({_COLUMN[position.order]: at, "job_id": position.job_id})
    return page.limit(query.limit + 1)


def ahead_query(jobs: AsyncCollectionReference, job: Job) -> AsyncQuery:
    """Build the query of the queued jobs of the same lane and key that are older."""
    queue = queue_of(job.request.priority, job.queue_key)
    queued = jobs.where(filter=FieldFilter("state", "==", JobState.QUEUED.value))
    queued = queued.where(filter=FieldFilter("queue", "==", queue))
    return _order(queued, _AGE).end_before({"created_at": in_milliseconds(job.created_at), "job_id": job.job_id})


def queue_query(jobs: AsyncCollectionReference, key: str) -> AsyncQuery:
    """Build the query of a key's queued jobs in both lanes. Indexes of single fields answer it."""
    queued = jobs.where(filter=FieldFilter("state", "==", JobState.QUEUED.value))
    return queued.where(filter=FieldFilter("queue", "in", [queue_of(lane, key) for lane in LANES]))


def oldest_query(jobs: AsyncCollectionReference, state: JobState) -> AsyncQuery:
    """Build the query of the jobs in this state that were created first."""
    return _order(jobs.where(filter=FieldFilter("state", "==", state.value)), _AGE)


def position_of(query: JobQuery, snapshot: Snapshot) -> Position:
    """Return where a page ended, from the document's own fields: its record may be unreadable."""
    order = order_of(query)
    at_ms = (snapshot.get(_COLUMN[order]) - _EPOCH) // timedelta(milliseconds=1)
    return Position(order=order, at_ms=at_ms, job_id=snapshot.get("job_id"))


def indexes() -> list[Index]:
    """List the composite index of every query that this module can build."""
    listings = [
        (*((name, _UP) for name in names), *_ORDERS[order])
        for order, equalities in _EQUALITIES.items()
        for size in range(len(equalities) + 1)
        for names in combinations(equalities, size)
    ]
    by_model = [(*fields, *_ORDERS["c"]) for fields in _equalities() if ("model", _UP) in fields]
    searches = [(*sorted((*fields, ("terms", CONTAINS))), *_ORDERS["c"]) for fields in _equalities()]
    ahead = (("queue", _UP), ("state", _UP), *_AGE)
    oldest = (("state", _UP), *_AGE)  # the release before counts with it
    return [*listings, *by_model, *searches, oldest, ahead]


def _equalities() -> list[Index]:
    """List the equality filters of searches, in all combinations."""
    return [
        tuple((name, _UP) for name in names)
        for size in range(len(_SEARCHED) + 1)
        for names in combinations(_SEARCHED, size)
    ]


def _conditions(query: JobQuery) -> list[tuple[str, str, Any]]:
    conditions: list[tuple[str, str, Any]] = []
    if query.fingerprint is not None:
        conditions.append(("fingerprint", "==", query.fingerprint))
    if query.caller is not None:
        conditions.append(("caller", "==", query.caller))
    if query.project_id is not None:
        conditions.append(("project_id", "==", query.project_id))
    if query.model is not None:
        conditions.append(("model", "==", to_small(query.model)))
    if query.terms:
        conditions.append(("terms", "array_contains_any", sorted(query.terms)))
    if query.states:
        conditions.append(("state", "in", sorted(state.value for state in query.states)))
    return [*conditions, *_ranges(query)]


def _check_has_index(query: JobQuery) -> None:
    """Raise `Invalid` for conditions that would need more indexes, and that no part of the program combines."""
    searches = bool(query.terms) or query.model is not None
    if query.due_before is not None:
        others = {
            "created_before": query.created_before is not None,
            "written_since": query.written_since is not None,
            "caller": query.caller is not None,
            "terms": searches,
        }
        for name, is_given in others.items():
            if is_given:
                raise Invalid(f"{name} can't be combined with due_before", field=name)
    if searches and query.fingerprint is not None:
        raise Invalid("terms and model can't be combined with fingerprint", field="terms")
    if len(query.terms) * len(query.states) > _DISJUNCTIONS_AT_MOST:
        raise Invalid("terms can't be combined with so many states", field="terms")


def _ranges(query: JobQuery) -> list[tuple[str, str, Any]]:
    ranges = list[tuple[str, str, Any]]()
    if query.due_before is not None:
        ranges.append(("next_check_at", "<", in_milliseconds(query.due_before)))
    if query.created_before is not None:
        ranges.append(("created_at", "<", in_milliseconds(query.created_before)))
    if query.written_since is not None:
        # A document has no time of its last write that a query could ask for.
        ranges.append(("created_at", ">=", in_milliseconds(query.written_since - WRITTEN_AFTER_CREATION)))
    return ranges


def _order(query: AsyncQuery, order: Index) -> AsyncQuery:
    for name, direction in order:
        query = query.order_by(name, direction=direction)
    return query
