"""`infra/deploy/compose.yaml` is held to the settings, and to the image that it runs."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from schemas.settings import NAMES, PREFIX

DEPLOY = Path(__file__).parents[2] / "infra/deploy"
IMAGE = (DEPLOY / "Containerfile").read_text()
TEXT = (DEPLOY / "compose.yaml").read_text()


@pytest.fixture
def services() -> Any:
    return import_module("yaml").safe_load(TEXT)["services"]


def test_facade_and_worker_run_the_image_s_two_commands(services: Any) -> None:
    assert {name: service["command"] for name, service in services.items()} == {
        "facade": ["serve"],
        "worker": ["worker"],
    }
    assert 'ENTRYPOINT ["reelbus"]' in IMAGE


def test_both_are_probed_on_their_own_port(services: Any) -> None:
    ports = {"facade": "PORT", "worker": "REELBUS_HEALTH_PORT"}
    for name, variable in ports.items():
        address = f"http://127.0.0.1:{services[name]['environment'][variable]}/readyz"
        assert address in services[name]["healthcheck"]["test"][-1]


def test_every_variable_is_a_setting(services: Any) -> None:
    given = {name for service in services.values() for name in service["environment"]}
    given |= set(re.findall(r"\$\{(\w+)", TEXT)) - {"REELBUS_IMAGE"}
    given |= set(re.findall(r"\b(REELBUS_\w+)=", IMAGE))
    assert {name.removeprefix(PREFIX) for name in given} <= NAMES


def test_both_share_one_volume_and_write_nowhere_else(services: Any) -> None:
    for service in services.values():
        assert service["volumes"] == ["data:/data"]
        assert service["environment"]["REELBUS_DATA_DIR"] == "/data"
        assert service["read_only"]
        assert service["user"].startswith("10001")
        assert service["cap_drop"] == ["ALL"]
    assert "/data" in IMAGE
    assert "USER 10001" in IMAGE


def test_the_port_is_published_on_this_machine_alone(services: Any) -> None:
    environment = services["facade"]["environment"]
    assert services["facade"]["ports"] == [f"127.0.0.1:{environment['PORT']}:{environment['PORT']}"]
    assert "ports" not in services["worker"]


def test_the_image_copies_what_the_wheel_needs_and_ignores_the_rest() -> None:
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", IMAGE, re.MULTILINE))
    names = {name for line in copied for name in line.split()}
    kept = {line[1:] for line in (DEPLOY / ".containerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == names
    assert all((DEPLOY.parents[1] / name).exists() for name in names)
