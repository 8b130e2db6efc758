"""The arguments of the tools, and the id of the job that they stand for."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from publisher.facade.request_headers import video_request
from publisher.paging import LIMIT_MAX
from schemas.errors import Invalid
from schemas.wire.request import VideoRequest
from schemas.wire.types import JobId, WholeNumber
from schemas.wire.validation import parse_object, to_invalid

WAIT_AT_MOST_S = 50
"""Clients of the protocol commonly give up a call after 60 s."""
_LEFT_OUT = frozenset({"job_id", "scene", "on_unknown_submit", "webhook"})
"""The id follows from the arguments. A scene would need an alternative at the top of the schema, which several models
refuse. To pay again for a doubtful clip, or to choose an address that the facade calls, is no decision of an agent."""

A = TypeVar("A", bound=BaseModel)


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Take(_Arguments):
    """What `create` and `plan` have beside the request."""

    take: WholeNumber = Field(
        default=1, ge=1, le=1_000_000, description="Another take makes another video of the same arguments."
    )


class GetArguments(_Arguments):
    """Which video to show, and how long to wait for its end."""

    video_id: JobId
    wait_s: WholeNumber = Field(
        default=20, ge=0, le=WAIT_AT_MOST_S, description="Wait so many seconds at most for the end of the job."
    )


class CancelArguments(_Arguments):
    """Which video to cancel, and why."""

    video_id: JobId
    reason: str | None = Field(default=None, max_length=500)


class ListArguments(_Arguments):
    """Which videos to list. All conditions hold together."""

    state: str | None = Field(default=None, description="For example queued, generating, succeeded or failed.")
    project_id: str | None = None
    model: str | None = None
    label: str | None = Field(default=None, description="As key=value.")
    q: str | None = Field(default=None, description="An id or its beginning, a label, a project, a model or a state.")
    limit: Annotated[WholeNumber, Field(ge=1, le=LIMIT_MAX)] = 20
    cursor: str | None = Field(default=None, description="The next_cursor of the page before.")


def request_schema() -> dict[str, Any]:
    """Return the JSON Schema of the arguments of `create` and `plan`."""
    whole = VideoRequest.model_json_schema()
    properties = {name: schema for name, schema in whole["properties"].items() if name not in _LEFT_OUT}
    schema = {
        "type": "object",
        "properties": {**properties, **Take.model_json_schema()["properties"]},
        "required": ["prompt"],
        "additionalProperties": False,
    }
    used = json.dumps(schema)
    defs = {name: each for name, each in whole.get("$defs", {}).items() if f'"#/$defs/{name}"' in used}
    return {**schema, "$defs": defs}


def parse_arguments(model: type[A], given: Mapping[str, Any]) -> A:
    """Return the arguments. Raises `Invalid`; an argument that is null counts as absent."""
    try:
        return model.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise to_invalid(error) from error


async def parse_request(given: Mapping[str, Any], caller: str | None) -> VideoRequest:
    """Return the request that the arguments ask for, with the id of its job. Raises `Invalid`.

    The same arguments of the same caller have the same id, however they are written. Another `take` has another id.
    """
    fields = parse_object(json.dumps(dict(given)).encode(), what="the arguments")
    for name in fields.keys() & _LEFT_OUT:
        raise Invalid(f"{name} is not a known key", field=name)
    take = parse_arguments(Take, {"take": fields.pop("take", None)}).take
    if fields.get("prompt") is None:
        raise Invalid("prompt is required", field="prompt")
    request, _ = await video_request(json.dumps(fields).encode(), None)
    text = "\0".join(("reelbus mcp", caller or "", request.fingerprint(), str(take)))
    digest = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()
    return request.model_copy(update={"job_id": f"mcp-{digest[:32]}"})
