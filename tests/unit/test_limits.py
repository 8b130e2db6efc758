"""What is too short, too long, too small or too large is refused with its field, the limit and what was given."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import schemas
from publisher.batches.request import BatchRequest, parse_batch
from publisher.facade.films import parse_film
from publisher.facade.openai_videos.body import OpenAIVideoRequest
from publisher.facade.request_headers import video_request
from publisher.mcp.arguments import CancelArguments, GetArguments, ListArguments, Take, parse_request
from publisher.settings import ApiKey
from schemas.domain.budget import Limit
from schemas.domain.checks import CheckRules
from schemas.errors import Invalid
from schemas.versioning import Asked
from schemas.wire.film import FilmRequest
from schemas.wire.message import Message, decode_command
from schemas.wire.request import VideoRequest
from schemas.wire.validation import show_number, to_invalid
from tests.unit.limits import limits_of

import_module("publisher.facade.app")  # its modules define what callers send
_ARGUMENTS: tuple[type[BaseModel], ...] = (CancelArguments, GetArguments, ListArguments, Take)
_SETTINGS: tuple[type[BaseModel], ...] = (ApiKey, CheckRules, Limit)
MODELS: tuple[type[BaseModel], ...] = (
    *sorted(Asked.__subclasses__(), key=lambda each: each.__name__),
    *_ARGUMENTS,
    OpenAIVideoRequest,
    *_SETTINGS,
)
"""The models of requests and of what operators write as JSON, and each model inside them."""
_VECTORS = Path(schemas.__file__).parent / "vectors" / "requests.json"


@pytest.mark.parametrize("model", MODELS)
def test_field_limit_and_value_are_named(model: type[BaseModel]) -> None:
    for case, body in limits_of(model):
        with pytest.raises(ValidationError) as raised:
            model.model_validate(body)
        error = to_invalid(raised.value)
        assert (error.field, str(error)) == (case.field, f"{case.field} {case.words}")


def test_a_long_text_is_refused_with_its_length() -> None:
    text = "x" * 28_000_001
    body = {"job_id": "a", "prompt": "A harbour at dawn", "reference_image": text}
    with pytest.raises(ValidationError) as raised:
        VideoRequest.model_validate(body)
    words = "reference_image must have at most 28000000 characters, not 28000001"
    assert str(to_invalid(raised.value)) == words


def test_every_kind_of_limit_is_met() -> None:
    cases = [case for model in MODELS for case, _ in limits_of(model)]
    assert len(cases) > 200
    kinds = ("at least", "at most", "characters, not", "entries, not", "entry, not", "its length is")
    assert [kind for kind in kinds if not any(kind in case.words for case in cases)] == []


async def _by_http(body: dict[str, Any]) -> object:
    return await video_request(json.dumps(body).encode(), None)


async def _by_message(body: dict[str, Any]) -> object:
    return decode_command(Message(data=json.dumps(body).encode(), attributes={}))


async def _by_agent(body: dict[str, Any]) -> object:
    return await parse_request({name: value for name, value in body.items() if name != "job_id"}, None)


async def _by_batch(body: dict[str, Any]) -> object:
    return parse_batch(json.dumps({"batch_id": "b", "requests": [body]}).encode(), None)


async def _by_batch_body(body: dict[str, Any]) -> object:
    return parse_batch(json.dumps(body).encode(), None)


async def _by_film(body: dict[str, Any]) -> object:
    return parse_film(json.dumps(body).encode())


_ENTRIES: tuple[tuple[type[BaseModel], Callable[[dict[str, Any]], Any], str, tuple[str, ...]], ...] = (
    (VideoRequest, _by_http, "", ()),
    (VideoRequest, _by_message, "", ()),
    (VideoRequest, _by_agent, "", ("job_id", "scene", "webhook")),
    (VideoRequest, _by_batch, "requests.0.", ("job_id",)),
    (BatchRequest, _by_batch_body, "", ()),
    (FilmRequest, _by_film, "", ()),
)
"""The model, its entry, the place before the field, and the fields that the entry does not have."""


@pytest.mark.parametrize(("model", "enter", "place", "without"), _ENTRIES)
async def test_each_entry_has_the_same_sentence(
    model: type[BaseModel], enter: Callable[[dict[str, Any]], Any], place: str, without: tuple[str, ...]
) -> None:
    for case, body in limits_of(model):
        if str(case.path[0]) in without:
            continue
        if place:
            body.pop("job_id", None)
        with pytest.raises(Invalid) as raised:
            await enter(body)
        assert str(raised.value) == f"{place}{case.field} {case.words}"
        assert raised.value.field == f"{place}{case.field}"


def test_node_has_a_vector_for_each_limit_of_a_request() -> None:
    """The client for Node checks a request itself: by the vectors it has the same sentences."""
    cases = json.loads(_VECTORS.read_text())["cases"]
    found = {case["error"]["message"].partition(", not")[0] for case in cases if "error" in case}
    limits = [case for case, _ in limits_of(VideoRequest) if case.path[0] != "scene"]
    assert [case.field for case in limits if f"{case.field} {case.words}".partition(", not")[0] not in found] == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (31, "31"),
        (-9.0, "-9"),
        (0.25, "0.25"),
        (1e300, "1e+300"),
        (10**40, "1" + "0" * 23 + "…"),
        ("1e400", "1e400"),
    ],
)
def test_a_number_is_shown_as_people_write_it(value: object, shown: str) -> None:
    assert show_number(value) == shown
