"""Small value types that several messages share: ids, money, moments.

W3C trace context: one line of hexadecimal that goes through facade, record and messages.
"""

import hashlib
import re
import secrets
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

JOB_ID_MAX = 64
JOB_ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"

JobId = Annotated[str, StringConstraints(pattern=JOB_ID_PATTERN)]
"""The idempotency key, chosen by the caller before it sends."""


Priority = Literal["interactive", "batch"]
"""The lane of a request. Batch work may wait: one submit in ten while interactive requests wait too."""


def isoformat(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`, for example `2024-01-01T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_NUMBER = re.compile(r" *-?[0-9]{1,20}(?:\.[0-9]{1,30})? *")
_NOISE = Decimal("0.000001")
"""Callers compute in floating point: 8.1 + 0.2 - 0.3 is 7.999999999999999."""


def _whole(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, str) and not _NUMBER.fullmatch(value)):
        raise ValueError("must be a whole number")
    if not isinstance(value, str | float):
        return value
    number = Decimal(str(value).strip())
    if not number.is_finite() or abs(number - number.to_integral_value()) >= _NOISE:
        raise ValueError("must be a whole number")
    return int(number.to_integral_value())


AS_WHOLE = BeforeValidator(_whole)
"""Stands last in an annotation: limits that follow it don't reach the JSON Schema of an optional field."""

WholeNumber = Annotated[int, AS_WHOLE]
"""5, 5.0, "5" and 5.000000000000001 pass; 5.5 and true do not."""


USD_AT_MOST = 1_000_000_000
"""Above any invoice, and far below where a JSON number turns into infinity."""


def _exact(value: object) -> object:
    """A text that `Decimal` would take, and a reader in another way: 8_0, or digits of another script."""
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        raise ValueError("must be an amount in US dollars")
    return str(value) if isinstance(value, float) else value


Usd = Annotated[
    Decimal,
    BeforeValidator(_exact),
    Field(ge=0, le=USD_AT_MOST, allow_inf_nan=False),
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": USD_AT_MOST}),
]
"""US dollars: exact inside, a JSON number outside."""


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must lie between the years 1 and 9999 in UTC") from error


Moment = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    PlainSerializer(isoformat, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
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


_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-[!-~]{0,200})?"
)


def is_traceparent(given: str) -> bool:
    """True for what the standard calls one: it goes into headers, attributes and logs, where nothing else may go."""
    return _TRACEPARENT.fullmatch(given) is not None


def child_of(traceparent: str | None) -> str:
    """A new span in the caller's trace, or in a new one where it sent none that is valid."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    trace_id, flags = match.groups() if match else (secrets.token_hex(16), "01")
    return f"00-{trace_id}-{secrets.token_hex(8)}-{flags}"
