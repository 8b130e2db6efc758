"""The OpenAPI 3.1 document: schemas from the models that really check and answer, paths from the operations' table.

Tells a visitor what is here: a few links, and the OpenAPI document.
"""

from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema
from starlette.responses import JSONResponse, Response

from publisher.facade.call import Call
from publisher.facade.errors import ErrorBody
from publisher.facade.middleware import public_path
from publisher.facade.operations import OPERATIONS, Answer, Operation
from publisher.facade.responses import Video
from publisher.jobs import Listing
from schemas import SCHEMA_VERSION
from schemas.domain.projections import JobView
from schemas.wire.request import VideoRequest

_REF = "#/components/schemas/{model}"
_MODELS: list[tuple[Any, Any]] = [
    (VideoRequest, "validation"),
    (Video, "serialization"),
    (JobView, "serialization"),
    (Listing, "serialization"),
    (ErrorBody, "serialization"),
]
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a Google ID token."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
}
_AS_TEXT = {"integer": {"type": "string", "pattern": r"^ *[0-9]{1,20}(\.0+)? *$"}, "number": {"type": "string"}}
_ONE_OF_THEM: list[dict[str, list[str]]] = [{"bearer": []}, {"apiKey": []}, {}]
"""The empty one: by default a facade asks nobody."""
_ABOUT = (
    "Makes short videos from prompts and scenes. A generate call may be repeated safely with `job_id` or an "
    "`Idempotency-Key`: the same id is the same job, for ever, and is never paid twice. "
    "Each caller with a key has ids of its own."
)


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _describe(operation)
    info = {"title": "reelbus", "version": f"{SCHEMA_VERSION}.0.0", "description": _ABOUT}
    components = {"schemas": _schemas(), "securitySchemes": _KEYS}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def _schemas() -> dict[str, Any]:
    _, top = models_json_schema(_MODELS, ref_template=_REF)
    schemas: dict[str, Any] = top["$defs"]
    request = schemas["VideoRequest"]
    # By HTTP the id is optional, and the prompt is where there is no scene to build it from.
    request["required"] = [name for name in request.get("required", []) if name != "job_id"]
    request["properties"]["prompt"].pop("default", None)
    request["anyOf"] = [{"required": ["prompt"]}, {"required": ["scene"]}]
    if not request["required"]:
        del request["required"]
    request["properties"] = {name: _as_taken(described) for name, described in request["properties"].items()}
    return schemas


def _as_taken(described: dict[str, Any]) -> dict[str, Any]:
    """A field with all that a caller may send for it: null for what is not there, and numbers as text."""
    kept: dict[str, Any] = {name: described[name] for name in ("title", "description", "default") if name in described}
    rest = {name: value for name, value in described.items() if name not in kept}
    choices = rest.get("anyOf") or [rest]
    types = {choice.get("type") for choice in choices}
    more = [text for kind, text in _AS_TEXT.items() if kind in types] + [{"type": "null"}] * ("null" not in types)
    return {**kept, "anyOf": [*choices, *more]}


def _describe(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {str(status): _answer(answer) for status, answer in operation.answers.items()},
    }
    if operation.guarded:
        described["security"] = _ONE_OF_THEM
    if operation.parameters:
        described["parameters"] = list(operation.parameters)
    if operation.takes:
        content = {"application/json": {"schema": {"$ref": _REF.format(model=operation.takes)}}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _answer(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.words}
    schema = {"schema": {"$ref": _REF.format(model=answer.model)}} if answer.model else {}
    if answer.media:
        described["content"] = dict.fromkeys(answer.media, schema)
    if answer.links:
        described["links"] = {
            operation: {"operationId": operation, "parameters": {parameter: f"$response.body#/{key}"}}
            for operation, parameter, key in answer.links
        }
    if answer.headers:
        described["headers"] = {name: {"schema": {"type": "string"}} for name in answer.headers}
    return described


_LINKS = {
    "generate": "/api/videos/generate",
    "videos": "/api/videos",
    "openapi": "/openapi.json",
    "health": "/api/videos/health",
}


async def root(call: Call) -> Response:
    """Where to go from here."""
    prefix = public_path(call.state["settings"])
    links = {name: prefix + path for name, path in _LINKS.items()}
    return JSONResponse({"service": "video-generation-api", **links})


async def openapi_json(call: Call) -> Response:
    """OpenAPI 3.1."""
    public_url = call.state["settings"].public_url
    servers = {"servers": [{"url": public_url.rstrip("/")}]} if public_url else {}
    return JSONResponse({**document(), **servers})
