"""`reelbus doctor` on the emulators: each thing that is wrong has its line, its remedy, and the exit code 1."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from google.cloud.firestore_admin_v1.types import Database, Field, Index, ListFieldsResponse, ListIndexesResponse
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.iam.v1 import iam_policy_pb2 as iam
from google.iam.v1.policy_pb2 import Policy
from google.pubsub_v1 import types

from infra.gcp.doctor.database import NOT_INDEXED
from infra.gcp.doctor.messages import SETUP
from infra.gcp.doctor.models import regions_of
from infra.gcp.emulators import run_emulators, storage
from infra.gcp.firestore import parked
from infra.gcp.firestore.queries import CONTAINS, indexes
from schemas.settings import Addresses
from tests.cli.commands import Shell
from tests.gcp.emulated import Project
from tests.gcp.grpc_proxy import Answer, proxy_before
from tests.vertex.depot import FolderDepot
from tests.vertex.server import vertex_at

pytestmark = pytest.mark.emulator

Findings = dict[tuple[str, str], dict[str, str]]
"""What was found, by kind and name. If a thing has several findings, the last one counts."""


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell without credentials, and without a metadata server."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_VERTEX_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "no-login"))
    return Shell(tmp_path / "data")


@pytest.fixture
def ready(shell: Shell, project: Project) -> Mapping[str, str]:
    """The settings of a project in which `reelbus setup` has run."""
    settings = {
        "REELBUS_BUS": project.bus_url,
        "REELBUS_JOBS": project.jobs_url,
        "REELBUS_VIDEOS": project.videos_url,
        **project.environment,
    }
    assert shell("setup", **settings).exit_code == 0
    return settings


def _examine(shell: Shell, settings: Mapping[str, str], process: str = "facade") -> tuple[int, Findings]:
    result = shell("doctor", "--json", "--for", process, **settings)
    assert result.stderr == ""
    said = json.loads(result.stdout)
    assert all("\n" not in text for finding in said["findings"] for text in finding.values())
    assert all(finding["remedy"] for finding in said["findings"] if finding["verdict"] == "wrong")
    assert said["ok"] == (result.exit_code == 0)
    return result.exit_code, {(finding["kind"], finding["name"]): finding for finding in said["findings"]}


def _wrong(found: Findings) -> set[tuple[str, str]]:
    return {about for about, finding in found.items() if finding["verdict"] == "wrong"}


def test_what_setup_made_is_right(shell: Shell, ready: Mapping[str, str], project: Project) -> None:
    code, found = _examine(shell, ready, "both")
    assert (code, _wrong(found)) == (0, set())
    for topic in ("video-requests", "video-requests-batch", "video-completions", "video-requests-dead"):
        assert found["topic", topic]["verdict"] == "ok"
    names = (
        "video-workers",
        "video-batch-workers",
        "video-dead-workers",
        "video-webhooks",
        "video-requests-dead-shelf",
    )
    for name in names:
        assert found["subscription", name]["verdict"] == "ok"
    assert found["place", project.bucket]["verdict"] == "ok"
    assert found["credentials", ""]["words"] == "none are needed: all services are emulators"
    assert found["indexes", "(default)"]["verdict"] == "skipped", "the emulator has no list of indexes"
    assert found["worker", ""]["verdict"] == "note"


def test_nothing_is_made(shell: Shell, project: Project) -> None:
    settings = {"REELBUS_BUS": project.bus_url, "REELBUS_VIDEOS": project.videos_url, **project.environment}
    for _ in range(2):
        code, found = _examine(shell, settings)
        assert code == 1
        assert {"topic", "subscription", "bucket"} == {kind for kind, _ in _wrong(found)}
    assert not shell.data_dir.exists()


def test_a_missing_topic_is_found(shell: Shell, ready: Mapping[str, str], project: Project) -> None:
    with PublisherClient() as publisher:
        publisher.delete_topic(topic=f"projects/{project.id}/topics/video-completions")
        publisher.stop()
    code, found = _examine(shell, ready)
    lost = {("subscription", name) for name in ("video-webhooks", "video-evaluators")}
    wrong = {("topic", "video-completions"), *lost}
    assert (code, _wrong(found)) == (1, wrong)
    again = "subscriptions delete video-webhooks video-evaluators --project="
    for about in wrong:
        assert again in found[about]["remedy"], "reelbus setup deletes nothing"
        assert found[about]["remedy"].endswith("&& reelbus setup")
    assert "is on topic _deleted-topic_" in found["subscription", "video-webhooks"]["words"]


@pytest.mark.parametrize(("evaluation", "verdict"), [("", "note"), ("vertex://acme/europe-west4", "wrong")])
def test_the_subscription_of_evaluators_is_needed_where_videos_are_evaluated(
    shell: Shell, ready: Mapping[str, str], project: Project, evaluation: str, verdict: str
) -> None:
    with SubscriberClient() as subscriber:
        subscriber.delete_subscription(subscription=f"projects/{project.id}/subscriptions/video-evaluators")
    code, found = _examine(shell, {**ready, "REELBUS_EVALUATION": evaluation})
    assert (code, found["subscription", "video-evaluators"]["verdict"]) == (int(verdict == "wrong"), verdict)
    assert found["subscription", "video-evaluators"]["remedy"] == SETUP


@pytest.mark.parametrize(("secrets", "verdict"), [("", "note"), ("whsec_" + "A" * 43 + "=", "wrong")])
def test_the_subscription_of_webhooks_is_needed_once_they_are_signed(
    shell: Shell, ready: Mapping[str, str], project: Project, secrets: str, verdict: str
) -> None:
    with SubscriberClient() as subscriber:
        subscriber.delete_subscription(subscription=f"projects/{project.id}/subscriptions/video-webhooks")
    code, found = _examine(shell, {**ready, "REELBUS_WEBHOOK_SECRETS": secrets})
    assert (code, found["subscription", "video-webhooks"]["verdict"]) == (int(verdict == "wrong"), verdict)
    assert found["subscription", "video-webhooks"]["remedy"] == SETUP


@pytest.mark.parametrize(
    ("change", "words", "options"),
    [
        (
            lambda it: setattr(it.dead_letter_policy, "max_delivery_attempts", 5),
            "delivery limit is 5, and must be 20",
            "--dead-letter-topic=video-requests-dead --max-delivery-attempts=20",  # gcloud refuses the limit alone
        ),
        (
            lambda it: setattr(it, "ack_deadline_seconds", 17),
            "ack deadline in seconds is 17, and must be 60",
            "--ack-deadline=60",
        ),
        (
            lambda it: setattr(it, "expiration_policy", types.ExpirationPolicy(ttl=timedelta(days=10))),
            "expiry without a consumer is 10 days, and must be never",
            "--expiration-period=never",
        ),
        (
            lambda it: setattr(it.retry_policy, "maximum_backoff", timedelta(seconds=600)),
            "longest pause before a redelivery is 600 s, and must be 60 s",
            "--min-retry-delay=0.1s --max-retry-delay=60s",  # gcloud resets the other one to its default
        ),
        (
            lambda it: setattr(it, "message_retention_duration", timedelta(hours=36)),
            "retention is 129600 s, and must be 31 days",
            "--message-retention-duration=2678400s",
        ),
        (
            lambda it: setattr(it, "topic", it.topic + "-batch"),
            "is on topic video-requests-batch, and must be on",
            "subscriptions delete video-workers --project=",
        ),
        (
            lambda it: setattr(it, "filter", 'attributes.a = "b"'),
            "has a filter, and drops other messages",
            "subscriptions delete video-workers --project=",
        ),
    ],
)
def test_a_wrong_subscription_is_found(
    shell: Shell,
    ready: Mapping[str, str],
    project: Project,
    change: Callable[[types.Subscription], None],
    words: str,
    options: str,
) -> None:
    name = f"projects/{project.id}/subscriptions/video-workers"
    with SubscriberClient() as subscriber:
        wanted = subscriber.get_subscription(subscription=name)
        change(wanted)
        subscriber.delete_subscription(subscription=name)  # the emulator can't update everything
        subscriber.create_subscription(request=wanted)
    code, found = _examine(shell, ready)
    assert (code, _wrong(found)) == (1, {("subscription", "video-workers")})
    assert found["subscription", "video-workers"]["words"].startswith(words)
    assert options in found["subscription", "video-workers"]["remedy"]


def test_messages_in_order_are_noted(shell: Shell, ready: Mapping[str, str], project: Project) -> None:
    name = f"projects/{project.id}/subscriptions/video-workers"
    with SubscriberClient() as subscriber:
        wanted = subscriber.get_subscription(subscription=name)
        wanted.enable_message_ordering = True
        subscriber.delete_subscription(subscription=name)
        subscriber.create_subscription(request=wanted)
    code, found = _examine(shell, ready)
    assert (code, found["subscription", "video-workers"]["verdict"]) == (0, "note")
    assert "delivers in order" in found["subscription", "video-workers"]["words"]


def test_a_topic_with_a_schema_is_found(shell: Shell, ready: Mapping[str, str]) -> None:
    def get_topic(request: bytes) -> bytes:
        topic = types.GetTopicRequest.deserialize(request).topic
        schema = "projects/p/schemas/orders" if topic.endswith("/video-requests") else ""
        return bytes(types.Topic.serialize(types.Topic(name=topic, schema_settings={"schema": schema})))

    with proxy_before(ready["PUBSUB_EMULATOR_HOST"], {"GetTopic": get_topic}) as address:
        code, found = _examine(shell, {**ready, "PUBSUB_EMULATOR_HOST": address})
    assert (code, _wrong(found)) == (1, {("topic", "video-requests")})
    assert "--clear-schema-settings" in found["topic", "video-requests"]["remedy"]


def test_a_file_of_credentials_that_can_t_be_used_is_named_with_its_variable(
    shell: Shell, ready: Mapping[str, str]
) -> None:
    vertex = {"REELBUS_PROVIDER": "vertex://acme/us-central1", "GOOGLE_APPLICATION_CREDENTIALS": "/no/such/file.json"}
    _, found = _examine(shell, {**ready, **vertex})
    assert "/no/such/file.json" in found["credentials", ""]["words"]
    assert "unset it" in found["credentials", ""]["remedy"], "a login does not help while the variable is set"


def _admin(*, without: int | None = None, building: int | None = None, ttl: str | None = None) -> dict[str, Answer]:
    """Answer as the Firestore Admin API does, which the emulator lacks."""

    def list_indexes(request: bytes) -> bytes:
        is_parked = b"collectionGroups/parked" in request
        rows = list(parked.INDEXES) if is_parked else indexes()
        deployed = [
            Index(
                query_scope=Index.QueryScope.COLLECTION,
                state=Index.State.CREATING if at == building and not is_parked else Index.State.READY,
                fields=[
                    Index.IndexField(field_path=name, array_config=Index.IndexField.ArrayConfig.CONTAINS)
                    if way == CONTAINS
                    else Index.IndexField(field_path=name, order=getattr(Index.IndexField.Order, way))
                    for name, way in (*row, ("__name__", row[-1][1]))
                ],
            )
            for at, row in enumerate(rows)
            if is_parked or at != without
        ]
        return bytes(ListIndexesResponse.serialize(ListIndexesResponse(indexes=deployed)))

    def list_fields(request: bytes) -> bytes:
        names = [ttl] if b"ttlConfig" in request else list(NOT_INDEXED)
        fields = [Field(name=f"projects/p/databases/d/collectionGroups/jobs/fields/{name}") for name in names if name]
        return bytes(ListFieldsResponse.serialize(ListFieldsResponse(fields=fields)))

    def get_database(_: bytes) -> bytes:
        native = Database(type_=Database.DatabaseType.FIRESTORE_NATIVE)
        return bytes(Database.serialize(native))

    return {"ListIndexes": list_indexes, "ListFields": list_fields, "GetDatabase": get_database}


@pytest.fixture
def behind(ready: Mapping[str, str]) -> Any:
    """Examine with the Admin API's answers before the Firestore emulator."""

    def examine(shell: Shell, **answers: Any) -> tuple[int, Findings]:
        with proxy_before(ready["FIRESTORE_EMULATOR_HOST"], _admin(**answers)) as address:
            return _examine(shell, {**ready, "FIRESTORE_EMULATOR_HOST": address})

    return examine


