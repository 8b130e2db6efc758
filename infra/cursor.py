"""The cursor of a listing: the position at which a page ended, as an opaque text for the caller."""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.errors import Invalid
from schemas.ports import JobQuery
from schemas.wire.types import JOB_ID_PATTERN

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """The sort key of the last job of a page. `order` is "c" by creation, "d" by due time."""

    order: str
    at_ms: int
    job_id: str


def order_of(query: JobQuery) -> str:
    return "c" if query.due_before is None else "d"


def encode_cursor(position: Position) -> str:
    packed = json.dumps([position.order, position.at_ms, position.job_id]).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode_cursor(query: JobQuery) -> Position | None:
    """Raises `Invalid` for a text that this listing never issued. Fields that a later version appends are ignored."""
    if query.after is not None and query.cursor is None and query.due_before is None:
        at_ms = (query.after.created_at - _EPOCH) // timedelta(milliseconds=1)
        return Position(order="c", at_ms=at_ms, job_id=query.after.job_id)
    if query.cursor is None:
        return None
    try:
        padded = query.cursor + "=" * (-len(query.cursor) % 4)
        order, at_ms, job_id, *_ = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise _invalid_cursor() from error
    is_job_id = isinstance(job_id, str) and re.fullmatch(JOB_ID_PATTERN[1:-1], job_id)
    if order != order_of(query) or type(at_ms) is not int or abs(at_ms) >= 1 << 62 or not is_job_id:
        raise _invalid_cursor()
    return Position(order=order, at_ms=at_ms, job_id=job_id)


def _invalid_cursor() -> Invalid:
    return Invalid("cursor is not one that this listing gave out", field="cursor")
