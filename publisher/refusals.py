"""Why valid requests are not taken in: money, or room in the queue. An order raises it, and a plan shows it."""

from publisher.queue_limit import TooManyQueued
from schemas.errors import Category, Charged, Failure, ReelbusError


class OverMaxCost(ReelbusError):
    """What was asked for would cost more than its caller allows. No job was made."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class OverBudget(ReelbusError):
    """A budget has no room for all of what was asked for. No job was made."""


Refusal = OverMaxCost | OverBudget | TooManyQueued
_CODES: dict[type[ReelbusError], tuple[Category, str]] = {
    OverMaxCost: (Category.BUDGET, "over_max_cost"),
    OverBudget: (Category.BUDGET, "budget_exceeded"),
    TooManyQueued: (Category.QUOTA, "too_many_queued"),
}


def to_failure(refusal: Refusal | None) -> Failure | None:
    """Return the failure that a plan shows; None if nothing is refused."""
    if refusal is None:
        return None
    category, code = _CODES[type(refusal)]
    return Failure(
        category=category,
        code=code,
        message=str(refusal),
        charged=Charged.NO,
        field=refusal.field if isinstance(refusal, OverMaxCost) else None,
        retryable=isinstance(refusal, TooManyQueued),
    )
