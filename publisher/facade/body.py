"""Reads a body into a request."""

import asyncio

from pydantic import ValidationError

from publisher.facade.preferences import agreed_job_id
from schemas.complaint import invalid
from schemas.kinds import new_job_id
from schemas.request import VideoRequest
from schemas.strict_json import strict_object

_LARGE_BYTES = 200_000


async def video_request(body: bytes, keyed: str | None) -> tuple[VideoRequest, bool]:
    """The request, and whether its caller named an id. Raises `Invalid`."""
    if len(body) < _LARGE_BYTES:
        return _parsed(body, keyed)
    return await asyncio.to_thread(_parsed, body, keyed)  # megabytes of image: not on the event loop


def _parsed(body: bytes, keyed: str | None) -> tuple[VideoRequest, bool]:
    fields = strict_object(body, what="the body")
    job_id = agreed_job_id(keyed, fields.get("job_id"))
    try:
        request = VideoRequest.model_validate({**fields, "job_id": new_job_id() if job_id is None else job_id})
    except ValidationError as error:
        raise invalid(error) from error
    return request, job_id is not None
