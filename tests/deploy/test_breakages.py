"""Each check fails on a copy of infra/deploy that is broken on purpose, and says what is broken."""

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.deploy import checks, monitoring
from tests.deploy.programs import check_alert_rules, check_containerfile, check_policies
from tests.deploy.queries import check_emitted
from tests.deploy.running import DEPLOY, EVERYTHING, ROOT, Deployment, State, TerraformFailed


@dataclass(frozen=True, slots=True)
class Breakage:
    """One edit of one file, and a part of what the check then says."""

    file: str
    old: str
    new: str
    says: str
    check: checks.Check | None = None

    def __str__(self) -> str:
        return re.sub(r"\W+", "-", f"{self.file} {self.new or 'without ' + self.old}").strip("-")[:60]


def _broken(*edits: Breakage, root: Path, environment: Mapping[str, str]) -> Deployment:
    deployment = Deployment.copy(root, environment)
    for edit in edits:
        deployment.edit(edit.file, edit.old, edit.new)
    return deployment


_NEVER = 'ttl = "" # never; the default deletes it after 31 days without a worker'
_DEADLINE = "ack_deadline_seconds       = 60 # a push endpoint has so long to answer"
REFUSED = (
    Breakage("clients.tf", _DEADLINE, "ack_deadline = 60", "Unsupported argument"),
    Breakage("clients.tf", _DEADLINE, 'ack_deadline_seconds = "a minute"', "a number is required"),
    Breakage("firestore.tf", '"FIRESTORE_NATIVE"', '"FIRESTORE"', "is not one of"),
    Breakage("storage.tf", "  managed_folder = each.value.name\n", "", 'argument "managed_folder" is required'),
    Breakage("secrets.tf", "  replication {\n    auto {}\n  }\n", "", '"replication" blocks'),
    Breakage("run.tf", 'service_account.role["worker"].email', "service_account.other.email", "undeclared resource"),
    Breakage("registry.tf", '"google_artifact_registry_repository"', '"google_registry"', "does not support resource"),
    Breakage("iam.tf", "depends_on   = [", "depends_on   = [google_service_account_iam_member.signs, ", "Cycle"),
)


@pytest.mark.parametrize("edit", REFUSED, ids=str)
def test_terraform_refuses(edit: Breakage, environment: Mapping[str, str], tmp_path: Path) -> None:
    with pytest.raises(TerraformFailed, match=edit.says):
        _broken(edit, root=tmp_path, environment=environment).validate()


def test_an_unformatted_file_is_found(environment: Mapping[str, str], tmp_path: Path) -> None:
    edit = Breakage("registry.tf", '  format        = "DOCKER"', '  format = "DOCKER"', "")
    with pytest.raises(TerraformFailed, match=r"\+ format ="):
        _broken(edit, root=tmp_path, environment=environment).terraform("fmt", "-check", "-recursive", "-diff")


UNTESTED = (
    Breakage("run.tf", "cpu_idle          = false", "cpu_idle          = true", "facade_and_workers"),
    Breakage("variables.tf", 'can(regex("^[a-z0-9./_-]+(:', 'true || can(regex("^[a-z0-9./_-]+(:', "refused_1"),
    Breakage(
        "storage.tf",
        "force_destroy               = !var.protect",
        "force_destroy = true",
        "everything_is_protected_by_default",
    ),
    Breakage("run.tf", 'invoker_iam_disabled = var.access != "iam"', "invoker_iam_disabled = true", "iam"),
)


def test_the_modules_own_tests_fail(environment: Mapping[str, str], tmp_path: Path) -> None:
    with pytest.raises(TerraformFailed) as failure:
        _broken(*UNTESTED, root=tmp_path, environment=environment).test()
    failed = set(re.findall(r'run "(\w+)"\.\.\. fail', str(failure.value)))
    assert failed == {edit.says for edit in UNTESTED}


