"""Small value types that several messages share: ids, money, moments."""

import hashlib
import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, PlainSerializer, StringConstraints

JOB_ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"

JobId = Annotated[str, StringConstraints(pattern=JOB_ID_PATTERN)]
"""The idempotency key, chosen by the caller before it sends."""


def isoformat(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`, for example `2024-01-01T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refuse_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a whole number")
    return value


WholeNumber = Annotated[int, BeforeValidator(_refuse_bool)]
"""5, 5.0 and "5" pass; 5.5 and true do not."""


def _exact(value: object) -> object:
    return str(value) if isinstance(value, float) else value


Usd = Annotated[
    Decimal,
    BeforeValidator(_exact),
    Field(ge=0, allow_inf_nan=False),
    PlainSerializer(float, return_type=float, when_used="json"),
]
"""US dollars: exact inside, a JSON number outside."""

Moment = Annotated[
    AwareDatetime,
    AfterValidator(lambda at: at.astimezone(UTC)),
    PlainSerializer(isoformat, return_type=str, when_used="json"),
]
"""A moment with a time zone; ISO 8601 in UTC outside."""


def new_job_id() -> str:
    """An id nobody has used before, for callers that bring none."""
    return str(uuid.uuid4())


def job_id_from_key(key: str) -> str:
    """The job that an `Idempotency-Key` stands for: the key itself where it can be an id, else a digest of it."""
    if re.fullmatch(JOB_ID_PATTERN[1:-1], key):
        return key
    return "key-" + hashlib.sha256(key.encode()).hexdigest()[:40]
