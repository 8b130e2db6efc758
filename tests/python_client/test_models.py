"""The models are those of the JSON Schemas, and the package imports nothing that it does not declare."""

import ast
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from publisher.plan import VideoPlan as ServerPlan
from reelbus_client.errors import ReelbusError
from reelbus_client.models import SpendReport, VideoPlan, VideoRequest
from reelbus_client.models.answers import Completion, JobView
from reelbus_client.transport import address_of

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "publisher/python"
CASES: list[dict[str, Any]] = json.loads((ROOT / "schemas/vectors/requests.json").read_text())["cases"]
LOOSE = re.compile(r"reference_image: .*|.*: noise.*|scene: an empty prompt is none")
"""Reelbus reads a little more than its schema says: the model is as strict as the schema."""


def is_refused(request: dict[str, Any]) -> bool:
    try:
        VideoRequest.model_validate(request)
    except ValidationError:
        return True
    return False


def test_a_request_that_reelbus_accepts_is_accepted() -> None:
    accepted = [case for case in CASES if "expected" in case]
    assert len(accepted) > 50
    refused = [case["name"] for case in accepted if is_refused(case["request"])]
    assert [name for name in refused if not LOOSE.fullmatch(name)] == []


def test_an_unknown_key_and_a_limit_are_refused() -> None:
    for fields in ({"promt": "A harbour at dawn"}, {"prompt": "short"}, {"duration_seconds": 31}):
        assert is_refused(fields)


def test_answers_keep_what_a_later_version_adds() -> None:
    for model in (Completion, JobView, VideoPlan, SpendReport):
        assert model.model_config["extra"] == "allow"
    assert {*VideoPlan.model_fields} == {*ServerPlan.model_fields}


def test_the_package_imports_only_what_it_declares() -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[>=<]", each)[0].replace("-", "_") for each in project["dependencies"]}
    more = {"pubsub.py": {"google"}, "push.py": {"google"}, "request.py": {"typing_extensions"}}  # pydantic's own
    for path in (PACKAGE / "reelbus_client").rglob("*.py"):
        allowed = declared | sys.stdlib_module_names | {"reelbus_client"} | more.get(path.name, set())
        found = {
            name.partition(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert found <= allowed, path.name


def test_its_version_and_its_licence_are_those_of_the_project() -> None:
    ours, theirs = (tomllib.loads((folder / "pyproject.toml").read_text())["project"] for folder in (ROOT, PACKAGE))
    assert (theirs["version"], theirs["license"]) == (ours["version"], ours["license"])
    assert (PACKAGE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize("url", ["ftp://acme", "localhost:8000", "http://", "http://[::1", "pubsub://acme"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ReelbusError, match="url must be http://… or https://…"):
        address_of(url, None)


def test_the_environment_names_the_facade_and_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELBUS_URL", ' "https://video.example.com/base/" ')
    monkeypatch.setenv("REELBUS_API_KEY", "key-1")
    address = address_of(None, None)
    assert (address.url, address.api_key) == ("https://video.example.com/base", "key-1")
    assert address_of("http://localhost:1", "key-2").place == "http://localhost:1 key-2"
