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
from schemas.domain.states import JobState
from schemas.errors import Invalid
from schemas.ports import JobQuery
from schemas.wire.types import LANES

Index = tuple[tuple[str, str], ...]
"""The fields in their order, each with its direction."""

_UP, _DOWN = "ASCENDING", "DESCENDING"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMN = {"c": "created_at", "d": "next_check_at"}
_ORDERS: dict[str, Index] = {
    "c": (("created_at", _DOWN), ("job_id", _UP)),
    "d": (("next_check_at", _UP), ("job_id", _UP)),
}
_AGE: Index = (("created_at", _UP), ("job_id", _UP))
_EQUALITIES = {"c": ("caller", "fingerprint", "project_id", "state"), "d": ("fingerprint", "project_id", "state")}
"""The fields of the equality filters that each order is combined with."""


def page_query(jobs: AsyncCollectionReference, query: JobQuery) -> AsyncQuery:
    """Build the query of a page. It asks for one job more than the page holds, to find out if there is another page."""
    if query.limit < 1:
        raise Invalid(f"limit must be at least 1, not {query.limit}", field="limit")
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
    ahead = (("queue", _UP), ("state", _UP), *_AGE)
    return [*listings, (("state", _UP), *_AGE), ahead]  # without the queue: the release before counts so


def _conditions(query: JobQuery) -> list[tuple[str, str, Any]]:
    conditions: list[tuple[str, str, Any]] = []
    if query.fingerprint is not None:
        conditions.append(("fingerprint", "==", query.fingerprint))
    if query.caller is not None:
        conditions.append(("caller", "==", query.caller))
    if query.project_id is not None:
        conditions.append(("project_id", "==", query.project_id))
    if query.states:
        conditions.append(("state", "in", sorted(state.value for state in query.states)))
    return [*conditions, *_ranges(query)]


def _ranges(query: JobQuery) -> list[tuple[str, str, Any]]:
    if query.due_before is not None and query.created_before is not None:
        # Two ranges would need an index for every combination, and no part of the program asks for both.
        raise Invalid("created_before can't be combined with due_before", field="created_before")
    if query.due_before is not None and query.caller is not None:
        # Callers list their jobs by age; only workers ask for due jobs, and for those of all callers.
        raise Invalid("caller can't be combined with due_before", field="caller")
    if query.due_before is not None:
        return [("next_check_at", "<", in_milliseconds(query.due_before))]
    if query.created_before is not None:
        return [("created_at", "<", in_milliseconds(query.created_before))]
    return []


def _order(query: AsyncQuery, order: Index) -> AsyncQuery:
    for name, direction in order:
        query = query.order_by(name, direction=direction)
    return query
