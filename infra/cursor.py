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
    position = decode_position(query.cursor, order_of(query))
    if position and not re.fullmatch(JOB_ID_PATTERN[1:-1], position.job_id):
        raise _invalid_cursor()
    return position


def decode_position(cursor: str | None, wanted: str) -> Position | None:
    """Return the position in a listing of the order `wanted`. Raises `Invalid` for a text that is none of it."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        order, at_ms, id, *_ = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise _invalid_cursor() from error
    is_id = isinstance(id, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,256}", id)
    if order != wanted or type(at_ms) is not int or abs(at_ms) >= 1 << 62 or not is_id:
        raise _invalid_cursor()
    return Position(order=order, at_ms=at_ms, job_id=id)


def _invalid_cursor() -> Invalid:
    return Invalid("cursor is not one that this listing gave out", field="cursor")
