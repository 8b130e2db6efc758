"""What the command line asks for, as the request that every other door takes."""

import base64
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.complaint import invalid
from schemas.data_url import is_data_url
from schemas.errors import Invalid
from schemas.kinds import new_job_id
from schemas.media_types import image_type_of_name
from schemas.request import IMAGE_MAX_BYTES, IMAGE_TYPES, VideoRequest
from schemas.strict_json import strict_object


def order(**asked: object) -> VideoRequest:
    """The request, with an id of its own where none was given. Raises `Invalid` in the words of the HTTP door."""
    body: dict[str, Any] = {name: value for name, value in asked.items() if value not in (None, {})}
    body.setdefault("job_id", new_job_id())
    try:
        return VideoRequest.model_validate(body)
    except ValidationError as error:
        raise invalid(error) from error


def scene(text: bytes) -> object:
    """A scene as it stands in a JSON file. Raises `Invalid`."""
    return strict_object(text, what="scene")


def image(given: str) -> str:
    """A reference image: an address as it is, a file as a data: URL."""
    if given.startswith("gs://") or is_data_url(given):
        return given
    path = Path(given)
    try:
        if path.stat().st_size > IMAGE_MAX_BYTES:
            raise Invalid(f"reference_image must have at most {IMAGE_MAX_BYTES:,} bytes", field="reference_image")
        content = path.read_bytes()
    except OSError as error:
        words = f"reference_image can't be read: {given[:300]}: {error.strerror or error}"
        raise Invalid(words, field="reference_image") from error
    except ValueError as error:  # a null byte in its name
        raise Invalid(f"reference_image can't be read: {error}", field="reference_image") from error
    # Its true kind is told from its first bytes when it is stored.
    named = image_type_of_name(path.name)
    kind = named if named in IMAGE_TYPES else IMAGE_TYPES[0]
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def labels(pairs: tuple[str, ...]) -> dict[str, str]:
    """From `key=value` pairs."""
    split = [pair.partition("=") for pair in pairs]
    for key, sign, _ in split:
        if not sign:
            raise Invalid(f"labels must be given as key=value, not {key[:80]!r}", field="labels")
    return {key: value for key, _, value in split}
