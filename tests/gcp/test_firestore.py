"""What we ask of Firestore: exact preconditions, no repeated writes, and an index for every query."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import DeadlineExceeded
from google.cloud.firestore_v1.services.firestore import FirestoreAsyncClient
from google.cloud.firestore_v1.types import StructuredQuery
from proto.datetime_helpers import DatetimeWithNanoseconds

from infra.adapters import Adapters
from infra.gcp.doctor.database import EXEMPTIONS
from infra.gcp.firestore import parked as parked_jobs
from infra.gcp.firestore.documents import document, document_id, stamp, update_time
from infra.gcp.firestore.jobs import FirestoreJobs
from infra.gcp.firestore.queries import CONTAINS, ahead_query, indexes, oldest_query, page_query
from schemas.domain.job import Job, new_job
from schemas.domain.states import JobState
from schemas.errors import Invalid, Unavailable
from schemas.ports import JobQuery, JobStore
from schemas.wire.request import VideoRequest
from tests.gcp.emulated import Project

INDEXES = Path(__file__).parents[2] / "infra/deploy/firestore.indexes.json"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_OPERATORS = StructuredQuery.FieldFilter.Operator
_DIRECTIONS = StructuredQuery.Direction


@pytest.fixture
async def jobs(project: Project) -> AsyncIterator[JobStore]:
    async with Adapters() as adapters:
        yield await adapters.jobs(project.jobs_url)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> FirestoreJobs:
    """Makes requests and sends none."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    return FirestoreJobs("project")


async def test_what_is_stored_with_the_jobs_shares_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    url = "firestore://project"
    async with Adapters() as adapters:
        jobs = await adapters.jobs(url)
        assert isinstance(jobs, FirestoreJobs)
        stores = [await adapters.budgets(url), await adapters.heartbeats(url), await adapters.jobs_parked(url)]
        assert [vars(store)["_collection"]._client is jobs.client for store in stores] == [True] * 3
        assert await adapters.jobs(url) is jobs


def a_job(job_id: str = "j1") -> Job:
    return new_job(VideoRequest(job_id=job_id, prompt="a slow pan over a desk"), NOON)


def _index_of(query: StructuredQuery) -> tuple[tuple[str, str], ...]:
    """What Firestore needs for it: equalities in any order, then the order of the query."""
    parts = [part.field_filter for part in query.where.composite_filter.filters] or [query.where.field_filter]
    equal = {(part.field.field_path, "ASCENDING") for part in parts if part.op in (_OPERATORS.EQUAL, _OPERATORS.IN)}
    equal |= {(part.field.field_path, CONTAINS) for part in parts if part.op == _OPERATORS.ARRAY_CONTAINS_ANY}
    order = [(each.field.field_path, _DIRECTIONS(each.direction).name) for each in query.order_by]
    return (*sorted(equal), *order)


def _queries() -> list[JobQuery]:
    states = (frozenset[JobState](), frozenset({JobState.QUEUED}), frozenset(JobState))
    ranges: tuple[dict[str, Any], ...] = ({}, {"created_before": NOON}, {"due_before": NOON})
    return [
        JobQuery(states=some, project_id=project_id, fingerprint=fingerprint, caller=caller, **within)
        for some, project_id, fingerprint, caller, within in product(
            states, (None, "p"), (None, "f"), (None, "c"), ranges
        )
        if not (caller and "due_before" in within)
    ] + [
        JobQuery(states=some, project_id=project_id, model=model, terms=terms, caller=caller, written_since=since)
        for some, project_id, model, terms, caller, since in product(
            states[:2],
            (None, "p"),
            (None, "m"),
            (frozenset[str](), frozenset({"i:a", "v:a"})),
            (None, "c"),
            (None, NOON),
        )
    ]


def test_every_query_has_its_index(offline: FirestoreJobs) -> None:
    deployed = {
        tuple((field["fieldPath"], field.get("order") or field["arrayConfig"]) for field in index["fields"])
        for index in json.loads(INDEXES.read_text())["indexes"]
        if index["collectionGroup"] == "jobs"
    }
    sent = {_index_of(page_query(offline.collection, query)._to_protobuf()) for query in _queries()}
    sent.add(_index_of(ahead_query(offline.collection, a_job())._to_protobuf()))
    sent.add(_index_of(oldest_query(offline.collection, JobState.QUEUED)._to_protobuf()))
    assert sent == deployed


def test_every_query_of_parked_jobs_has_its_index(offline: FirestoreJobs) -> None:
    parked = offline.client.collection(parked_jobs.COLLECTION)
    queries = (parked_jobs.lane_query(parked, "batch"), parked_jobs.last_query(parked, "batch", "a"))
    assert [_index_of(query._to_protobuf()) for query in queries] == list(parked_jobs.INDEXES)


def test_the_file_of_indexes_is_what_the_code_needs() -> None:
    wanted = {
        "indexes": [
            {
                "collectionGroup": collection,
                "queryScope": "COLLECTION",
                "fields": [
                    {"fieldPath": name, "arrayConfig" if order == CONTAINS else "order": order} for name, order in index
                ],
            }
            for collection, needed in (("jobs", indexes()), (parked_jobs.COLLECTION, parked_jobs.INDEXES))
            for index in needed
        ],
        "fieldOverrides": [
            {"collectionGroup": collection, "fieldPath": name, "indexes": []}
            for collection, names in EXEMPTIONS.items()
            for name in names
        ],
    }
    assert json.loads(INDEXES.read_text()) == wanted