ROUNDS = (
    (
        Breakage("pubsub.tf", '= "video-requests-batch"', '= "video-requests-bulk"', "bulk", checks.check_topics),
        Breakage("run.tf", "REELBUS_DRAIN_S ", "REELBUS_DRAIN ", "reads REELBUS_DRAIN", checks.check_settings),
        Breakage(
            "storage.tf", '["generated-videos/", "', '["work/", "generated-videos/", "', "work/", checks.check_bucket
        ),
        Breakage("iam.tf", '"roles/aiplatform.user"', '"roles/aiplatform.admin"', "admin", checks.check_no_wide_role),
        Breakage(
            "firestore.tf",
            "  index_config {}\n",
            "  index_config {}\n  ttl_config {}\n",
            "TTL",
            checks.check_records_stay,
        ),
        Breakage("monitoring.tf", "lookup(local.words, word, word)", "word", "the query of", monitoring.check_alerts),
    ),
    (
        Breakage(
            "pubsub.tf", "max_delivery_attempts = 20", "max_delivery_attempts = 5", "5", checks.check_subscriptions
        ),
        Breakage(
            "pubsub.tf", "persistence_regions = [var.region]", 'persistence_regions = ["eu"]', "eu", checks.check_topics
        ),
        Breakage(
            "iam.tf",
            '"roles/aiplatform.user"',
            '"roles/iam.serviceAccountTokenCreator"',
            "the project",
            checks.check_no_wide_role,
        ),
        Breakage(
            "run.tf",
            'path = "/livez"\n          port',
            'path = "/alive"\n          port',
            "alive",
            checks.check_containers,
        ),
        Breakage(
            "firestore.tf",
            '"POINT_IN_TIME_RECOVERY_ENABLED"',
            '"POINT_IN_TIME_RECOVERY_DISABLED"',
            "DISABLED",
            checks.check_records_stay,
        ),
        Breakage(
            "firestore.tf",
            "for index in local.firestore.indexes :",
            "for index in slice(local.firestore.indexes, 1, 52) :",
            "created_at",
            checks.check_indexes,
        ),
        Breakage(
            "evaluator.tf",
            "google_service_account.evaluator[0].email",
            'google_service_account.role["worker"].email',
            "the account of the evaluator",
            checks.check_evaluator,
        ),
        Breakage("monitoring.tf", '"5m" = "300s"', '"5m" = "60s"', "300s", monitoring.check_alerts),
        Breakage(
            "pubsub.tf",
            'facade = ["requests", "batch", "completions", "film_requests"]',
            'facade = ["requests", "batch", "completions", "film_requests", "dead"]',
            "video-requests-dead",
            checks.check_roles,
        ),
    ),
    (
        Breakage(
            "pubsub.tf",
            'minimum_backoff = "0.100s" # three',
            'minimum_backoff = "10s" # three',
            "video-",
            checks.check_subscriptions,
        ),
        Breakage(
            "secrets.tf",
            "google_service_account.role[each.value.role].member",
            "local.worker",
            "the facade may not read",
            checks.check_secrets,
        ),
        Breakage("run.tf", '"8" # Cloud Run', '"soon" # Cloud Run', "REELBUS_DRAIN_S|drain_s", checks.check_settings),
        Breakage(
            "storage.tf",
            'matches_prefix = ["work/"]',
            'matches_prefix = ["generated-videos/"]',
            "generated-videos",
            checks.check_bucket,
        ),
        Breakage(
            "pubsub.tf",
            'role         = "roles/pubsub.viewer"',
            'role         = "roles/pubsub.editor"',
            "editor",
            checks.check_no_wide_role,
        ),
        Breakage("monitoring.tf", 'page = "CRITICAL"', 'page = "ERROR"', "ERROR", monitoring.check_alerts),
    ),
    (
        Breakage("pubsub.tf", _NEVER, 'ttl = "2678400s"', "never expire", checks.check_subscriptions),
        Breakage(
            "run.tf",
            "max_instance_request_concurrency = 1000 ",
            "max_instance_request_concurrency = 80 ",
            "80",
            checks.check_containers,
        ),
        Breakage(
            "secrets.tf",
            'REELBUS_WEBHOOK_SECRETS = { id = "reelbus-webhook-secrets", readers = ["facade", "worker"] }',
            'REELBUS_WEBHOOK_SECRETS = { id = "reelbus-webhook-secrets", readers = ["facade"] }',
            "the secrets of the worker",
            checks.check_secrets,
        ),
        Breakage("run.tf", "= tostring(var.workers)", '= "1"', "1", checks.check_settings),
        Breakage(
            "evaluator.tf",
            "REELBUS_EVALUATIONS_PER_DAY  =",
            "REELBUS_EVALUATION_PER_DAY =",
            "reads REELBUS_EVALUATION_PER_DAY",
            checks.check_evaluator,
        ),
        Breakage(
            "pubsub.tf",
            "for_each     = google_pubsub_subscription.queue\n",
            "for_each     = {}\n",
            "agent@pubsub",
            checks.check_roles,
        ),
    ),
)
_CASES = [
    pytest.param(number, edit, id=str(edit), marks=pytest.mark.xdist_group(f"round {number}"))
    for number, edits in enumerate(ROUNDS)
    for edit in edits
]


@pytest.fixture(scope="module")
def broken_states(environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], State]:
    """Apply all edits of a round together: they concern different checks, and an apply takes seconds."""

    @cache
    def apply(number: int) -> State:
        root = tmp_path_factory.mktemp(f"round-{number}")
        return _broken(*ROUNDS[number], root=root, environment=environment).apply(EVERYTHING)

    return apply


@pytest.mark.parametrize(("number", "edit"), _CASES)
def test_what_the_code_does_not_need_is_found(
    number: int, edit: Breakage, broken_states: Callable[[int], State]
) -> None:
    assert edit.check
    with pytest.raises((AssertionError, ValueError), match=edit.says):
        edit.check(broken_states(number))


