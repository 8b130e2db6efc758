"""infra/deploy as it is: Terraform's own checks on the real providers' schemas, and what it makes against the code."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.deploy import checks, monitoring, safety
from tests.deploy.programs import check_alert_rules, check_containerfile, check_policies
from tests.deploy.running import DEPLOY, EVERYTHING, Deployment, State

MINIMAL = "examples/minimal/terraform.tfvars"
IMAGE = 'image = "r.example.com/reelbus@sha256:' + "0" * 64 + '"'


def test_the_files_are_formatted(deployment: Deployment) -> None:
    deployment.terraform("fmt", "-check", "-recursive", "-diff")


@pytest.mark.parametrize("folder", [".", "examples/github-actions"])
def test_every_argument_is_one_of_the_providers(folder: str, deployment: Deployment) -> None:
    deployment.validate(folder)


def test_its_own_tests(deployment: Deployment) -> None:
    deployment.test()


def test_everything_is_made_in_its_order(deployment: Deployment, state: State) -> None:
    safety.check_order(deployment, state)


def test_a_deployer_may_deploy_and_no_more() -> None:
    safety.check_deployer(DEPLOY / "examples/github-actions/main.tf")


def test_every_validation_is_tried() -> None:
    safety.check_refusals(DEPLOY)


def test_a_second_plan_is_empty(deployment: Deployment, state: State) -> None:
    deployment.plan_again(EVERYTHING)


@pytest.mark.parametrize(
    "check",
    [
        checks.check_topics,
        checks.check_subscriptions,
        checks.check_indexes,
        checks.check_records_stay,
        checks.check_bucket,
        checks.check_roles,
        checks.check_no_wide_role,
        checks.check_settings,
        checks.check_secrets,
        checks.check_containers,
        checks.check_evaluator,
        monitoring.check_alerts,
        safety.check_protected,
        safety.check_no_secret_in_state,
        safety.check_log_filters,
    ],
    ids=lambda check: check.__name__,
)
def test_what_is_made_is_what_the_code_needs(check: "checks.Check", state: State) -> None:
    check(state)


def test_the_smallest_deployment(environment: Mapping[str, str], tmp_path: Path) -> None:
    """The example, with an image: signed addresses, no consumer, no operator, no archive."""
    deployment = Deployment.copy(tmp_path, environment)
    values = deployment.folder / MINIMAL
    values.write_text(f"{values.read_text()}\n{IMAGE}\n")
    state = deployment.apply(MINIMAL)
    checks.check_bucket(state)
    checks.check_settings(state)
    checks.check_containers(state)
    checks.check_no_wide_role(state)
    facade, worker = checks.settings_of(state)
    assert worker.budgets
    assert facade.videos.endswith("?urls=signed")
    assert {who for who, _, _ in checks.roles_of(state)} == {"facade", "worker", *checks.AGENTS}


@pytest.mark.parametrize("file", sorted((DEPLOY / "dashboards").glob("*.json")), ids=lambda file: file.stem)
def test_a_dashboard_is_one(file: Path) -> None:
    monitoring.check_dashboard(file)


def test_metrics_have_the_names_of_the_code() -> None:
    monitoring.check_names()


def test_alerts_ask_for_what_is_emitted() -> None:
    monitoring.check_rules(DEPLOY / "alerts.yaml")


def test_alerts_fire_when_they_should_and_not_before() -> None:
    check_alert_rules(DEPLOY)


def test_every_alert_is_tested() -> None:
    rules = {rule["alert"] for rule in monitoring.rules_in(DEPLOY / "alerts.yaml")}
    fires, quiet = monitoring.alerts_tested(DEPLOY)
    assert (fires, quiet) == (rules, rules)


def test_the_containerfile() -> None:
    check_containerfile(DEPLOY / "Containerfile")
    safety.check_user(DEPLOY / "Containerfile")


def test_policies() -> None:
    check_policies(DEPLOY)


def test_the_env_file_is_one(deployment: Deployment, state: State) -> None:
    """The output `env` is what a `.env` needs."""
    lines = deployment.terraform("output", "-raw", "env").splitlines()
    checks.check_env_file(dict(line.split("=", 1) for line in lines))


def test_the_readme_lists_inputs_and_outputs() -> None:
    checks.check_readme(DEPLOY)
