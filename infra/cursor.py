"""The cursor of a listing: where a page ended, packed into a word that goes to the caller and comes back."""

import base64
import binascii
import json
import re
from dataclasses import dataclass

from schemas.errors import Invalid
from schemas.ports import JobQuery
from schemas.wire.types import JOB_ID_PATTERN


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Where a page ended: the sort key of its last job. `order` is "c" by creation, "d" by when it is due."""

    order: str
    at_ms: int
    job_id: str


def order_of(query: JobQuery) -> str:
    return "c" if query.due_before is None else "d"


def encode_cursor(position: Position) -> str:
    packed = json.dumps([position.order, position.at_ms, position.job_id]).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode_cursor(query: JobQuery) -> Position | None:
    """Raises `Invalid` for what this listing never gave out. What a later version adds at the end is passed over."""
    if query.cursor is None:
        return None
    try:
        padded = query.cursor + "=" * (-len(query.cursor) % 4)
        order, at_ms, job_id, *_ = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise _no_cursor() from error
    if order != order_of(query) or type(at_ms) is not int or abs(at_ms) >= 1 << 62 or not _is_job_id(job_id):
        raise _no_cursor()
    return Position(order=order, at_ms=at_ms, job_id=job_id)


def _is_job_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(JOB_ID_PATTERN[1:-1], value) is not None


def _no_cursor() -> Invalid:
    return Invalid("cursor is not one that this listing gave out", field="cursor")
