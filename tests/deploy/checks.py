"""What infra/deploy must agree on with the code. Each check raises `AssertionError` if it does not."""

import os
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from google.pubsub_v1 import types

from infra.gcp.firestore.parked import COLLECTION as PARKED
from infra.gcp.firestore.parked import INDEXES as PARKED_INDEXES
from infra.gcp.firestore.queries import indexes
from infra.gcp.pubsub.admin import Subscriptions, dead_letter_subscription_of
from infra.gcp.settings import bucket_settings, database_in, project_in
from publisher.facade.operations import OPERATIONS
from publisher.settings import PublisherSettings
from schemas.domain.object_names import FINALS, POSTERS, WORK
from schemas.ports import (
    DEAD_REQUESTS,
    Subscription,
)
from schemas.services.subscriptions import SHARED, TOPICS
from subscriber.evaluation.settings import EvaluatorSettings
from subscriber.settings import WorkerSettings
from tests.deploy.roles import PUBSUB, ROLES, ROLES_OF_OPTIONS, VERTEX
from tests.deploy.running import Resource, State

PROJECT = "demo-project"
FACADE = "google_cloud_run_v2_service.facade"
WORKERS = "google_cloud_run_v2_worker_pool.worker"
EVALUATOR = "google_cloud_run_v2_worker_pool.evaluator"
_WIDE = re.compile(r"roles/(owner|editor|viewer|browser|.*[aA]dmin.*|.*\.editor|iam\.serviceAccount\w+)")
AGENTS = frozenset({VERTEX, PUBSUB})
Check = Callable[[State], None]
_OTEL = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_RESOURCE_ATTRIBUTES"}


def agree(what: str, found: object, wanted: object) -> None:
    """Raise `AssertionError` that names both if they differ."""
    assert found == wanted, f"{what} must be {wanted!r}, not {found!r}"


def check_topics(state: State) -> None:
    """The topics are those that the bus publishes to, and stay in their region."""
    topics = state.of("google_pubsub_topic")
    agree("the topics", {it["name"] for it in topics}, {*TOPICS})
    for it in topics:
        agree(f"{it['name']} in", it["message_storage_policy"][0]["allowed_persistence_regions"], ["us-central1"])


def check_subscriptions(state: State) -> None:
    """The workers' subscriptions and that of the dead letters are what `reelbus setup` would make."""
    found = {it["name"]: it for it in state.of("google_pubsub_subscription")}
    for subscription in SHARED:
        _compare(found[subscription.name], _wanted(subscription))
    shelf = found[dead_letter_subscription_of(DEAD_REQUESTS)]
    agree("the topic of the dead letters", _topic_of(shelf), DEAD_REQUESTS)
    kept = (shelf["message_retention_duration"], shelf["expiration_policy"])
    agree("how long dead letters are kept", kept, ("2678400s", [{"ttl": ""}]))


def _wanted(subscription: Subscription) -> types.Subscription:
    clients: Any = None
    return Subscriptions(clients, clients, PROJECT).configuration_of(subscription, subscription.name)


def _compare(found: Resource, wanted: types.Subscription) -> None:
    name = found["name"]
    agree(f"the topic of {name}", _topic_of(found), wanted.topic.rpartition("/")[2])
    agree(f"{name}: ack_deadline_seconds", found["ack_deadline_seconds"], wanted.ack_deadline_seconds)
    assert found["expiration_policy"] == [{"ttl": ""}], f"{name} must never expire"
    assert not wanted.expiration_policy.ttl, name
    [retry] = found["retry_policy"]
    backoff = wanted.retry_policy
    agree(f"{name}: minimum_backoff", _seconds(retry["minimum_backoff"]), backoff.minimum_backoff.total_seconds())
    agree(f"{name}: maximum_backoff", _seconds(retry["maximum_backoff"]), backoff.maximum_backoff.total_seconds())
    assert retry["minimum_backoff"] == "0.100s", "the API answers with three digits"
    dead = [(it["dead_letter_topic"], it["max_delivery_attempts"]) for it in found["dead_letter_policy"]]
    policy = wanted.dead_letter_policy
    limits = [(policy.dead_letter_topic, policy.max_delivery_attempts)] if policy.dead_letter_topic else []
    agree(f"{name}: dead letters", dead, limits)
    assert not found.get("enable_message_ordering"), name
    assert not found.get("enable_exactly_once_delivery"), name
    kept, wanted_s = found["message_retention_duration"], wanted.message_retention_duration.total_seconds()
    agree(f"how long {name} keeps messages", _seconds(kept), wanted_s)


