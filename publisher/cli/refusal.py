"""What a facade's refusal means, as one of our own errors."""

import httpx
from pydantic import BaseModel, ValidationError

from schemas.errors import Conflict, Gone, Invalid, NotFound, ReelbusError, Unavailable

_PREFIXES = ("Invalid request: ", "Not found: ", "Conflict: ", "Gone: ")


class _Body(BaseModel):
    detail: str
    video_id: str | None = None


def check(response: httpx.Response) -> None:
    """Raises what the facade says. The body must have been read."""
    if not response.is_success:
        raise _error(response)


def names_job(response: httpx.Response, job_id: str) -> bool:
    """True for the refusal of a waiting call whose job exists all the same."""
    body = _body(response)
    return body is not None and body.video_id == job_id


def _error(response: httpx.Response) -> ReelbusError:
    body = _body(response)
    words = body.detail if body else f"{response.url} answers {response.status_code}, and not as reelbus would"
    for prefix in _PREFIXES:
        words = words.removeprefix(prefix)
    match response.status_code:
        case 404 if body:
            return NotFound(words)
        case 410:
            return Gone(words)
        case 409:
            return Conflict(words)
        case 401 if body:
            return Invalid(f"REELBUS_API_KEY must be a key that the facade knows; it says: {words}")
        case 400 | 403 | 413 | 415 | 421 | 422 if body:
            return Invalid(words)
        case _:
            return Unavailable(words, retry_after_s=_retry_after_s(response))


def _body(response: httpx.Response) -> _Body | None:
    try:
        return _Body.model_validate_json(response.content)
    except ValidationError:
        return None


def _retry_after_s(response: httpx.Response) -> float:
    given = response.headers.get("retry-after", "")
    return min(float(given), 30.0) if given.isdecimal() else 2.0