class _NoIndex(grpc.GenericRpcHandler):  # type: ignore[misc, unused-ignore]
    """Refuses every query, as Firestore does without the index. The emulator needs none."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        async def refuse(_: bytes, call: grpc.aio.ServicerContext[bytes, bytes]) -> None:
            await call.abort(grpc.StatusCode.FAILED_PRECONDITION, "The query requires an index")

        return grpc.unary_stream_rpc_method_handler(refuse)


async def test_without_its_index_a_position_is_unknown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_NoIndex(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{port}")
    jobs = FirestoreJobs("project")
    try:
        assert await jobs.ahead_of(a_job()) is None
        with pytest.raises(Unavailable, match="requires an index"):
            await jobs.list(JobQuery())
    finally:
        await jobs.aclose()
        await server.stop(None)
    assert [record.__dict__["action"] for record in caplog.records] == ["index_missing"]


def test_two_ranges_at_once_are_refused(offline: FirestoreJobs) -> None:
    with pytest.raises(Invalid):
        page_query(offline.collection, JobQuery(created_before=NOON, due_before=NOON))


def test_what_is_due_is_not_asked_for_by_caller(offline: FirestoreJobs) -> None:
    with pytest.raises(Invalid, match="caller"):
        page_query(offline.collection, JobQuery(caller="acme", due_before=NOON))


def test_a_revision_keeps_every_nanosecond() -> None:
    at = DatetimeWithNanoseconds(2026, 1, 1, nanosecond=123_456_789, tzinfo=UTC)
    assert update_time(stamp(a_job(), at)).nanosecond == 123_456_789


def test_a_document_holds_no_field_that_could_be_missing_in_another() -> None:
    assert set(document(a_job())) == set(document(a_job().model_copy(update={"next_check_at": None})))


@pytest.mark.parametrize(("job_id", "name"), [("a-b_c", "a-b_c"), ("_a", "_a"), ("__a__", "=__a__")])
def test_names_that_firestore_keeps_for_itself_are_avoided(job_id: str, name: str) -> None:
    assert document_id(job_id) == name


@pytest.mark.emulator
async def test_any_job_id_can_be_stored(jobs: JobStore) -> None:
    for job_id in ("__a__", "_", "-", "A" * 64):
        await jobs.create(a_job(job_id))
        assert (found := await jobs.get(job_id)) is not None
        assert found.job_id == job_id
    for unknown in ("", "a/b", "a/b/c", "..", "."):
        assert await jobs.get(unknown) is None


@pytest.mark.emulator
async def test_a_record_of_a_newer_version_takes_no_page_with_it(
    jobs: JobStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where a page ends with it, or holds nothing else."""
    assert isinstance(jobs, FirestoreJobs)
    for number, job_id in enumerate(("one", "newer", "three")):
        await jobs.create(a_job(job_id).model_copy(update={"created_at": NOON + timedelta(minutes=number)}))
    record = json.dumps({**json.loads(a_job("newer").model_dump_json()), "state": "not_known_yet"})
    await jobs.document("newer").update({"record": record})
    found, cursor = [], None
    while True:
        page = await jobs.list(JobQuery(limit=1, cursor=cursor))
        found.append([job.job_id for job in page.jobs])
        cursor = page.cursor
        if cursor is None:
            break
    assert found == [["three"], [], ["one"]]
    told = [vars(record)["job_id"] for record in caplog.records if vars(record).get("action") == "record_unreadable"]
    assert told == ["newer"]
    with pytest.raises(Unavailable, match="newer was stored by a newer version"):
        await jobs.get("newer")


@pytest.mark.emulator
async def test_a_write_is_sent_once_and_says_what_it_replaces(jobs: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[Any, Any, Any]] = []
    commit = FirestoreAsyncClient.commit

    async def watched(self: FirestoreAsyncClient, request: Any, **named: Any) -> Any:
        sent.append((request, named["retry"], named["timeout"]))
        return await commit(self, request, **named)

    monkeypatch.setattr(FirestoreAsyncClient, "commit", watched)
    created = await jobs.create(a_job())
    await jobs.save(created)
    (_, *first), (request, *second) = sent
    assert first == second == [None, 5.0]
    precondition = request["writes"][0].current_document
    assert precondition.update_time.rfc3339() == created.revision


@pytest.mark.emulator
async def test_a_save_that_changes_nothing_still_counts(jobs: JobStore) -> None:
    created = await jobs.create(a_job())
    saved = await jobs.save(created)
    assert saved.revision != created.revision


@pytest.mark.emulator
async def test_a_lost_answer_is_unavailable_and_not_sent_again(jobs: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    created = await jobs.create(a_job())
    commit, times = FirestoreAsyncClient.commit, 0

    async def lost(self: FirestoreAsyncClient, request: Any, **named: Any) -> Any:
        nonlocal times
        times += 1
        await commit(self, request, **named)
        raise DeadlineExceeded("the answer got lost")  # type: ignore[no-untyped-call]

    monkeypatch.setattr(FirestoreAsyncClient, "commit", lost)
    with pytest.raises(Unavailable):
        await jobs.save(created.model_copy(update={"checks": 1}))
    found = await jobs.get(created.job_id)
    assert found is not None
    assert (found.checks, times) == (1, 1)
