"""Why a job did not end well: one vocabulary for the record, the HTTP answer and the completion message."""

from enum import StrEnum

from schemas.stored import Stored


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
    field: str | None = None
    """The field at fault, for an invalid request."""