def test_a_missing_index_is_found(shell: Shell, behind: Any) -> None:
    code, found = behind(shell)
    assert (code, _wrong(found)) == (0, set())
    assert found["indexes", "jobs"]["words"] == f"{len(indexes())} of {len(indexes())} are ready"
    assert found["database", "(default)"]["verdict"] == "note", "nothing protects it"
    code, found = behind(shell, without=0)
    missing = ("index", "jobs(created_at desc, job_id)")
    assert (code, _wrong(found)) == (1, {missing})
    assert found[missing]["words"] == "is missing"
    assert "--field-config=field-path=created_at,order=descending" in found[missing]["remedy"]
    searches = (("terms", CONTAINS), ("created_at", "DESCENDING"), ("job_id", "ASCENDING"))
    _, found = behind(shell, without=indexes().index(searches))
    remedy = found["index", "jobs(terms contains, created_at desc, job_id)"]["remedy"]
    assert "--field-config=field-path=terms,array-config=contains" in remedy


def test_an_index_that_is_being_built_is_not_ready(shell: Shell, behind: Any) -> None:
    _, found = behind(shell, building=0)
    assert "is being built" in found["index", "jobs(created_at desc, job_id)"]["words"]


def test_a_ttl_policy_is_found(shell: Shell, behind: Any) -> None:
    code, found = behind(shell, ttl="created_at")
    assert (code, _wrong(found)) == (1, {("field", "jobs.created_at")})
    assert "would pay again" in found["field", "jobs.created_at"]["words"]
    assert "--disable-ttl --database='(default)' --project=" in found["field", "jobs.created_at"]["remedy"]


