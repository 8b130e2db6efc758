"""How long things are kept."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How long after its end something is kept; None: for ever."""

    job: timedelta | None = None
    """Everything but the tombstone."""
    work: timedelta | None = None
    """Its files under `work/`."""
