"""`infra/deploy/compose.yaml` is held to the settings, and to the image that it runs."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from publisher.settings import PublisherSettings
from schemas.settings import NAMES, PREFIX
from subscriber.evaluation.settings import EvaluatorSettings
from subscriber.settings import WorkerSettings

DEPLOY = Path(__file__).parents[2] / "infra/deploy"
IMAGE = (DEPLOY / "Containerfile").read_text()
IGNORED = DEPLOY / "Containerfile.dockerignore"
"""Docker and podman look for it under this name: another one would let all files in."""
TEXT = (DEPLOY / "compose.yaml").read_text()


@pytest.fixture
def services() -> Any:
    return import_module("yaml").safe_load(TEXT)["services"]


def test_each_service_runs_a_command_of_the_image(services: Any) -> None:
    assert {name: service["command"] for name, service in services.items()} == {
        "facade": ["serve"],
        "worker": ["worker"],
        "evaluator": ["evaluator"],
    }
    assert 'ENTRYPOINT ["reelbus"]' in IMAGE


def test_the_evaluator_is_started_only_when_it_is_asked_for(services: Any) -> None:
    assert {name: service.get("profiles") for name, service in services.items() if "profiles" in service} == {
        "evaluator": ["evaluator"]
    }


def test_each_is_probed_on_its_own_port(services: Any) -> None:
    ports = {"facade": "PORT", "worker": "REELBUS_HEALTH_PORT", "evaluator": "REELBUS_HEALTH_PORT"}
    assert ports.keys() == services.keys()
    for name, variable in ports.items():
        address = f"http://127.0.0.1:{services[name]['environment'][variable]}/readyz"
        assert address in services[name]["healthcheck"]["test"][-1]


def test_every_variable_is_a_setting(services: Any) -> None:
    given = {name for service in services.values() for name in service["environment"]}
    given |= set(re.findall(r"\$\{(\w+)", TEXT)) - {"REELBUS_IMAGE"}
    given |= set(re.findall(r"\b(REELBUS_\w+)=", IMAGE))
    assert {name.removeprefix(PREFIX) for name in given} <= NAMES


def test_each_program_accepts_its_settings(services: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # where no .env is
    of_image = dict(re.findall(r"\b(REELBUS_\w+)=(\S+)", IMAGE))
    models = {"facade": PublisherSettings, "worker": WorkerSettings, "evaluator": EvaluatorSettings}
    for name, model in models.items():
        with monkeypatch.context() as environment:
            for variable, value in {**of_image, **services[name]["environment"]}.items():
                environment.setenv(variable, re.sub(r"\$\{\w+:-(.*)\}", r"\1", value))
            settings = model()
        assert settings.host == "0.0.0.0"
        assert settings.facade_url == "http://localhost:8000"
        assert settings.jobs_url == "sqlite:///data/reelbus.db"


def test_all_share_one_volume_and_write_nowhere_else(services: Any) -> None:
    for service in services.values():
        assert service["volumes"] == ["data:/data"]
        assert service["environment"]["REELBUS_DATA_DIR"] == "/data"
        assert service["read_only"]
        assert service["user"].startswith("10001")
        assert service["cap_drop"] == ["ALL"]
        assert [entry.split(":")[0] for entry in service["tmpfs"]] == ["/tmp"]
    assert "/data" in IMAGE
    assert "USER 10001" in IMAGE


def test_the_port_is_published_on_this_machine_alone(services: Any) -> None:
    environment = services["facade"]["environment"]
    assert services["facade"]["ports"] == [f"127.0.0.1:{environment['PORT']}:{environment['PORT']}"]
    assert [name for name, service in services.items() if "ports" in service] == ["facade"]


def test_compose_builds_the_same_image(services: Any) -> None:
    for service in services.values():
        folder = DEPLOY / service["build"]["context"]
        assert (folder / service["build"]["dockerfile"]).samefile(DEPLOY / "Containerfile")


def test_the_image_copies_what_the_wheel_needs_and_ignores_the_rest() -> None:
    assert "infra/deploy" in IGNORED.read_text().splitlines(), "a state of Terraform may hold secrets"
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", IMAGE, re.MULTILINE))
    names = {name for line in copied for name in line.split()}
    kept = {line[1:] for line in IGNORED.read_text().splitlines() if line.startswith("!")}
    assert kept == names
    assert all((DEPLOY.parents[1] / name).exists() for name in names)