def _topic_of(subscription: Resource) -> str:
    return str(subscription["topic"]).rpartition("/")[2]


def _seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


def check_indexes(state: State) -> None:
    """Every query has its index, and no other index is paid for."""
    found = {
        (
            it["collection"],
            tuple((field["field_path"], field["order"] or field["array_config"]) for field in it["fields"]),
        )
        for it in state.of("google_firestore_index")
    }
    wanted = {*(("jobs", index) for index in indexes()), *((PARKED, index) for index in PARKED_INDEXES)}
    assert found == wanted, f"missing: {sorted(wanted - found)}, without a query: {sorted(found - wanted)}"


def check_records_stay(state: State) -> None:
    """No record is deleted by itself, by Terraform, or for good: a forgotten job would be paid again."""
    database = state.one("google_firestore_database")
    agree("delete_protection_state", database["delete_protection_state"], "DELETE_PROTECTION_ENABLED")
    recovery = database["point_in_time_recovery_enablement"]
    agree("point_in_time_recovery_enablement", recovery, "POINT_IN_TIME_RECOVERY_ENABLED")
    agree("the number of backup schedules", len(state.of("google_firestore_backup_schedule")), 1)
    for field in state.of("google_firestore_field"):
        assert not field.get("ttl_config"), f"a TTL on {field['field']} deletes tombstones"


def check_bucket(state: State) -> None:
    """Files under `work/` expire and nothing else does; only finished videos and posters may be public."""
    bucket = state.one("google_storage_bucket")
    deletes = [it["condition"][0] for it in bucket["lifecycle_rule"] if it["action"][0]["type"] == "Delete"]
    agree("what is deleted by age", [it["matches_prefix"] for it in deletes], [[WORK]])
    agree("uniform_bucket_level_access", bucket["uniform_bucket_level_access"], True)
    public = {
        (address.partition(".")[0], it.get("managed_folder"))
        for address, it in state.resources.items()
        if {"allUsers", "allAuthenticatedUsers"} & {it.get("member"), *(it.get("members") or ())}
    }
    folders = {"google_storage_managed_folder_iam_member"}
    signed = "?urls=signed" in environment_of(state, FACADE)["REELBUS_VIDEOS"]
    agree(
        "what is public", public, set() if signed else {(kind, name) for kind in folders for name in (FINALS, POSTERS)}
    )
    agree("public_access_prevention", bucket["public_access_prevention"], "enforced" if signed else "inherited")


def roles_of(state: State) -> set[tuple[str, str, str]]:
    """Return who has which role on what, of every grant in the state."""
    return {
        (_who(it["member"]), it["role"].removeprefix("roles/"), _what(kind, it))
        for address, it in state.resources.items()
        if (kind := address.partition(".")[0]).endswith("_iam_member")
    }


def _who(member: str) -> str:
    name = member.removeprefix("serviceAccount:").removesuffix(f"@{PROJECT}.iam.gserviceaccount.com")
    return name.removeprefix("reelbus-")


def _what(kind: str, grant: Resource) -> str:
    keys = ("topic", "subscription", "managed_folder", "bucket", "secret_id", "service_account_id", "table_id", "name")
    if kind == "google_project_iam_member":
        conditions = [it["expression"] for it in grant["condition"]]
        own = f'resource.name == "projects/{PROJECT}/databases/(default)"'
        return {(): "the project", (own,): "the database"}.get(tuple(conditions), str(conditions))
    return next(str(grant[key]).rpartition("/")[2] or str(grant[key]) for key in keys if grant.get(key))


def check_roles(state: State) -> None:
    """Each role is one of the table, and none of the table is missing."""
    found, wanted = roles_of(state), ROLES | ROLES_OF_OPTIONS
    assert found == wanted, f"too many: {sorted(found - wanted)}, missing: {sorted(wanted - found)}"