def test_a_plan_that_is_never_empty_is_found(environment: Mapping[str, str], tmp_path: Path) -> None:
    edit = Breakage(
        "registry.tf", 'repository_id = "reelbus"', 'repository_id = "r${formatdate("hhmmss", timestamp())}"', ""
    )
    deployment = _broken(edit, root=tmp_path, environment=environment)
    deployment.apply(EVERYTHING)
    with pytest.raises(TerraformFailed, match="repository_id"):
        deployment.plan_again(EVERYTHING)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("> 1800", "> 1900", "RequestsWait"),
        ("for: 30m", "for: 5m", "Quota"),
        ('{reelbus_clip_state="unknown"}[1h]', '{reelbus_clip_state="lost"}[1h]', "MoneyUnclear"),
        ("> 0.01", "> 0.5", "Facade"),
    ],
)
def test_an_alert_that_fires_early_or_late_is_found(old: str, new: str, says: str, tmp_path: Path) -> None:
    rules = (DEPLOY / "alerts.yaml").read_text()
    assert old in rules
    (tmp_path / "alerts.yaml").write_text(rules.replace(old, new))
    for file in DEPLOY.glob("*.test.yaml"):
        shutil.copy(file, tmp_path)
    with pytest.raises(AssertionError, match=says):
        check_alert_rules(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"sectionHeader"', '"sectionHead"', "sectionHead"),
        ('"LINE"', '"LINES"', "LINES"),
        (r"{\"reelbus.spend\"}", r"{\"reelbus.spent\"}", "reelbus.spent"),
        ('"xPos": 16', '"xPos": 15', "Spent in the last hour"),
        (r"\"reelbus.job.state\"=\"failed\"", r"\"reelbus.job.state\"=\"broken\"", "never broken"),
        (r"by (\"reelbus.budget\")", r"by (\"reelbus.charged\")", "has the label ['reelbus.charged']"),
        (r"reelbus.job.duration_bucket", r"reelbus.job.duration", "is a histogram"),
        ("run_googleapis_com:request_count", "run_googleapis_com:requests", "Google has no metric"),
    ],
)
def test_a_dashboard_that_google_refuses_is_found(old: str, new: str, says: str, tmp_path: Path) -> None:
    text = (DEPLOY / "dashboards/reelbus.json").read_text()
    assert old in text
    file = tmp_path / "broken.json"
    file.write_text(text.replace(old, new))
    with pytest.raises((AssertionError, ValueError), match=re.escape(says)):
        monitoring.check_dashboard(file)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            'reelbus_clip_state="unknown"}[1h])) > 0',
            'reelbus_job_state="unknown"}[1h])) > 0',
            "no label reelbus.job.state",
        ),
        ('reelbus_waiting_for="quota"', 'reelbus_waiting_for="quotas"', "never quotas"),
        ("|input_not_found", "", "not left out {'input_not_found'}"),
        ('action="generation_lost"', 'action="generation_gone"', "never generation_gone"),
        ('subscription_id="film-workers"', 'subscription_id="films-workers"', "never films-workers"),
        ("subscription_ack_message_count", "subscription_acked_count", "Google has no metric"),
        ("reelbus_spend_total{}[1h])) > 20", "reelbus_spend{}[1h])) > 20", "no metric is named reelbus_spend"),
    ],
)
def test_an_alert_on_what_nothing_emits_is_found(old: str, new: str, says: str, tmp_path: Path) -> None:
    rules = (DEPLOY / "alerts.yaml").read_text()
    assert old in rules
    (tmp_path / "alerts.yaml").write_text(rules.replace(old, new))
    with pytest.raises(AssertionError, match=re.escape(says)):
        monitoring.check_rules(tmp_path / "alerts.yaml")


def test_a_metric_that_no_code_counts_is_found(tmp_path: Path) -> None:
    for file in (ROOT / "infra/telemetry").glob("*.py"):
        (tmp_path / file.name).write_text(file.read_text().replace('"reelbus.conflicts"', '"reelbus.clashes"'))
    with pytest.raises(AssertionError, match=r"no code counts \['reelbus.conflicts'\]"):
        check_emitted(tmp_path)


def test_an_image_that_is_built_carelessly_is_found(tmp_path: Path) -> None:
    file = tmp_path / "Containerfile"
    file.write_text("FROM python:latest\nRUN pip install reelbus\nCMD reelbus serve\n")
    with pytest.raises(AssertionError) as failure:
        check_containerfile(file)
    assert {"DL3007", "DL3013", "DL3025"} <= set(re.findall(r"DL\d+", str(failure.value)))


def test_a_bucket_that_is_open_is_found(tmp_path: Path) -> None:
    text = (DEPLOY / "storage.tf").read_text()
    (tmp_path / "storage.tf").write_text(text.replace("uniform_bucket_level_access = true\n", ""))
    with pytest.raises(AssertionError, match="CKV_GCP_29"):
        check_policies(tmp_path)
