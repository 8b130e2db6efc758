"""All other answers. Generated from the JSON Schemas by scripts/client_models.py. Do not edit."""

from __future__ import annotations

from datetime import date

from pydantic import AwareDatetime, ConfigDict

from reelbus_client.models.answers import Failure, JobView
from reelbus_client.models.base import Answer


class Amounts(Answer):
    """Amounts in US dollars; each amount counts in one field only."""

    clips: int = 0
    charged_usd: float = 0.0
    unknown_usd: float = 0.0
    reserved_usd: float = 0.0


class BatchItemPlan(Answer):
    """What one request of a batch would make."""

    video_id: str
    model: str
    price_usd: float
    billed_seconds: float
    duration_seconds: int
    warnings: list[str]


class BatchPlan(Answer):
    """What a batch with this body would make."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
    )
    batch_id: str
    price_usd: float
    """The planned prices of all requests together."""
    billed_seconds: float
    duration_seconds: int
    """The length of all videos together."""
    exists: bool
    """The batch was ordered before: the call would return its jobs, and pay nothing."""
    refusal: Failure | None
    """Why it would not be ordered now, although each request is valid."""
    notice: str | None
    """What keeps jobs from being made now, for example that no worker runs."""
    videos: list[BatchItemPlan]
    """In the order of the requests."""


class BatchView(Answer):
    """A batch with its jobs."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
    )
    batch_id: str
    ended: bool
    """All of its jobs have ended."""
    states: dict[str, int]
    """How many jobs are in each state."""
    price_usd: float
    """The planned prices of all jobs together, when the batch was ordered."""
    cost_usd: float
    """What is known to have been spent."""
    videos: list[JobView]
    """The jobs, in the order of the requests."""


class EvaluationSums(Answer):
    """Calls of the evaluation service; no amount of videos has them."""

    calls: int = 0
    cost_usd: float = 0.0
    unpriced_calls: int = 0


class Group(Answer):
    """The amounts of one key, which is null for jobs without that project or label."""

    clips: int = 0
    charged_usd: float = 0.0
    unknown_usd: float = 0.0
    reserved_usd: float = 0.0
    key: str | None


class Listing(Answer):
    """One page of jobs."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
    )
    videos: list[JobView]
    next_cursor: str | None = None
    """The `cursor` of the next page; null on the last page."""


class PaymentView(Answer):
    """One clip that would be sent to a paid model."""

    clip: int
    model: str
    price_usd: float
    charged_usd: float
    """What was charged for it before, without a video."""
    doubts: int
    """How many earlier submits of it may have been charged."""


class PlannedClip(Answer):
    """One paid call, which becomes one entry of the ledger."""

    model: str
    seconds: float
    """Length of what this call adds."""
    billed_seconds: float
    price_usd: float
    expected_s: float
    """How long it usually takes, for the estimated progress."""
    extends: bool = False
    """Its file holds all clips before it as well."""


class Quote(Answer):
    """What a replay would pay for."""

    may_replay: bool
    why_not: str | None
    price_usd: float
    payments: list[PaymentView]
    life: int | None
    """The life of the job; null for a dead letter."""


class Cap(Answer):
    """One limit in its present period."""

    scope: str
    """all, project:ID or label:KEY=VALUE"""
    period: str
    """After which time a limit starts again from zero, in UTC. Known words: day, month."""
    now: str
    """The present day or month in UTC, for example 2026-01-31 or 2026-01."""
    limit_usd: float
    used_usd: float
    """Paid, perhaps paid, or reserved for a clip that is about to be sent."""
    left_usd: float
    opens_again: AwareDatetime


class SpendReport(Answer):
    """Amounts in US dollars. Days and months are those in UTC on which a clip was last sent."""

    since: date
    as_of: AwareDatetime
    total: Amounts
    today: Amounts
    month: Amounts
    by_model: list[Group]
    by_project: list[Group]
    by_caller: list[Group]
    """Only for an operator."""
    by_day: list[Group]
    caps: list[Cap]
    """The limits of spending; only for an operator, since callers share them."""
    evaluations: EvaluationSums | None = None
    """Calls of the evaluation service since `since`; no other sum has them."""
    notice: str | None = None
    """Why the sums are not those of all jobs; null if they are."""


class VideoPlan(Answer):
    """What a generate call with this body would make."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
    )
    clips: list[PlannedClip]
    billed_seconds: float
    price_usd: float
    duration_seconds: int
    """The length of the video."""
    cut_seconds: float
    """What is made beyond that length, and cut off."""
    expected_s: float
    """How long the models usually take, one clip after the other."""
    model: str
    prompt: str
    """Built from the scene if the request has none."""
    warnings: list[str]
    """What the caller should know about the models before it pays."""
    budgets: list[Cap]
    """The limits of spending that cover it; only for an operator, since others share them."""
    budget_left_usd: float | None
    """The least that is left of them; null without budgets."""
    refusal: Failure | None
    """Why it would not be made now, although the request is valid."""
    video_id: str | None
    """The job that exists for this id: the call would return it, and pay nothing."""
    notice: str | None
    """What keeps jobs from being made now, for example that no worker runs."""
