"""The OpenAPI document is valid, and speaks of every route."""

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from publisher.facade.app import ROUTES
from publisher.facade.openapi import document
from publisher.facade.operations import OPERATIONS
from publisher.facade.responses import STATUS_OF
from schemas.wire.request import VideoRequest

_PLAIN = {"/", "/openapi.json"}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document()


def test_it_is_valid(described: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(described).validate()


def test_every_route_is_described(described: dict[str, Any]) -> None:
    routes = {
        (route.path.replace(":video_id}", "}").replace(":path}", "}"), method.lower())
        for route in ROUTES
        if route.path not in _PLAIN
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert routes == {(path, method) for path, methods in described["paths"].items() for method in methods}


def test_every_failure_of_a_job_is_described() -> None:
    generate = next(operation for operation in OPERATIONS if operation.name == "generate")
    assert {*STATUS_OF.values(), 200, 202, 401, 408, 413, 415, 421, 500, 504} == set(generate.answers)


def test_the_request_is_the_model_with_an_optional_id(described: dict[str, Any]) -> None:
    schema = described["components"]["schemas"]["VideoRequest"]
    assert set(schema["properties"]) == set(VideoRequest.model_fields)
    assert "job_id" not in schema.get("required", [])
    assert schema["additionalProperties"] is False
    whole, text, null = schema["properties"]["duration_seconds"]["anyOf"]
    assert (whole["maximum"], text["type"], null) == (30, "string", {"type": "null"})
    assert schema["properties"]["prompt"]["anyOf"][0]["minLength"] == 10
