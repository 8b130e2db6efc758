"""Why a job did not end well: one vocabulary for the record, the HTTP answer and the completion message."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


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


class Charged(StrEnum):
    """Whether money was spent, as far as we know."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Failure(BaseModel):
    """A reason that a person can act on. The same words go to the record, the HTTP answer and the completion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
