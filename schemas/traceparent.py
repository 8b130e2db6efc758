"""W3C trace context: one line of hexadecimal that goes through facade, record and messages."""

import re
import secrets

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
