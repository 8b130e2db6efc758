"""The body of `POST /v1/videos`, as JSON or as `multipart/form-data`, and the request that it asks for."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from publisher.facade.openai_videos.video import SIZES
from publisher.facade.request_body import UnsupportedType
from schemas.errors import Invalid
from schemas.wire.request import IMAGE_MAX_BYTES, Quality, VideoRequest
from schemas.wire.types import new_job_id
from schemas.wire.validation import parse_object, to_invalid


class OpenAIImage(BaseModel):
    """The first frame, by its address."""

    model_config = ConfigDict(extra="forbid")

    image_url: str = Field(description="A data: URL, or a gs:// URI.")


class OpenAIVideoRequest(BaseModel):
    """The JSON body, as the OpenAPI document describes it. The other keys of `VideoRequest` may be added."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": True})

    prompt: str = Field(min_length=10, max_length=2000)
    model: str | None = Field(default=None, description="A name of REELBUS_OPENAI_MODELS, or one of a model here.")
    seconds: str | int | None = Field(default=None, description="Whole seconds, 1 to 30; 4 if it is absent.")
    size: Literal["720x1280", "1280x720", "1080x1920", "1920x1080", "2160x3840", "3840x2160"] | None = Field(
        default=None, description="Width and height; 720x1280 if it is absent."
    )
    input_reference: OpenAIImage | str | None = None
    user: str | None = Field(default=None, description="Is not used.")


_SHAPE = frozenset(OpenAIVideoRequest.model_fields)
_OWN = frozenset(
    {
        "negative_prompt",
        "style",
        "seed",
        "generate_audio",
        "project_id",
        "scene_index",
        "start_before",
        "max_cost_usd",
        "on_unknown_submit",
        "labels",
        "priority",
        "last_image",
        "reference_images",
        "evaluate",
    }
)
"""The fields of our own request that this one may have beside OpenAI's."""
_JSON_IN_FORMS = frozenset({"generate_audio", "labels", "reference_images", "evaluate"})
"""A form has texts only: the text of these fields is JSON."""
_SECONDS_DEFAULT = "4"
_SIZE_DEFAULT = "720x1280"
"""Both as in OpenAI's API."""
_CALLED = {
    "duration_seconds": "seconds",
    "reference_image": "input_reference",
    "quality": "model",
}
_FIELDS_AT_MOST = 40
_KINDS = {b"\x89PNG": "image/png", b"\xff\xd8": "image/jpeg", b"RIFF": "image/webp"}
"""Images by their first bytes: many clients send no type. The whole image is checked later."""
_IMAGE_URL = "input_reference[image_url]"
"""How the clients name the key of an object in a form."""


async def read_request(headers: Headers, body: bytes, names: Mapping[str, str]) -> VideoRequest:
    """Return the request, with an id that was made just now. Raises `Invalid` and `UnsupportedType`.

    `names` says what the model names stand for.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedType("Send the body without a Content-Encoding")
    if kind == "multipart/form-data":
        fields = await _read_form(headers, body)
    elif kind == "application/json":
        fields = await asyncio.to_thread(parse_object, body, what="the body")
    else:
        raise UnsupportedType(f"Send application/json or multipart/form-data, not {kind[:80] or 'an unnamed type'}")
    return await asyncio.to_thread(_to_request, fields, names)


async def _read_form(headers: Headers, body: bytes) -> dict[str, Any]:
    parser = MultiPartParser(
        headers,
        _parts_of(body),
        max_files=1,
        max_fields=_FIELDS_AT_MOST,
        max_part_size=len(body),
    )
    parser.spool_max_size = len(body) + 1  # in memory: the facade may have no disk, and a copy there could stay
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Invalid(f"the body must be valid multipart/form-data: {error.message}") from error
    except (KeyError, UnicodeError) as error:
        raise Invalid("the body must be valid multipart/form-data with a boundary and UTF-8") from error
    try:
        fields: dict[str, Any] = {}
        for given, value in form.multi_items():
            name = "input_reference" if given == _IMAGE_URL else given
            if name in fields:
                raise Invalid(f"{_quote(name)} must be given once", field=_quote(name))
            fields[name] = await _read_part(name, value)
        return fields
    finally:
        await form.close()


async def _parts_of(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


async def _read_part(name: str, value: str | UploadFile) -> Any:
    if isinstance(value, UploadFile):
        if name != "input_reference":
            raise Invalid(f"{name[:100]} must not be a file", field=name[:100])
        return await value.read()
    if name not in _JSON_IN_FORMS:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{name} must be JSON, as its text in a form", field=name) from error


def _to_request(fields: dict[str, Any], names: Mapping[str, str]) -> VideoRequest:
    for name in fields:
        if name not in _SHAPE | _OWN:
            raise Invalid(f"{_quote(name)} is not a known field", field=_quote(name))
    asked = {
        **{name: value for name, value in fields.items() if name in _OWN},
        **_model_of(fields.get("model"), names),
        **_frame_of(_SIZE_DEFAULT if fields.get("size") is None else fields["size"]),
        "job_id": new_job_id(),
        "prompt": fields.get("prompt"),
        "duration_seconds": _SECONDS_DEFAULT if fields.get("seconds") is None else fields["seconds"],
        "reference_image": _image_of(fields.get("input_reference")),
    }
    try:
        return VideoRequest.model_validate(asked)
    except ValidationError as error:
        raise rename_field(to_invalid(error)) from error


def rename_field(error: Invalid) -> Invalid:
    """Return an error about our own request with the name that its field has in this shape."""
    field = error.field or ""
    called = _CALLED.get(field, field)
    return Invalid(str(error).replace(field, called, 1) if field else str(error), field=called or None)


def _model_of(name: object, names: Mapping[str, str]) -> dict[str, Any]:
    if name is None:
        name = next(iter(names), str(Quality.FAST))
    meant = names.get(name, name) if isinstance(name, str) else name
    return {"quality": meant} if meant in tuple(Quality) else {"model": meant}


def _frame_of(size: object) -> dict[str, str]:
    if not isinstance(size, str) or size not in SIZES:
        raise Invalid(f"size must be one of {', '.join(SIZES)}", field="size")
    aspect_ratio, resolution = SIZES[size]
    return {"aspect_ratio": aspect_ratio, "resolution": resolution}


def _image_of(reference: object) -> str | None:
    """Return the image as our own request has it: a file of a form, an address, or an object with `image_url`."""
    if isinstance(reference, dict):
        if set(reference) != {"image_url"}:
            raise Invalid("input_reference must be a file, or have image_url alone", field="input_reference")
        reference = reference["image_url"]
    if reference is None or isinstance(reference, str):
        return reference
    if not isinstance(reference, bytes):
        raise Invalid("input_reference must be a file, a text or an object with image_url", field="input_reference")
    if len(reference) > IMAGE_MAX_BYTES:
        words = f"input_reference must have at most {IMAGE_MAX_BYTES:,} bytes, not {len(reference):,}"
        raise Invalid(words, field="input_reference")
    kind = next((kind for start, kind in _KINDS.items() if reference.startswith(start)), None)
    if kind is None:
        raise Invalid("input_reference must be a PNG, JPEG or WebP image", field="input_reference")
    return f"data:{kind};base64,{base64.b64encode(reference).decode()}"


def _quote(name: str) -> str:
    return name[:100] or "(an empty name)"
