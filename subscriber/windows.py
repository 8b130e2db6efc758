"""The spans of time that the delivery policy judges by, in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """Settings in production, small numbers in tests."""

    submit_within_s: float = 10
    """From the boot-time clock read before the `submitting` write until the send, at most."""
    submit_timeout_s: float = 30
    """How long the one call may take to be answered; then its outcome is unknown."""
    submitting_hold_s: float = 90
    """How long a `submitting` clip of somebody else is left alone."""
    generation_s: float = 1800
    """The longest that a generation can take: deadline of an accepted clip, length of the search for an unknown one."""
    storing_s: float = 86_400
    """How long a finished generation is tried to be stored."""
