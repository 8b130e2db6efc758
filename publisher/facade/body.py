"""Reads a body into a request: strictly, since a key that is silently ignored is a wrong video, paid for."""

import asyncio
import json
from typing import Any, NoReturn

from pydantic import ValidationError

from publisher.facade.preferences import agreed_job_id
from schemas.complaint import invalid
from schemas.errors import Invalid
from schemas.kinds import new_job_id
from schemas.request import VideoRequest

_LARGE_BYTES = 200_000


async def video_request(body: bytes, keyed: str | None) -> tuple[VideoRequest, bool]:
    """The request, and whether its caller named an id. Raises `Invalid`."""
    if len(body) < _LARGE_BYTES:
        return _parsed(body, keyed)
    return await asyncio.to_thread(_parsed, body, keyed)  # megabytes of image: not on the event loop


def _parsed(body: bytes, keyed: str | None) -> tuple[VideoRequest, bool]:
    fields = _object(body)
    job_id = agreed_job_id(keyed, fields.get("job_id"))
    try:
        request = VideoRequest.model_validate({**fields, "job_id": new_job_id() if job_id is None else job_id})
    except ValidationError as error:
        raise invalid(error) from error
    return request, job_id is not None


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise Invalid("the body must be JSON in UTF-8") from error
    except json.JSONDecodeError as error:
        raise Invalid(f"the body must be JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except ValueError as error:
        raise Invalid("the body must be JSON with numbers of a sane length") from error
    except RecursionError as error:
        raise Invalid("the body is nested too deeply") from error
    if not isinstance(parsed, dict):
        raise Invalid("the body must be a JSON object")
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Invalid(f"{key} is given twice", field=key)
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise Invalid(f"the body must be JSON, which has no {name}")