def check_no_wide_role(state: State) -> None:
    """No account may administer, edit or impersonate anything but itself."""
    for who, role, what in roles_of(state):
        is_own = role == "iam.serviceAccountTokenCreator" and what in (who, f"reelbus-{who}")
        assert is_own or not _WIDE.fullmatch(f"roles/{role}"), f"{who} has {role} on {what}"
    for kind in ("google_project_iam_binding", "google_project_iam_policy", "google_storage_bucket_iam_policy"):
        assert not state.of(kind), f"{kind} takes roles from others"
    for custom in state.of("google_project_iam_custom_role"):
        assert not [it for it in custom["permissions"] if "setIamPolicy" in it or "*" in it]


def container_of(state: State, kind: str) -> dict[str, Any]:
    """Return the container of the service or of the worker pool."""
    found: dict[str, Any] = state.one(kind)["template"][0]["containers"][0]
    return found


def environment_of(state: State, kind: str) -> dict[str, str]:
    """Return the variables of a container that are no secrets."""
    return {it["name"]: it["value"] for it in container_of(state, kind)["env"] if not it["value_source"]}


def check_settings(state: State) -> None:
    """Facade and worker know every variable, take its value, and agree on the addresses."""
    facade, worker = settings_of(state)
    for settings in (facade, worker):
        assert project_in(urlsplit(settings.bus)) == PROJECT
        assert database_in(urlsplit(settings.jobs)) == (PROJECT, "(default)")
        assert bucket_settings(urlsplit(settings.videos)).bucket == f"{PROJECT}-videos"
        assert settings.provider == f"vertex://{PROJECT}/us-central1"
        assert settings.public_url.startswith("https://")
    addresses = ("bus", "jobs", "videos", "provider", "public_url", "reference_buckets")
    shared = (*addresses, "submits_per_minute", "webhook_networks", "webhook_ports")
    agree(
        f"the facade's {shared}", [getattr(facade, name) for name in shared], [getattr(worker, name) for name in shared]
    )
    pool = state.one(WORKERS)
    agree("REELBUS_WORKERS", worker.workers, pool["scaling"][0]["manual_instance_count"])
    agree("scaling_mode, since a changing count breaks the pace,", pool["scaling"][0]["scaling_mode"], "MANUAL")
    agree("REELBUS_HOST", facade.host, "0.0.0.0")
    assert worker.drain_s < 10, "Cloud Run sends SIGKILL ten seconds after SIGTERM"


def settings_of(state: State) -> tuple[PublisherSettings, WorkerSettings]:
    """Read both containers' variables as the processes would. Raises for an unknown name or a wrong value."""
    with _only(environment_of(state, FACADE), PublisherSettings):
        facade = PublisherSettings(_env_file=None)
    with _only(environment_of(state, WORKERS), WorkerSettings):
        worker = WorkerSettings(_env_file=None)
    return facade, worker


def _only(variables: dict[str, str], side: type[PublisherSettings | WorkerSettings | EvaluatorSettings]) -> Any:
    for name in variables.keys() - _OTEL:
        field = name.removeprefix("REELBUS_").lower()
        assert field in side.model_fields, f"no {side.__name__} reads {name}"
    return patch.dict(os.environ, variables, clear=True)


def secrets_of(state: State, kind: str) -> dict[str, str]:
    """Return the secrets of a container by the variables that hold them."""
    variables = [it for it in container_of(state, kind)["env"] if it["value_source"]]
    return {it["name"]: it["value_source"][0]["secret_key_ref"][0]["secret"] for it in variables}


def check_secrets(state: State) -> None:
    """Facade and worker get the secrets that their settings read, and may read them."""
    keys = {"REELBUS_API_KEYS": "reelbus-api-keys"}
    masters = {"REELBUS_WEBHOOK_SECRETS": "reelbus-webhook-secrets"}
    endpoints = {"REELBUS_WEBHOOK_ENDPOINTS": "reelbus-webhook-endpoints"}
    c2pa = {"REELBUS_C2PA_CERTIFICATE": "reelbus-c2pa-certificate", "REELBUS_C2PA_KEY": "reelbus-c2pa-key"}
    roles = roles_of(state)
    for who, kind, side, wanted in (
        ("facade", FACADE, PublisherSettings, keys | masters),
        ("worker", WORKERS, WorkerSettings, masters | endpoints | c2pa),
    ):
        found = secrets_of(state, kind)
        agree(f"the secrets of the {who}", found, wanted)
        for name, secret in found.items():
            assert name.removeprefix("REELBUS_").lower() in side.model_fields, f"no {who} reads {name}"
            assert (who, "secretmanager.secretAccessor", secret) in roles, f"the {who} may not read {secret}"
            agree(
                f"{secret} is made",
                [it["secret_id"] for it in state.of("google_secret_manager_secret")].count(secret),
                1,
            )


