"""The states of a job, and of each of its clips."""

from enum import StrEnum


class JobState(StrEnum):
    """The state of a job. The last four are terminal."""

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
    """The state of one clip."""

    PLANNED = "planned"
    """Nothing was sent."""
    SUBMITTING = "submitting"
    """A worker may be sending it now."""
    ACCEPTED = "accepted"
    """The model accepted it and returned an operation."""
    DONE = "done"
    """Its file is in the video store."""
    REFUSED = "refused"
    """The model refused it, at the submit or at the end."""
    UNKNOWN = "unknown"
    """It may have been sent, and it is not known whether it was accepted."""
    LATE = "late"
    """It was accepted after its job had gone on: charged, and discarded."""


_ENDS = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED})
