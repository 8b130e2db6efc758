"""The calls of an evaluation service for one video: lines of the ledger of their own, beside the clips.

A call is written down before it is sent, so that a killed evaluator calls at most as often as the record says.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from pydantic import Field

from schemas.domain.object_names import RUBRICS
from schemas.versioning import Stored
from schemas.wire.types import Moment, Usd

EVALUATION = "evaluation"
GENERATE_RUBRICS = "rubrics"
TRIES = 2
"""The most evaluations of one video that are begun, over all restarts."""
ANSWERED, REFUSED, METRIC_REFUSED, NO_ANSWER = "answered", "refused", "metric_refused", "no_answer"


class EvaluationCall(Stored):
    """One call. Only `schemas.domain.state_machine` adds and ends one."""

    kind: str = Field(description="evaluation: of the video; rubrics: questions about the prompt.")
    metric: str
    at: Moment
    ended_at: Moment | None = None
    outcome: str | None = Field(
        default=None, description="answered, refused, metric_refused, no_answer; null while it is under way."
    )
    price_usd: Usd | None = Field(default=None, description="By the setting; null if it is not known.")
    rubrics: str | None = Field(default=None, description="The file with the questions, in the video store.")

    @property
    def cost_usd(self) -> Decimal | None:
        """What the call cost: nothing if it was refused, and None if that is not known."""
        if self.outcome in (REFUSED, METRIC_REFUSED):
            return Decimal(0)
        return self.price_usd

    def is_under_way(self, now: datetime, at_most: timedelta) -> bool:
        """Return True if an evaluator may still wait for the answer: an older call was lost with its evaluator."""
        return self.outcome is None and now < self.at + at_most


def count_tries(calls: Sequence[EvaluationCall]) -> int:
    """Return how many evaluations were begun."""
    return sum(call.kind == EVALUATION for call in calls)


def cost_of(calls: Sequence[EvaluationCall]) -> Decimal | None:
    """Return what all calls cost together; None if that is not known of one."""
    costs = [call.cost_usd for call in calls]
    return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))


def is_chosen(job_id: str, share: float) -> bool:
    """Return True for this share of all jobs. The same job is always chosen, or never."""
    return int.from_bytes(sha256(job_id.encode()).digest()[:6]) < share * 2**48


def rubrics_name(prompt: str, *, metric: str, caller: str | None) -> str:
    """Return the name of the file with the questions about a prompt. Callers do not share it."""
    digest = sha256("\0".join((caller or "", metric, prompt)).encode(errors="replace")).hexdigest()
    return f"{RUBRICS}{digest}.json"
