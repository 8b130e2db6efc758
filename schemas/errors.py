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

Why a job did not end well: one vocabulary for the record, the HTTP answer and the completion message.
"""

import errno
from enum import StrEnum
from typing import TYPE_CHECKING

from schemas.versioning import Stored


class Category(StrEnum):
    """What kind of trouble it was; decides the HTTP status of the answer."""

    INVALID_REQUEST = "invalid_request"
    SAFETY_FILTER = "safety_filter"
    AUTH = "auth"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    QUOTA = "quota"
    CAPACITY = "capacity"
    BUDGET = "budget"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    TIMEOUT = "timeout"
    UPSTREAM = "upstream"
    STORAGE = "storage"
    INTERNAL = "internal"

    @classmethod
    def _missing_(cls, value: object) -> "Category | None":
        """Keep the category of a later version as it is. It is none of the known ones, and answered like the rest."""
        if not isinstance(value, str):
            return None
        later = str.__new__(cls, value)
        later._name_ = later._value_ = value
        return later


class Charged(StrEnum):
    """Whether money was spent, as far as we know."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


DELIVERED_AS_IT_CAME = "delivered_as_it_came"
"""The code of a clip's `cause` in a succeeded job: its video could not be made as it was asked for."""


class Failure(Stored):
    """A reason that a person can act on. The same words go to the record, the HTTP answer and the completion."""

    category: Category
    code: str
    """Stable machine name, for example `submit_unknown`."""
    message: str
    """One sentence for a person."""
    retryable: bool = False
    """True where sending the same request again may succeed."""
    charged: Charged = Charged.NO
    """Whether the call that failed was charged. Stored and received failures without the key were not."""
    field: str | None = None
    """The field at fault, for an invalid request."""

    if TYPE_CHECKING:  # the default is for what is read: a place that builds a failure says what it cost

        def __init__(
            self,
            *,
            category: Category,
            code: str,
            message: str,
            charged: Charged,
            retryable: bool = False,
            field: str | None = None,
        ) -> None: ...


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
