"""Value types that several messages share: ids, whole numbers, money, moments and the W3C trace context."""

import hashlib
import re
import secrets
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
)

JOB_ID_MAX = 64
JOB_ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"

JobId = Annotated[str, StringConstraints(pattern=JOB_ID_PATTERN)]
"""The idempotency key, chosen by the caller before it sends."""


Priority = Literal["interactive", "batch"]
"""The lane of a request. Batch work may wait: one submit in ten while interactive requests wait too."""
LANES: tuple[Priority, ...] = get_args(Priority)


def isoformat(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`, for example `2024-01-01T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_NUMBER = re.compile(r" *-?[0-9]{1,20}(?:\.[0-9]{1,30})? *")
_NOISE = Decimal("0.000001")
"""Callers compute in floating point: 8.1 + 0.2 - 0.3 is 7.999999999999999."""


def _to_whole(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, str) and not _NUMBER.fullmatch(value)):
        raise ValueError("must be a whole number")
    if not isinstance(value, str | float):
        return value
    number = Decimal(str(value).strip())
    if not number.is_finite() or abs(number - number.to_integral_value()) >= _NOISE:
        raise ValueError("must be a whole number")
    return int(number.to_integral_value())


AS_WHOLE = BeforeValidator(_to_whole)
"""Put it last in an annotation: limits after it would be missing in the JSON Schema of an optional field."""

WholeNumber = Annotated[int, AS_WHOLE]
"""Accepts 5, 5.0, "5" and 5.000000000000001; refuses 5.5 and true."""


USD_AT_MOST = 1_000_000_000
"""More than any invoice, and far below the numbers that JSON readers take for infinity."""


def _to_exact(value: object) -> object:
    """Refuse texts that `Decimal` accepts and other readers do not: 8_0, or digits of another script."""
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        raise ValueError("must be an amount in US dollars")
    return str(value) if isinstance(value, float) else value


Usd = Annotated[
    Decimal,
    BeforeValidator(_to_exact),
    Field(ge=0, le=USD_AT_MOST, allow_inf_nan=False),
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": USD_AT_MOST}),
]
"""US dollars: a `Decimal` in Python, a number in JSON."""


def _to_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must be between the years 1 and 9999 in UTC") from error


Moment = Annotated[
    AwareDatetime,
    AfterValidator(_to_utc),
    PlainSerializer(isoformat, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment with a time zone; in JSON a text in UTC, see `isoformat`."""


_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


def parse_moment(text: str) -> datetime:
    """Return the moment that a text in ISO 8601 names. Raises `ValidationError`."""
    return _MOMENT.validate_python(text)


def new_job_id() -> str:
    """Return a new unique id, for callers that choose none."""
    return str(uuid.uuid4())


def job_id_from_key(key: str) -> str:
    """Return the job's id for an `Idempotency-Key`: the key itself if it is a valid id, else a digest of it."""
    if re.fullmatch(JOB_ID_PATTERN[1:-1], key):
        return key
    return "key-" + hashlib.sha256(key.encode()).hexdigest()[:40]


_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-[!-~]{0,200})?"
)


def is_traceparent(value: str) -> bool:
    """Return whether the value is valid by the standard. Others must not be copied to headers, attributes and logs."""
    return _TRACEPARENT.fullmatch(value) is not None


def child_of(traceparent: str | None) -> str:
    """Return a new span in the caller's trace, or in a new trace if the caller sent none that is valid."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    trace_id, flags = match.groups() if match else (secrets.token_hex(16), "01")
    return f"00-{trace_id}-{secrets.token_hex(8)}-{flags}"
