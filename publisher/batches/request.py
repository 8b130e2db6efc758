"""A batch as its caller asks for it, and the ids that follow from it."""

import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError

from schemas.errors import Invalid
from schemas.ports import CREATED_TOGETHER
from schemas.versioning import Asked
from schemas.wire.request import VideoRequest
from schemas.wire.types import Priority, Usd
from schemas.wire.validation import parse_object, to_invalid

REQUESTS_AT_MOST = CREATED_TOGETHER
BATCH_ID_PATTERN = r"^[A-Za-z0-9_-]{1,43}$"
"""With a job's number behind it, an id comes back to a caller with a key unchanged: `schemas.wire.caller_names`."""
RESERVED = frozenset({"plan", "events", "file", "replay", "resolve", "erase"})
"""Paths have these words in the place of a batch's id."""
_NO_ID = "none"


def _prepare(item: object, info: ValidationInfo) -> object:
    """Refuse an id, and put the request into the lane of the batch unless it names its own."""
    if not isinstance(item, dict):
        return item
    if item.get("job_id") is not None:
        words = "must be absent: each job of a batch gets the id of the batch and its number"
        raise PydanticCustomError("job_id_given", words, {"key": "job_id"})
    lane = info.data.get("priority")
    own = {} if lane is None or item.get("priority") is not None else {"priority": lane}
    return {**item, **own, "job_id": _NO_ID}


BatchItem = Annotated[
    VideoRequest, BeforeValidator(_prepare), Field(json_schema_extra={"properties": {"job_id": {"type": "null"}}})
]


class BatchRequest(Asked):
    """Requests that become jobs together, or not at all."""

    batch_id: Annotated[str, StringConstraints(pattern=BATCH_ID_PATTERN)] | None = Field(
        default=None,
        description="Names the batch: the same call again gets the same jobs. Without it the requests name the batch.",
    )
    max_cost_usd: Usd | None = Field(
        default=None, description="The planned prices may not exceed this together. Each job keeps its planned price."
    )
    priority: Priority | None = Field(
        default=None, description="The lane of all requests that name none of their own; `interactive` if it is absent."
    )
    requests: tuple[BatchItem, ...] = Field(
        min_length=1,
        max_length=REQUESTS_AT_MOST,
        description="No two of them may be identical.",
        json_schema_extra={"uniqueItems": True},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """A batch with its id. Its requests have the ids of their jobs, as the caller sees them."""

    batch_id: str
    digest: str
    requests: tuple[VideoRequest, ...]
    max_cost_usd: Decimal | None

    @classmethod
    def of(cls, asked: BatchRequest, keyed: str | None = None) -> Self:
        """Return the batch. `keyed` is the id that a header names.

        Raises `Invalid` for a reserved id, for two names, and for two identical requests.
        """
        if keyed is not None and asked.batch_id is not None and keyed != asked.batch_id:
            raise Invalid("Idempotency-Key and batch_id must name the same batch", field="batch_id")
        named = asked.batch_id or keyed
        if named in RESERVED:
            raise Invalid(f"batch_id must not be {named}", field="batch_id")
        seen: dict[str, int] = {}
        for index, request in enumerate(asked.requests):
            if (first := seen.setdefault(request.fingerprint(), index)) != index:
                words = f"requests.{index} must differ from requests.{first}: give them other labels to make both"
                raise Invalid(words, field=f"requests.{index}")
        digest = hashlib.sha256("\n".join(seen).encode()).hexdigest()
        batch_id = named or f"batch-{digest[:32]}"
        requests = tuple(
            request.model_copy(update={"job_id": job_id_of(batch_id, number)})
            for number, request in enumerate(asked.requests, 1)
        )
        return cls(batch_id=batch_id, digest=digest, requests=requests, max_cost_usd=asked.max_cost_usd)


def job_id_of(batch_id: str, number: int) -> str:
    """Return the id of a job of the batch, as its caller sees it. Numbers begin with 1."""
    return f"{batch_id}-{number:03}"


def batch_id_of_key(key: str) -> str:
    """Return the id of the batch that an `Idempotency-Key` names: the key itself if it is a valid id, else a digest."""
    if re.fullmatch(BATCH_ID_PATTERN[1:-1], key):
        return key
    return "key-" + hashlib.sha256(key.encode()).hexdigest()[:39]


def parse_batch(body: bytes, keyed: str | None) -> Batch:
    """Return the batch in a JSON text. Raises `Invalid`."""
    fields = parse_object(body, what="the body", requests=REQUESTS_AT_MOST)
    try:
        return Batch.of(BatchRequest.model_validate(fields), keyed)
    except ValidationError as error:
        raise to_invalid(error) from error


def name_request(index: int, error: Invalid) -> Invalid:
    """Return an error about one request of a batch, with its place."""
    place = f"requests.{index}"
    field = f"{place}.{error.field}" if error.field else place
    words = str(error)
    named = f"{place}.{words}" if error.field and words.startswith(error.field) else f"{place}: {words}"
    return Invalid(named, field=field)
