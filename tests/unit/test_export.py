"""The published JSON Schemas: up to date, valid, and of one mind with the models."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from schemas import export
from tests.unit.test_vectors import FOLDER as VECTORS

CORPUS = Path(__file__).parent.parent / "corpus" / "v1"
NAMES = ("request", "cancel", "film", "completion", "job")
READ_BY_OTHERS = {"completion", "job", "view"}


def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / "requests.json").read_text(encoding="utf-8"))["cases"]
    return found


THE_READER_IS_MORE_GENEROUS = {
    "null is the same as absent",
    "scene: its prompt and duration where none are given",
    "scene: an empty prompt is none",
    "duration_seconds: a text",
    "duration_seconds: a text with .0",
    "duration_seconds: a text with spaces",
    "duration_seconds: a text with zeros",
    *(
        f"duration_seconds: noise {where}"
        for where in ("above", "below", "above as text", "below as text", "at the most")
    ),
    *(
        f"reference_image: {what}"
        for what in (
            "another name of the type",
            "capitals",
            "a character set",
            "a name",
            "no type",
            "a type that its bytes are not",
            "lines",
            "blanks around it",
            "escapes",
            "a fragment",
            "bytes as escapes",
        )
    ),
    "scene_index: noise",
    "seed: '4294967295'",
    "scene_index: '100000'",
    "max_cost_usd: a text",
    "max_cost_usd: a text with an exponent",
}
BEYOND_A_SCHEMA = {
    "job_id: a newline at the end",  # only for validators whose `$` is Python's; ECMAScript's `$` is the very end
    "prompt: 9 characters and blanks",
    "prompt: invisible beside a scene",
    *(case["name"] for case in cases() if case["name"].startswith("prompt: nothing but ")),
    "scene: a bad time beside a prompt and a duration",
    "reference_image: one letter too many",
    "start_before: no zone",
    "start_before: a day",
    "start_before: a number as text",
    "start_before: a word",
    "start_before: a day that is none",
    "start_before: beyond the calendar",
    "start_before: hour 24",
    "start_before: a leap second",
}
"""What `format` names and no keyword checks."""


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((export.FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    return found


def test_the_files_are_what_the_models_say() -> None:
    assert export.find_drift() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_and_says_what_it_is(name: str) -> None:
    found = schema(name)
    Draft202012Validator.check_schema(found)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found["$id"] == f"urn:reelbus:{name}:v1"
    assert found["title"]
    assert found["description"]
    assert found["additionalProperties"] is (name in READ_BY_OTHERS)


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object with keys of its own, at any depth."""
    for part in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(part, dict | list):
            yield from objects(part)
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict) and "title" in schema:
        yield schema


@pytest.mark.parametrize("name", [*NAMES, "view"])
def test_what_we_write_may_grow_at_every_level_and_what_we_take_may_not(name: str) -> None:
    found = list(objects(schema(name)))
    assert len(found) >= {"cancel": 1, "request": 2}.get(name, 5)
    assert {each.get("additionalProperties", True) for each in found} == {name in READ_BY_OTHERS}


def test_a_reader_takes_a_word_and_a_length_of_a_later_version_and_no_state() -> None:
    body = json.loads((CORPUS / "completion_failed.json").read_text("utf-8"))["data"]
    judge = Draft202012Validator(schema("completion"))
    later = {"prompt": "long " * 999, "duration_seconds": 600, "quality": "dream", "resolution": "8k"}
    grown = {**body, "error": {**body["error"], "category": "weather"}, "request": {**body["request"], **later}}
    assert judge.is_valid(grown)
    assert not judge.is_valid({**grown, "state": "melted"})


@pytest.mark.parametrize("name", NAMES)
def test_no_limit_stands_under_a_name_that_json_schema_does_not_know(name: str) -> None:
    text = (export.FOLDER / f"{name}.schema.json").read_text(encoding="utf-8")
    for foreign in ('"ge":', '"le":', '"gt":', '"max_length":', '"min_length":'):
        assert foreign not in text


def test_the_limits_of_a_request_are_published() -> None:
    fields = schema("request")["properties"]
    assert (fields["prompt"]["minLength"], fields["prompt"]["maxLength"]) == (10, 2000)
    assert "default" not in fields["prompt"]
    duration = fields["duration_seconds"]
    assert (duration["type"], duration["minimum"], duration["maximum"], duration["default"]) == ("integer", 1, 30, 5)
    assert fields["seed"]["anyOf"][0] == {"type": "integer", "minimum": 0, "maximum": 4_294_967_295}
    assert fields["max_cost_usd"]["anyOf"][0] == {"type": "number", "minimum": 0, "maximum": 1_000_000_000}
    assert fields["start_before"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert fields["labels"]["additionalProperties"] is False
    assert schema("request")["required"] == ["job_id"]


def test_moments_and_money_that_we_write_are_published_as_written() -> None:
    fields = schema("completion")["properties"]
    assert fields["cost_usd"]["type"] == "number"
    assert schema("job")["properties"]["created_at"] == {
        "type": "string",
        "format": "date-time",
        "title": "Created At",
    }
    assert "revision" not in schema("job")["properties"]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem)
        for path in sorted(CORPUS.glob("*.json"))
        if path.stem != "request_scene_as_sent"  # with nulls, and a duration as text
    ],
)
def test_everything_released_fits_its_schema(path: Path) -> None:
    Draft202012Validator(schema(path.stem.partition("_")[0])).validate(json.loads(path.read_text("utf-8"))["data"])


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in cases()])
def test_the_schema_of_a_request_judges_as_the_model_does(case: dict[str, Any]) -> None:
    fits = Draft202012Validator(schema("request")).is_valid(case["request"])
    if case["name"] in THE_READER_IS_MORE_GENEROUS:
        assert not fits
        assert "expected" in case
    elif case["name"] in BEYOND_A_SCHEMA:
        assert "error" in case
    else:
        assert fits == ("expected" in case)


def test_drift_is_found_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export.write(tmp_path)
    assert export.main(["--check"], tmp_path) == 0
    (tmp_path / "cancel.schema.json").write_text("{}")
    (tmp_path / "job.schema.json").unlink()
    (tmp_path / "stray.json").write_text("{}")
    assert export.main(["--check"], tmp_path) == 1
    told = capsys.readouterr().err
    assert [name in told for name in ("cancel.schema", "job.schema", "stray", "request.schema")] == [
        True,
        True,
        True,
        False,
    ]
    assert export.main([], tmp_path) == 0
    assert export.find_drift(tmp_path) == []


def test_anything_else_is_wrong_usage(tmp_path: Path) -> None:
    assert export.main(["--chek"], tmp_path) == 2
    assert list(tmp_path.iterdir()) == []
