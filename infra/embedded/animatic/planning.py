"""What the local renderer would make for a request: pure, and free of charge."""

from decimal import Decimal

from schemas.errors import Invalid
from schemas.plan import Plan, PlannedClip
from schemas.request import VideoRequest

NAME = "animatic"
_RENDER_SHARE = {"720p": 0.5, "1080p": 1.1}
"""Seconds of work for one second of film, roughly; only the estimated progress hangs on it."""


def plan(request: VideoRequest) -> Plan:
    """One free clip of the whole length. Raises `Invalid` for what it can't make."""
    if request.resolution not in _RENDER_SHARE:
        raise Invalid("resolution must be 720p or 1080p for the local previewer", field="resolution")
    if request.model not in (None, NAME):
        raise Invalid(f"model must be {NAME!r} here; no other is configured", field="model")
    length = request.duration_seconds
    clip = PlannedClip(
        model=NAME,
        seconds=length,
        billed_seconds=0,
        price_usd=Decimal(0),
        expected_s=1 + length * _RENDER_SHARE[request.resolution],
    )
    return Plan(clips=(clip,))
