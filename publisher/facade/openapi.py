"""The OpenAPI 3.1 document, and the list of links at `/`.

Its schemas come from the models that check requests and render answers, its paths from the table of operations.
"""

from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema
from starlette.responses import JSONResponse, Response

from publisher.batches.request import BatchRequest
from publisher.facade.batch import BATCH_ANSWERS
from publisher.facade.call import Call
from publisher.facade.errors import ErrorBody
from publisher.facade.films import FILM_ANSWERS
from publisher.facade.json_body import BODIES
from publisher.facade.middleware import public_path
from publisher.facade.openai_videos.body import OpenAIVideoRequest
from publisher.facade.openai_videos.errors import OpenAIErrorBody
from publisher.facade.openai_videos.video import OpenAIVideo, OpenAIVideoDeleted, OpenAIVideoList
from publisher.facade.operations import OPERATIONS, REF
from publisher.facade.operator import ANSWERS
from publisher.facade.responses import Video
from publisher.facade.webhooks import WEBHOOK_ANSWERS
from publisher.jobs import Listing
from schemas import SCHEMA_VERSION
from schemas.domain.projections import JobView
from schemas.wire.film import FilmRequest
from schemas.wire.request import VideoRequest

_MODELS: list[tuple[Any, Any]] = [
    (VideoRequest, "validation"),
    (Video, "serialization"),
    (JobView, "serialization"),
    (Listing, "serialization"),
    (ErrorBody, "serialization"),
    (OpenAIVideoRequest, "validation"),
    *((model, "serialization") for model in (OpenAIVideo, OpenAIVideoList, OpenAIVideoDeleted, OpenAIErrorBody)),
    *((model, "serialization") for model in (*BATCH_ANSWERS, *ANSWERS, *WEBHOOK_ANSWERS, *FILM_ANSWERS)),
    *((model, "validation") for model in (BatchRequest, FilmRequest, *BODIES)),
]
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a Google ID token."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
}
_AS_TEXT = {"integer": {"type": "string", "pattern": r"^ *[0-9]{1,20}(\.0+)? *$"}, "number": {"type": "string"}}
_ABOUT = (
    "Makes short videos from prompts and scenes. A generate call may be repeated safely with `job_id` or an "
    "`Idempotency-Key`: the same id always names the same job, which is never paid twice. "
    "Each caller with a key has ids of its own. The version is that of the API, not of the package."
)


@cache
def document() -> dict[str, Any]:
    """Return the whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = operation.to_openapi()
    info = {"title": "reelbus", "version": f"{SCHEMA_VERSION}.0.0", "description": _ABOUT}
    components = {"schemas": _schemas(), "securitySchemes": _KEYS}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def _schemas() -> dict[str, Any]:
    _, top = models_json_schema(_MODELS, ref_template=REF)
    schemas: dict[str, Any] = top["$defs"]
    request = schemas["VideoRequest"]
    # By HTTP the id is optional. The prompt is required if there is no scene from which to build it.
    request["required"] = [name for name in request.get("required", []) if name != "job_id"]
    request["properties"]["prompt"].pop("default", None)
    request["anyOf"] = [{"required": ["prompt"]}, {"required": ["scene"]}]
    if not request["required"]:
        del request["required"]
    request["properties"] = {name: _values_of(described) for name, described in request["properties"].items()}
    return schemas


def _values_of(described: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a field with all values that are accepted for it: null for none, and numbers as text."""
    kept: dict[str, Any] = {name: described[name] for name in ("title", "description", "default") if name in described}
    rest = {name: value for name, value in described.items() if name not in kept}
    choices = rest.get("anyOf") or [rest]
    types = {choice.get("type") for choice in choices}
    more = [text for kind, text in _AS_TEXT.items() if kind in types] + [{"type": "null"}] * ("null" not in types)
    return {**kept, "anyOf": [*choices, *more]}


_LINKS = {
    "generate": "/api/videos/generate",
    "videos": "/api/videos",
    "plan": "/api/videos/plan",
    "batch": "/api/videos/batch",
    "films": "/api/films",
    "webhooks": "/api/webhooks/deliveries",
    "spend": "/api/spend",
    "openapi": "/openapi.json",
    "asyncapi": "/asyncapi.json",
    "docs": "/docs",
    "health": "/api/videos/health",
}


async def root(call: Call) -> Response:
    """Answer with the links of the API."""
    prefix = public_path(call.state["settings"])
    pages = {"console": "/console"} if call.state["settings"].console else {}
    links = {name: prefix + path for name, path in {**_LINKS, **pages}.items()}
    return JSONResponse({"service": "video-generation-api", **links})


async def openapi_json(call: Call) -> Response:
    """Answer with the OpenAPI document, and the address of this facade in it."""
    public_url = call.state["settings"].public_url
    servers = {"servers": [{"url": public_url.rstrip("/")}]} if public_url else {}
    return JSONResponse({**document(), **servers})
