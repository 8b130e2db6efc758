"""The errors that cross our borders. Adapters translate foreign errors into these; nothing foreign crosses a port.

ReelbusError
├── Invalid          the caller sent something we refuse; names the field and the limit
├── NotFound         there never was such a thing
├── Gone             there was, and it was erased
├── Conflict         somebody else changed it first (compare-and-set)
│   ├── AlreadyExists
│   └── IdReused     the same id with another body
├── Unavailable      a dependency is out of reach; the same call may succeed later
│   ├── LocalDisk        this machine's disk is full or read-only: waited for, without a deadline
│   ├── NewerRecord      a newer version wrote the record; only that version can go on with it
│   ├── Moved            the data was moved or deleted under this process
│   └── OtherModel       only a worker that runs another model can go on
├── ImpossibleStep   the state machine refuses this event in this state: a bug or a stale decision
└── SubmitError      a submit to a video model did not give an operation
    ├── SubmitRefused    a definite no: nothing was accepted, nothing is charged
    └── SubmitUnknown    it may have been accepted: never send again without a search
"""

import errno

from schemas.failure import Failure

DISK_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE})
"""A disk that is full or read-only, or a process with too many open files: the operator mends it, and work goes on."""


class ReelbusError(Exception):
    """The class's docstring is its default message, so that documentation and run time can't drift apart."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Invalid(ReelbusError):
    """The request is not valid."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotFound(ReelbusError):
    """There is no such thing."""


class Gone(ReelbusError):
    """It was erased."""


class Conflict(ReelbusError):
    """Somebody else changed it first."""


class AlreadyExists(Conflict):
    """It exists already."""


class IdReused(Conflict):
    """The id stands for another request already."""


class Unavailable(ReelbusError):
    """A service that this needs is out of reach at the moment."""

    def __init__(self, message: str | None = None, *, retry_after_s: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class LocalDisk(Unavailable):
    """The local disk can't be written at the moment."""


class NewerRecord(Unavailable):
    """The record is of a newer version than this program. Leave the job to a newer one."""


class Moved(Unavailable):
    """The data was moved or deleted while it was in use."""


class OtherModel(Unavailable):
    """The clip belongs to a model that this worker does not run."""


class ImpossibleStep(ReelbusError):
    """The job's state does not allow this step."""


class SubmitError(ReelbusError):
    """The model gave no operation."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class SubmitRefused(SubmitError):
    """A definite refusal, or a failure before the first byte left. `failure.retryable` says whether waiting helps."""

    def __init__(self, failure: Failure, *, retry_after_s: float | None = None) -> None:
        super().__init__(failure)
        self.retry_after_s = retry_after_s
        """How long the provider asked to be left alone."""


class SubmitUnknown(SubmitError):
    """The request may have been accepted."""


def unavailable_of(what: str, error: OSError) -> Unavailable:
    """What a failed system call means to the caller. Its words name no path of this machine."""
    words = f"{what} can't be used at the moment: {error.strerror or type(error).__name__}"
    return LocalDisk(words) if error.errno in DISK_ERRNOS else Unavailable(words)
