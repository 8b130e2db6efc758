"""The queries of films and webhook deliveries need no composite index, and none asks for a field without an index."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import chain, combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore_v1 import AsyncClient
from google.cloud.firestore_v1.async_query import AsyncQuery

from infra.gcp.firestore.deliveries import COLLECTION as DELIVERIES
from infra.gcp.firestore.deliveries import FirestoreDeliveries
from infra.gcp.firestore.films import COLLECTION as FILMS
from infra.gcp.firestore.films import FirestoreFilms
from infra.gcp.firestore.jobs import FirestoreJobs
from schemas.domain.delivery import DeliveryState
from schemas.domain.film import FilmState
from schemas.ports import DeliveryQuery, FilmQuery

INDEXES = Path(__file__).parents[2] / "infra/deploy/firestore.indexes.json"
NOW = datetime(2026, 11, 30, tzinfo=UTC)
_FILM_FILTERS = {"caller": "acme", "project_id": "p", "state": FilmState.HELD}
_DELIVERY_FILTERS = {"caller": "acme", "film_id": "f", "state": DeliveryState.FAILED}


class Queries(list[tuple[str, set[str]]]):
    """The collection and the fields of each query that was asked."""

    def note(self, query: AsyncQuery) -> None:
        sent = query._to_protobuf()
        filters = sent.where.composite_filter.filters or [sent.where]
        fields = {each.field_filter.field.field_path for each in filters if each.field_filter.field.field_path}
        fields |= {each.field.field_path for each in sent.order_by}
        self.append((sent.from_[0].collection_id, fields - {"__name__"}))


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> Queries:
    found = Queries()

    async def get(query: AsyncQuery, **_: object) -> list[object]:
        found.note(query)
        return []

    monkeypatch.setattr(AsyncQuery, "get", get)
    return found


def _given(filters: Mapping[str, object]) -> list[dict[str, Any]]:
    """All combinations of filters."""
    sizes = (combinations(filters.items(), size) for size in range(len(filters) + 1))
    return [dict(each) for each in chain.from_iterable(sizes)]


async def test_the_indexes_that_firestore_makes_by_itself_answer_them(queries: Queries) -> None:
    client = AsyncClient(project="p", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    jobs = cast("FirestoreJobs", SimpleNamespace(client=client))
    films, deliveries = FirestoreFilms(jobs), FirestoreDeliveries(jobs)
    for given in _given(_FILM_FILTERS):
        await films.list(FilmQuery(**given))
    await films.due(NOW, limit=10)
    await films.list_ended_before(NOW, limit=10)
    for given in _given(_DELIVERY_FILTERS):
        await deliveries.list(DeliveryQuery(**given))
    await deliveries.due(NOW, limit=10)
    await deliveries.next_due()
    await deliveries.delete_before(NOW, limit=10)
    assert len(queries) == 8 + 2 + 8 + 3
    asked = json.loads(INDEXES.read_text())["fieldOverrides"]
    without = {(each["collectionGroup"], each["fieldPath"]) for each in asked if not each["indexes"]}
    for collection, fields in queries:
        assert collection in (FILMS, DELIVERIES)
        (field,) = fields  # two would need a composite index
        assert (collection, field) not in without


def test_the_records_have_no_index(queries: Queries) -> None:
    """No query asks for them, and each entry of an index is a write that is paid and takes time."""
    overrides = json.loads(INDEXES.read_text())["fieldOverrides"]
    without = {each["collectionGroup"] for each in overrides if each["fieldPath"] == "record" and not each["indexes"]}
    assert without == {"jobs", FILMS, DELIVERIES}
