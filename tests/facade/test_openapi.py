"""The OpenAPI document is valid, and speaks of every route."""

import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from publisher.facade.app import ROUTES
from publisher.facade.export import main
from publisher.facade.openapi import document
from publisher.facade.operations import OPERATIONS
from publisher.facade.responses import STATUS_OF
from schemas.wire.request import VideoRequest

_PLAIN = {"/", "/mcp", "/openapi.json", "/asyncapi.json", "/docs"}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document()


def test_it_is_valid(described: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(described).validate()


def test_every_route_is_described(described: dict[str, Any]) -> None:
    routes = {
        (re.sub(r":\w+}", "}", route.path), method.lower())
        for route in ROUTES
        if route.path not in _PLAIN
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert routes == {(path, method) for path, methods in described["paths"].items() for method in methods}


def test_every_failure_of_a_job_is_described() -> None:
    generate = next(operation for operation in OPERATIONS if operation.name == "generate")
    assert {*STATUS_OF.values(), 200, 202, 401, 408, 413, 415, 421, 500, 504} == set(generate.answers)


def test_each_call_says_which_scope_it_needs(described: dict[str, Any]) -> None:
    generate = described["paths"]["/api/videos/generate"]["post"]
    assert generate["security"] == [{"bearer": ["submit"]}, {"apiKey": ["submit"]}, {}]
    assert {"bearer": ["operate"]} in described["paths"]["/api/trouble"]["get"]["security"]


def test_the_schema_of_the_answers_is_that_of_the_node_package(tmp_path: Path) -> None:
    assert main(["--check"]) == 0
    stale = tmp_path / "api.schema.json"
    assert main(["--check"], stale) == 1
    assert main([], stale) == 0
    assert main(["--check"], stale) == 0
    assert main(["--write"], stale) == 2


def test_the_request_is_the_model_with_an_optional_id(described: dict[str, Any]) -> None:
    schema = described["components"]["schemas"]["VideoRequest"]
    assert set(schema["properties"]) == set(VideoRequest.model_fields)
    assert "job_id" not in schema.get("required", [])
    assert schema["additionalProperties"] is False
    whole, text, null = schema["properties"]["duration_seconds"]["anyOf"]
    assert (whole["maximum"], text["type"], null) == (30, "string", {"type": "null"})
    assert schema["properties"]["prompt"]["anyOf"][0]["minLength"] == 10
