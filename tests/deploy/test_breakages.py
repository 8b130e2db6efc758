"""Each check fails on a copy of infra/deploy that is broken on purpose, and says what is broken."""

import re
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.deploy import monitoring, safety
from tests.deploy.breakages import ORDER, REFUSED, ROUNDS, UNTESTED, Breakage
from tests.deploy.programs import check_alert_rules, check_containerfile, check_policies
from tests.deploy.queries import check_emitted
from tests.deploy.running import DEPLOY, EVERYTHING, ROOT, Deployment, State, TerraformFailed


def _broken(*edits: Breakage, root: Path, environment: Mapping[str, str]) -> Deployment:
    deployment = Deployment.copy(root, environment)
    for edit in edits:
        deployment.edit(edit.file, edit.old, edit.new)
    return deployment


@pytest.mark.parametrize("edit", REFUSED, ids=str)
def test_terraform_refuses(edit: Breakage, environment: Mapping[str, str], tmp_path: Path) -> None:
    with pytest.raises(TerraformFailed, match=edit.says):
        _broken(edit, root=tmp_path, environment=environment).validate()


def test_an_unformatted_file_is_found(environment: Mapping[str, str], tmp_path: Path) -> None:
    edit = Breakage("registry.tf", '  format        = "DOCKER"', '  format = "DOCKER"', "")
    with pytest.raises(TerraformFailed, match=r"\+ format ="):
        _broken(edit, root=tmp_path, environment=environment).terraform("fmt", "-check", "-recursive", "-diff")


def test_the_modules_own_tests_fail(environment: Mapping[str, str], tmp_path: Path) -> None:
    with pytest.raises(TerraformFailed) as failure:
        _broken(*UNTESTED, root=tmp_path, environment=environment).test()
    failed = set(re.findall(r'run "(\w+)"\.\.\. fail', str(failure.value)))
    assert failed == {edit.says for edit in UNTESTED}


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


@pytest.mark.parametrize("edit", ORDER, ids=str)
def test_what_is_made_too_early_is_found(
    edit: Breakage, state: State, environment: Mapping[str, str], tmp_path: Path
) -> None:
    deployment = _broken(edit, root=tmp_path, environment=environment)
    deployment.terraform("init", "-input=false")
    with pytest.raises(AssertionError, match=edit.says):
        safety.check_order(deployment, state)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('role     = "roles/run.developer"', 'role     = "roles/run.admin"', "roles/run.admin"),
        (" && assertion.ref == 'refs/heads/${var.branch}'", "", "assertion.ref"),
        ("'${var.repository_id}' &&", "'${var.repository_id}' ||", "assertion.repository_id"),
    ],
)
def test_a_deployer_that_may_do_more_is_found(old: str, new: str, says: str, tmp_path: Path) -> None:
    text = (DEPLOY / "examples/github-actions/main.tf").read_text()
    assert old in text
    (tmp_path / "main.tf").write_text(text.replace(old, new))
    with pytest.raises(AssertionError, match=re.escape(says)):
        safety.check_deployer(tmp_path / "main.tf")


def test_a_validation_that_no_run_tries_is_found(environment: Mapping[str, str], tmp_path: Path) -> None:
    edit = Breakage("tests/refused.tftest.hcl", "    var.consumers,\n    var.evaluator,\n    var.billing,\n", "", "")
    with pytest.raises(AssertionError, match=r"'consumers': 5.*'billing': 2"):
        safety.check_refusals(_broken(edit, root=tmp_path, environment=environment).folder)


def test_an_alert_without_its_page_is_found(environment: Mapping[str, str], tmp_path: Path) -> None:
    edit = Breakage("alerts.yaml", "alert: NoWorker", "alert: NoWorkers", "")
    with pytest.raises(TerraformFailed, match=r"docs/runbook/NoWorkers.md"):
        _broken(edit, root=tmp_path, environment=environment).apply(EVERYTHING)


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


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("USER 10001\n", "", "as root"),
        ("USER 10001\n", "USER root\n", "USER root"),
        ('ENTRYPOINT ["reelbus"]', "ENTRYPOINT reelbus", "a shell would take the SIGTERM"),
        ("STOPSIGNAL SIGTERM", "STOPSIGNAL SIGINT", "another signal"),
    ],
)
def test_an_image_that_runs_as_it_must_not_is_found(old: str, new: str, says: str, tmp_path: Path) -> None:
    text = (DEPLOY / "Containerfile").read_text()
    assert text.count(old) == 1
    (tmp_path / "Containerfile").write_text(text.replace(old, new))
    with pytest.raises(AssertionError, match=says):
        safety.check_user(tmp_path / "Containerfile")


def test_a_bucket_that_is_open_is_found(tmp_path: Path) -> None:
    text = (DEPLOY / "storage.tf").read_text()
    (tmp_path / "storage.tf").write_text(text.replace("uniform_bucket_level_access = true\n", ""))
    with pytest.raises(AssertionError, match="CKV_GCP_29"):
        check_policies(tmp_path)
