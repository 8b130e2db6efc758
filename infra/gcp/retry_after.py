"""Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date. Google's word on when it is worth asking again."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SUBMIT_AT_MOST_S = 600.0
POLL_AT_MOST_S = 120.0
"""A paid video that is done does not wait longer for a header."""


def retry_after_s(headers: Mapping[str, str], *, at_most_s: float) -> float | None:
    """Seconds from now; None if the header is absent or means nothing.

    A date is compared with the server's own `Date`: the clock of this machine may be wrong.
    """
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said[:9]), at_most_s)
    until = _moment(said)
    if until is None:
        return None
    now = _moment(headers.get("date", "")) or datetime.now(UTC)
    return min(max(0.0, (until - now).total_seconds()), at_most_s)


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
