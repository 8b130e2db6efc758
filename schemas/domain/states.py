"""The words for where a job and each clip of it stand."""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands. The last four are ends."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    GENERATING = "generating"
    STORING = "storing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def ended(self) -> bool:
        """True in a terminal state."""
        return self in _ENDS


class ClipState(StrEnum):
    """Where one line of the ledger stands."""

    PLANNED = "planned"
    """Nothing was sent."""
    SUBMITTING = "submitting"
    """An owner may be sending it right now."""
    ACCEPTED = "accepted"
    """The model took it and gave an operation."""
    DONE = "done"
    """Its file lies in the video store."""
    REFUSED = "refused"
    """The model said no, at the submit or at the end."""
    UNKNOWN = "unknown"
    """It was perhaps sent; nobody knows whether it was accepted."""
    LATE = "late"
    """It was accepted after its job had moved on: charged, and discarded."""


_ENDS = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED})