def test_roles_are_asked_for_at_pub_sub(shell: Shell, ready: Mapping[str, str]) -> None:
    def answer(request: bytes) -> bytes:
        asked = iam.TestIamPermissionsRequest.FromString(request)
        is_refused = asked.resource.endswith("topics/video-requests")
        return bytes(
            iam.TestIamPermissionsResponse(permissions=[] if is_refused else asked.permissions).SerializeToString()
        )

    answers = {"TestIamPermissions": answer, "GetIamPolicy": lambda _: bytes(Policy().SerializeToString())}
    with proxy_before(ready["PUBSUB_EMULATOR_HOST"], answers) as address:
        code, found = _examine(shell, {**ready, "PUBSUB_EMULATOR_HOST": address}, "both")
    lacking = ("role", "pubsub.topics.publish on video-requests")
    assert (code, _wrong(found)) == (1, {lacking})
    assert "--role=roles/pubsub.publisher" in found[lacking]["remedy"]
    assert found["role", "pubsub.subscriptions.consume on video-workers"]["verdict"] == "ok"
    agent = found["role", "roles/pubsub.publisher of Pub/Sub's service agent on video-requests-dead"]
    assert agent["verdict"] == "note"


def test_missing_credentials_are_found(shell: Shell, ready: Mapping[str, str]) -> None:
    code, found = _examine(shell, {**ready, "REELBUS_PROVIDER": "vertex://acme/us-central1"})
    assert (code, _wrong(found)) == (1, {("credentials", "")})
    assert "gcloud auth application-default login" in found["credentials", ""]["remedy"]
    assert found["model", "vertex://acme/us-central1"]["verdict"] == "skipped"


