"""The errors of all ports and use cases. An adapter translates each foreign error into one of these.

ReelbusError
├── Invalid          the caller sent something that is refused; names the field and the limit
├── NotFound         it never existed
├── Gone             it existed and was erased
├── Conflict         another process changed it first (compare-and-set)
│   ├── AlreadyExists
│   └── IdReused     a different request uses the same id already
├── Unavailable      a service can't be reached; the same call may succeed later
│   ├── LocalDisk        the disk of this machine is full or read-only: the worker waits without a deadline
│   ├── NewerRecord      a newer version wrote the record; only that version can continue the job
│   ├── Moved            the data was moved or deleted while this process had it open
│   └── OtherModel       only a worker with another model can continue the job
├── ImpossibleStep   the state machine refuses this event in this state: a bug, or a decision from an old record
└── SubmitError      a submit to a video model gave no operation
    ├── SubmitRefused    certainly nothing was accepted, and nothing is charged
    └── SubmitUnknown    it may have been accepted: never send it again without a search

`Failure` says why a job failed: the same in the record, the HTTP answer and the completion.
"""

import errno
from enum import StrEnum
from typing import TYPE_CHECKING

from schemas.versioning import Stored


class Category(StrEnum):
    """The kind of a failure. It decides the HTTP status of the answer."""

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
        """Keep a category of a later version as it is. `Enum` calls this for a value that it does not know."""
        if not isinstance(value, str):
            return None
        category = str.__new__(cls, value)
        category._name_ = category._value_ = value
        return category


class Charged(StrEnum):
    """Whether the provider charged for a call, as far as it is known."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


DELIVERED_AS_IT_CAME = "delivered_as_it_came"
"""The code of a clip's `cause` in a succeeded job whose video could not be made as it was asked for."""


class Failure(Stored):
    """Why something failed, so that a person can act on it."""

    category: Category
    code: str
    """A stable name for programs, for example `submit_unknown`."""
    message: str
    """A sentence for a person."""
    retryable: bool = False
    """True if the same request may succeed when it is sent again."""
    charged: Charged = Charged.NO
    """Whether the call that failed was charged. A stored or received failure without this key was not."""
    field: str | None = None
    """The field at fault, for an invalid request."""

    if TYPE_CHECKING:  # the default is for stored failures: code that builds one must say what it cost

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
"""A disk that is full or read-only, or too many open files: work continues after the operator has corrected it."""


class ReelbusError(Exception):
    """The base of our errors. The docstring of each class is its default message."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Invalid(ReelbusError):
    """The request is not valid."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotFound(ReelbusError):
    """It does not exist."""


class Gone(ReelbusError):
    """It was erased."""


class Conflict(ReelbusError):
    """Another process changed it first."""


class OutOfDate(Conflict):
    """The caller has an older version in mind: the same call can't succeed."""


class AlreadyExists(Conflict):
    """It exists already."""


class IdReused(Conflict):
    """The id is already used by a different request."""


class Unavailable(ReelbusError):
    """A service can't be reached at the moment."""

    def __init__(self, message: str | None = None, *, retry_after_s: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class LocalDisk(Unavailable):
    """The local disk can't be written at the moment."""


class NewerRecord(Unavailable):
    """A newer version of this program wrote the record. Leave the job to that version."""


class Moved(Unavailable):
    """The data was moved or deleted while it was in use."""


class OtherModel(Unavailable):
    """The clip was planned for a model that this worker does not run."""


class ImpossibleStep(ReelbusError):
    """The job's state does not allow this step."""


class SubmitError(ReelbusError):
    """The submit gave no operation."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class SubmitRefused(SubmitError):
    """The model refused it, or nothing was sent. If `failure.retryable` is true, it may succeed after a pause."""

    def __init__(self, failure: Failure, *, retry_after_s: float | None = None) -> None:
        super().__init__(failure)
        self.retry_after_s = retry_after_s
        """The pause that the provider asked for."""


class SubmitUnknown(SubmitError):
    """The model may have accepted the request."""


def unavailable_of(what: str, error: OSError) -> Unavailable:
    """Translate the error of a system call. The message names no path of this machine."""
    words = f"{what} can't be used at the moment: {error.strerror or type(error).__name__}"
    return LocalDisk(words) if error.errno in DISK_ERRNOS else Unavailable(words)
