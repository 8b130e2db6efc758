"""The golden vectors that Python and Node share."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import schemas
from schemas.wire import scene
from schemas.wire.request import VideoRequest
from schemas.wire.validation import to_invalid

Case = dict[str, Any]
FOLDER = Path(schemas.__file__).parent / "vectors"


def cases(name: str) -> list[Any]:
    found: list[Case] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["cases"]
    return [pytest.param(case, id=case["name"]) for case in found]


def refusal(request: Case) -> Case:
    with pytest.raises(ValidationError) as caught:
        VideoRequest.model_validate_json(json.dumps(request))
    error = to_invalid(caught.value)
    return {"field": error.field, "message": str(error)}


@pytest.mark.parametrize("case", cases("timecodes"))
def test_a_time_reads_as_the_vector_says(case: Case) -> None:
    if "error" in case:
        with pytest.raises(ValueError, match="must be a time") as caught:
            scene.span(case["input"]) or scene.seconds(case["input"])
        assert str(caught.value) == case["error"]
    elif "seconds" in case:
        assert scene.span(case["input"]) is None
        assert scene.seconds(case["input"]) == Decimal(case["seconds"])
    else:
        assert scene.span(case["input"]) == (Decimal(case["start"]), Decimal(case["end"]))


@pytest.mark.parametrize("case", cases("scenes"))
def test_a_scene_becomes_the_prompt_and_duration_of_the_vector(case: Case) -> None:
    asked = {"job_id": "job-1", "scene": case["scene"]}
    if "error" in case:
        assert refusal(asked) == case["error"]
    else:
        request = VideoRequest.model_validate_json(json.dumps(asked))
        assert {"prompt": request.prompt, "duration_seconds": request.duration_seconds} == case["expected"]


@pytest.mark.parametrize("case", cases("requests"))
def test_a_request_is_taken_or_refused_as_the_vector_says(case: Case) -> None:
    if "error" in case:
        assert refusal(case["request"]) == case["error"]
    else:
        sent = json.loads(VideoRequest.model_validate_json(json.dumps(case["request"])).model_dump_json())
        assert {name: sent[name] for name in case["expected"]} == case["expected"]


def test_every_field_of_a_request_has_a_vector_on_both_sides() -> None:
    found: list[Case] = json.loads((FOLDER / "requests.json").read_text(encoding="utf-8"))["cases"]
    refused = {case["error"]["field"].partition(".")[0] for case in found if "error" in case}
    taken = {name for case in found if "expected" in case for name in case["request"]}
    assert set(VideoRequest.model_fields) <= refused & taken