async def test_an_unknown_model_is_found(shell: Shell, ready: Mapping[str, str], tmp_path: Path) -> None:
    async with vertex_at(FolderDepot(tmp_path, "films")) as vertex:
        settings = {**ready, "REELBUS_PROVIDER": "vertex://acme", "REELBUS_VERTEX_BASE_URL": vertex.url}
        code, found = await asyncio.to_thread(_examine, shell, settings)
        assert (code, _wrong(found)) == (0, set())
        assert found["model", "gemini-omni-1.2-flash"]["words"] == "Google knows it in global"
        code, found = await asyncio.to_thread(_examine, shell, {**settings, "REELBUS_FAST_MODELS": "veo-9"})
        assert (code, _wrong(found)) == (1, {("model", "veo-9")})
        assert found["model", "veo-9"]["remedy"] == "correct REELBUS_FAST_MODELS"
        vertex.studio.retired.add("gemini-omni-1.2-flash")
        code, found = await asyncio.to_thread(_examine, shell, settings)
        assert (code, _wrong(found)) == (1, {("model", "gemini-omni-1.2-flash")})
        assert vertex.books.accepted == []


def test_global_models_are_called_in_no_region() -> None:
    address = urlsplit("vertex://acme")
    assert regions_of(address, Addresses()) == {"us-central1"}
    omni = "gemini-omni-1.2-flash"
    assert regions_of(address, Addresses(fast_models=omni, quality_models=omni)) == frozenset()


def test_a_bucket_in_another_place_is_found(shell: Shell, ready: Mapping[str, str], project: Project) -> None:
    settings = {
        **ready,
        "REELBUS_PROVIDER": "vertex://acme/us-central1",
        "REELBUS_VERTEX_BASE_URL": "http://127.0.0.1:9",
    }
    here = storage()
    there = replace(here, command=lambda *at: [*here.command(*at), "-location", "EUROPE-WEST4"])
    with run_emulators([there]) as address:
        assert shell("setup", **{**settings, **address}).exit_code == 0
        code, found = _examine(shell, {**settings, **address})
    place = found["place", project.bucket]
    assert (code, place["verdict"]) == (1, "wrong")
    assert "is in europe-west4, and Vertex AI is called in us-central1" in place["words"]


def test_a_service_that_does_not_answer_is_one_line(shell: Shell, ready: Mapping[str, str]) -> None:
    nowhere = {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:9", "PUBSUB_EMULATOR_HOST": "127.0.0.1:9"}
    code, found = _examine(shell, {**ready, **nowhere})
    lines = {("database", "(default)"), ("bus", ready["REELBUS_BUS"])}
    assert (code, _wrong(found)) == (1, lines)
    assert all("does not answer" in found[line]["words"] for line in lines)
