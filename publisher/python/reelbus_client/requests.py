"""A request as it is sent, and the id of its job.

- The caller names `job_id`: the same id is the same job for ever; with other contents it is refused (409).
- The caller gives a `key`: the id is made from the key and the contents, also in another process.
- Neither: the id is random, and kept if the call ends without an answer. The same call again in this process is then
  the same job. After an answer, also an error, the next identical call is a new job. So it is with plain HTTP.
"""

import hashlib
import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from reelbus_client.errors import ReelbusError, invalid, name_job
from reelbus_client.models import FilmAudio, FilmRequest, VideoRequest

RequestFields = VideoRequest | Mapping[str, Any]
"""A request: the model, or its fields by their names."""
_KEPT_S = 30 * 60.0  # as long as a facade keeps it
_KEPT_AT_MOST = 1_000


@dataclass(slots=True)
class Order:
    """One request with the id of its job."""

    fields: dict[str, Any]
    job_id: str
    is_named: bool
    """True if the id is the caller's own, or made from the caller's key."""
    video_id: str | None = None
    """The job that exists or may exist. The errors of the call name it."""

    @property
    def body(self) -> bytes:
        """The JSON of the request."""
        return to_json({**self.fields, "job_id": self.job_id})


class _Unanswered:
    """The ids of calls that ended without an answer, by the digest of the call; the oldest first."""

    def __init__(self) -> None:
        self._kept: dict[bytes, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def take(self, digest: bytes) -> str | None:
        with self._lock:
            job_id, until = self._kept.pop(digest, ("", 0.0))
        return job_id if until > time.monotonic() else None

    def keep(self, digest: bytes, job_id: str) -> None:
        with self._lock:
            self._kept.pop(digest, None)
            self._kept[digest] = (job_id, time.monotonic() + _KEPT_S)
            if len(self._kept) > _KEPT_AT_MOST:
                del self._kept[next(iter(self._kept))]


_unanswered = _Unanswered()


@contextmanager
def open_order(place: str, request: RequestFields, key: str | None) -> Iterator[Order]:
    """Give the request its id. An error in the context names the job that may exist.

    `place` is where the request goes, and for whom: the same contents there are the same call.
    """
    fields = to_fields(request)
    job_id = fields.pop("job_id", None)
    if job_id is not None and key is not None:
        raise invalid("key", "must not be given beside job_id")
    contents = to_json(fields)
    if key is not None:
        job_id = job_id_of(key, contents)
    digest = hashlib.sha256(place.encode() + b"\0" + contents).digest()
    before = None if job_id is not None else _unanswered.take(digest)
    order = Order(fields, str(job_id or before or uuid.uuid4()), is_named=job_id is not None)
    try:
        yield order
    except BaseException as error:
        if not order.is_named and not (isinstance(error, ReelbusError) and error.is_answer):
            _unanswered.keep(digest, order.job_id)
        name_job(error, order.video_id or before)
        raise


def job_id_of(key: str, contents: bytes) -> str:
    """Return the id for a key of the caller and the contents of its request."""
    if not key:
        raise invalid("key", "must not be empty")
    return "key-" + hashlib.sha256(key.encode() + b"\0" + contents).hexdigest()[:40]


def to_fields(request: RequestFields | FilmRequest) -> dict[str, Any]:
    """Return the fields that the caller set; one that is None counts as absent."""
    if isinstance(request, VideoRequest):
        return request.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    if isinstance(request, FilmRequest):
        request = request.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if not isinstance(request, Mapping):
        raise invalid("", "must be a mapping, or the model of a request")
    return {name: value for name, value in request.items() if value is not None}


def to_batch(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a batch, with those of each request."""
    return {**to_fields(fields), "requests": [to_fields(each) for each in fields["requests"]]}


def to_json(fields: Mapping[str, Any]) -> bytes:
    """Return the JSON with its keys in order. Raises `ReelbusError` for a value that has none."""
    try:
        text = json.dumps(fields, default=_to_plain, allow_nan=False, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise invalid("", f"has a value that is not JSON: {error}") from error
    return text.encode()


def _to_plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, BaseModel):
        # No loudness is another wish than the usual one.
        is_plain = not isinstance(value, FilmAudio)
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=is_plain)
    raise TypeError(f"{type(value).__name__} is no JSON value")