def check_containers(state: State) -> None:
    """Probes ask what exists, callers are waited for, and the facade hears completions between requests."""
    paths = {operation.path for operation in OPERATIONS}
    service, pool = state.one(FACADE), state.one(WORKERS)
    facade, worker = settings_of(state)
    _check_probes(state, FACADE, None)
    _check_probes(state, WORKERS, worker.health_port)
    assert {"/livez", "/readyz"} <= paths
    template = service["template"][0]
    assert _seconds(template["timeout"]) > facade.wait_s
    at_once = template["max_instance_request_concurrency"]
    assert at_once == 1000, f"an instance must carry 1000 callers that wait, not {at_once}"
    agree("cpu_idle", container_of(state, FACADE)["resources"][0]["cpu_idle"], False)
    assert template["service_account"] != pool["template"][0]["service_account"]
    assert service["scaling"][0]["min_instance_count"] >= 1


def _check_probes(state: State, kind: str, port: int | None) -> None:
    container = container_of(state, kind)
    probes = [container[name][0]["http_get"][0] for name in ("startup_probe", "liveness_probe")]
    agree(f"the probes of {kind}", [it["path"] for it in probes], ["/readyz", "/livez"])
    assert port is None or {it["port"] for it in probes} == {port}, f"{kind}: probes must ask REELBUS_HEALTH_PORT"
    assert "@sha256:" in container["image"], kind


def check_evaluator(state: State) -> None:
    """The evaluator knows every variable, works on the stores of the workers, and has their image but no secret."""
    _, worker = settings_of(state)
    with _only(environment_of(state, EVALUATOR), EvaluatorSettings):
        settings = EvaluatorSettings(_env_file=None)
    stores = ("bus", "jobs", "videos", "public_url")
    agree(
        f"the evaluator's {stores}",
        [getattr(settings, name) for name in stores],
        [getattr(worker, name) for name in stores],
    )
    agree("REELBUS_EVALUATION", settings.evaluation_address.geturl(), f"vertex://{PROJECT}/europe-west4")
    agree("the share of acme", (settings.share_of("acme"), settings.share_of("other")), (0.1, 0.01))
    agree("REELBUS_EVALUATION_PRICE_USD", settings.evaluation_price_usd, Decimal("0.05"))
    agree("REELBUS_EVALUATIONS_PER_DAY", settings.evaluations_per_day, 50)
    agree("REELBUS_HOST of the evaluator", settings.host, "0.0.0.0")
    _check_probes(state, EVALUATOR, settings.health_port)
    container = container_of(state, EVALUATOR)
    agree("what the evaluator runs", container["args"], ["evaluator"])
    agree("the image of the evaluator", container["image"], container_of(state, WORKERS)["image"])
    agree("the secrets of the evaluator", secrets_of(state, EVALUATOR), {})
    account = state.one(EVALUATOR)["template"][0]["service_account"]
    agree("the account of the evaluator", account, f"reelbus-evaluator@{PROJECT}.iam.gserviceaccount.com")


def check_env_file(variables: dict[str, str]) -> None:
    """The lines are settings of the command line and of a worker on another machine, and sign as an account."""
    with _only(variables, WorkerSettings):
        settings = WorkerSettings(_env_file=None)
    assert {"REELBUS_BUS", "REELBUS_JOBS", "REELBUS_VIDEOS", "REELBUS_PROVIDER"} <= variables.keys()
    bucket_settings(urlsplit(settings.videos))


def check_readme(folder: Path) -> None:
    """The page lists every variable and every output."""
    page = (folder / "README.md").read_text()
    for kind, file in (("variable", "variables.tf"), ("output", "outputs.tf")):
        for name in re.findall(rf'^{kind} "(\w+)"', (folder / file).read_text(), re.MULTILINE):
            assert f"| `{name}` |" in page, f"README.md does not list the {kind} {name}"
