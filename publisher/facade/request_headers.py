"""Reads `Prefer` (RFC 7240), `Idempotency-Key` and the body of a generate call, and matches paths and their ids."""

import asyncio
import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from starlette.convertors import Convertor, register_url_convertor
from starlette.datastructures import Headers
from starlette.routing import Route

from publisher.batches.request import RESERVED as RESERVED_BATCHES
from publisher.batches.request import batch_id_of_key
from schemas.errors import Invalid
from schemas.wire.film import FILM_ID_PATTERN
from schemas.wire.request import VideoRequest
from schemas.wire.types import job_id_from_key, new_job_id
from schemas.wire.validation import add_length, parse_object, to_invalid

RESERVED = frozenset({"generate", "health"})
"""Paths have these words in the place of an id, so no job of the facade may have them as its id."""
VIDEO_ID = "{video_id:video_id}"
BATCH_ID = "{batch_id:batch_id}"
LETTER_ID = "{letter_id:letter_id}"
DELIVERY_ID = "{delivery_id:letter_id}"
ENDPOINT = "{endpoint:letter_id}"
RESERVED_FILMS = frozenset({"plan"})
"""Words in the place of a film's id."""
FILM_ID = "{film_id:film_id}"
SCENE_NAME = "{scene:scene_name}"


class _VideoId(Convertor[str]):
    regex = rf"(?!(?:{'|'.join(sorted(RESERVED))})(?:/|$))[A-Za-z0-9_-]{{1,64}}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class _BatchId(_VideoId):
    regex = rf"(?!(?:{'|'.join(sorted(RESERVED_BATCHES))})(?:/|$))[A-Za-z0-9_-]{{1,43}}"


class _LetterId(Convertor[str]):
    regex = r"[A-Za-z0-9_.=-]{1,256}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class _FilmId(_VideoId):
    regex = rf"(?!(?:{'|'.join(sorted(RESERVED_FILMS))})(?:/|$))[A-Za-z0-9_-]{{1,64}}"


class _SceneName(_VideoId):
    regex = FILM_ID_PATTERN[1:-1]


register_url_convertor("film_id", _FilmId())
register_url_convertor("scene_name", _SceneName())
register_url_convertor("video_id", _VideoId())
register_url_convertor("batch_id", _BatchId())
register_url_convertor("letter_id", _LetterId())


class ExactRoute(Route):
    """A route whose pattern ends where the path ends. Starlette's `$` also matches before a line break at the end."""

    def __init__(self, path: str, endpoint: Any, *, methods: list[str] | None = None) -> None:
        super().__init__(path, endpoint, methods=methods)
        self.path_regex = re.compile(self.path_regex.pattern.removesuffix("$") + r"\Z")


_KEY = "Idempotency-Key"
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_SECONDS = re.compile(r'"?([0-9]{1,9})"?')


@dataclass(frozen=True, kw_only=True, slots=True)
class Preferences:
    """How long the caller wants to wait for a 200 before it takes a 202."""

    wait_s: int | None = None
    respond_async: bool = False
    reattach: bool = False
    """The id in the request only names this call, so that it can be repeated. If an identical call before it got no
    answer, this call gets it, as a call without an id would."""

    @property
    def is_given(self) -> bool:
        """True if the caller accepts a 202."""
        return self.respond_async or self.wait_s is not None

    def to_headers(self, *, has_ended: bool) -> dict[str, str]:
        """Return the header that names the preferences which the answer follows."""
        words = ["respond-async"] if self.respond_async and not has_ended else []
        words += [] if self.wait_s is None else [f"wait={self.wait_s}"]
        words += ["reattach"] if self.reattach else []
        return {"Preference-Applied": ", ".join(words)} if words else {}


def preferences_of(headers: Headers, *, at_most_s: float) -> Preferences:
    """Return what `Prefer` asks for. Unknown and invalid preferences are ignored, as the RFC requires."""
    wait_s: int | None = None
    respond_async = reattach = False
    for preference in ",".join(headers.getlist("prefer")).split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        match name.strip().lower():
            case "respond-async":
                respond_async = True
            case "reattach":
                reattach = True
            case "wait" if wait_s is None and (seconds := _SECONDS.fullmatch(value.strip())):
                wait_s = min(int(seconds[1]), int(at_most_s))
    return Preferences(wait_s=wait_s, respond_async=respond_async, reattach=reattach)


def job_id_of_key(headers: Headers) -> str | None:
    """Return the id of the job that `Idempotency-Key` names; None without one. Raises `Invalid` for an invalid key."""
    key = idempotency_key(headers)
    return None if key is None else job_id_from_key(key)


def batch_id_of(headers: Headers) -> str | None:
    """Return the id of the batch that `Idempotency-Key` names, as `job_id_of_key` does."""
    key = idempotency_key(headers)
    return None if key is None else batch_id_of_key(key)


def idempotency_key(headers: Headers) -> str | None:
    """Return the `Idempotency-Key`; None without one. Raises `Invalid`."""
    given = {key.strip() for key in headers.getlist(_KEY)}
    if not given:
        return None
    if len(given) > 1:
        raise Invalid(f"{_KEY} must be given once", field=_KEY)
    key = given.pop()
    if match := _QUOTED.fullmatch(key):  # a string as structured fields have it (RFC 9651)
        key = re.sub(r'\\(["\\])', r"\1", match[1])
    if not _VISIBLE.fullmatch(key):
        raise Invalid(f"{_KEY} {add_length('must have 1 to 255 visible characters', key)}", field=_KEY)
    return key


def resolve_job_id(keyed: str | None, in_body: object) -> object:
    """Return the id that header and body name. Raises `Invalid` if they differ, or if the id is reserved."""
    if keyed is not None and in_body is not None and keyed != in_body:
        raise Invalid(f"{_KEY} and job_id must name the same job", field="job_id")
    job_id = in_body if keyed is None else keyed
    if isinstance(job_id, str) and job_id in RESERVED:
        raise Invalid(f"job_id must not be {job_id}", field="job_id")
    return job_id


_LARGE_BYTES = 200_000


async def video_request(body: bytes, keyed: str | None) -> tuple[VideoRequest, bool]:
    """Return the request, and whether its caller named an id. Raises `Invalid`."""
    if len(body) < _LARGE_BYTES:
        return _parse(body, keyed)
    return await asyncio.to_thread(_parse, body, keyed)  # an image of megabytes would block the event loop


def _parse(body: bytes, keyed: str | None) -> tuple[VideoRequest, bool]:
    fields = parse_object(body, what="the body")
    job_id = resolve_job_id(keyed, fields.get("job_id"))
    try:
        request = VideoRequest.model_validate({**fields, "job_id": new_job_id() if job_id is None else job_id})
    except ValidationError as error:
        raise to_invalid(error) from error
    return request, job_id is not None
