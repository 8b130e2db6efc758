"""What schemathesis can't know from the document: which valid-looking requests are refused for their sense."""

import re
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, GenerationMode, HookContext, Response

from tests.images import data_url, png

_IMAGE = data_url(png())
_INLINE = re.compile(r"data:image/(?:png|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2}")
_PAGED = ("GET /api/videos", "GET /api/webhooks/deliveries")
_TAKES_REQUEST = ("POST /api/videos/generate", "POST /api/videos/plan")
_TAKES_BATCH = ("POST /api/videos/batch", "POST /api/videos/batch/plan")
_WHOLE = ("duration_seconds", "scene_index", "seed")
_NOT_OURS = re.compile(r"Traceback|\.py\b|pydantic|sqlite3", re.IGNORECASE)


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Makes sense of what no schema can: an image is one, and a cursor is one that a page gave out."""
    if case.operation.label in _PAGED and _is_positive(case):
        case.query.pop("cursor", None)
    if case.operation.label in _TAKES_REQUEST and isinstance(case.body, dict):
        _mend(case, case.body)
    for body in _requests_in(case.body):
        if case.operation.label in _TAKES_BATCH and body is not case.body:
            _mend(case, body)
        if _is_positive(case):
            _mend_address(body)


def _requests_in(body: object) -> list[dict[str, Any]]:
    """The body, and the requests of a batch in it."""
    if not isinstance(body, dict):
        return []
    inner = body.get("requests")
    return [body, *(each for each in (inner if isinstance(inner, list) else []) if isinstance(each, dict))]


def _mend(case: Case[Any], body: dict[str, Any]) -> None:
    for name in _WHOLE:
        value = body.get(name)
        if isinstance(value, float) and value != round(value) and abs(value - round(value)) < 1e-6:
            body[name] = 0.5  # so near to a whole number it is accepted as one
    if isinstance(body.get("reference_image"), str) and _INLINE.fullmatch(body["reference_image"]):
        body["reference_image"] = _IMAGE
    if case.meta and case.meta.phase.name.value == "stateful" and _is_positive(case):
        body["duration_seconds"] = 1  # what comes after it waits for the film


def _mend_address(body: dict[str, Any]) -> None:
    """Let a webhook lead to a name of its own: no pattern can say which addresses are public."""
    for place in (body, body.get("webhook")):
        if isinstance(place, dict) and isinstance(place.get("url"), str):
            place["url"] = "https://receiver.invalid/"


def _is_positive(case: Case[Any]) -> bool:
    return case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE


@schemathesis.check
def a_refusal_names_its_field(context: CheckContext, response: Response, case: Case[Any]) -> None:
    """A 400 says in one sentence what was wrong with which field, and shows nobody our insides."""
    if response.status_code < 400 or case.method == "HEAD" or not response.content:
        return
    refusal = response.json()
    if "detail" not in refusal and case.path.startswith("/v1/"):  # the shape of OpenAI's API
        error = refusal["error"]
        refusal = {"error": {"field": error["param"]}, "detail": error["message"]}
    if "detail" in refusal and _NOT_OURS.search(refusal["detail"]):
        raise AssertionError(f"the answer shows our insides: {refusal['detail']}")
    if response.status_code == 400 and not _names_its_field(refusal):
        raise AssertionError(f"the refusal names no field: {refusal['detail']}")


def _names_its_field(refusal: dict[str, Any]) -> bool:
    field, detail = refusal["error"].get("field"), refusal["detail"]
    about_all = "the body" in detail or "valid Unicode" in detail or "(an empty name)" in detail
    return detail.startswith("Invalid request: ") and bool(field or about_all)
