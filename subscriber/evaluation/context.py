"""The open ports and the settings of one evaluator."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from schemas.domain.evaluation import METRIC_REFUSED, is_chosen
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import ReelbusError
from schemas.ports import Budgets, Bus, Clock, JobStore, VideoScorer, VideoStore

FALLBACK = "gecko_text2video_v1"
_CHOSEN_WITHIN = timedelta(days=1)
"""A first evaluator gets the completions of weeks: they must not use up the calls of its days."""


class CallUnderWay(ReelbusError):
    """Another evaluator may still wait for the answer of a call"""

    def __init__(self, after_s: float) -> None:
        super().__init__()
        self.after_s = after_s
        """When the call counts as lost."""


class DailyLimit(ReelbusError):
    """No more calls are allowed today"""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluatorContext:
    """What the parts of one evaluator share."""

    bus: Bus
    jobs: JobStore
    videos: VideoStore
    budgets: Budgets
    scorer: VideoScorer
    clock: Clock
    scratch: Path
    metric: str
    share_of: Callable[[str | None], float] = lambda _: 0.0
    """Returns the share of a project's videos that is evaluated without being asked for."""
    per_day: int = 200
    call_at_most: timedelta = timedelta(seconds=150)
    """After this time a call without an answer was lost with its evaluator."""
    pause_s: float = 30.0
    price_usd: Decimal | None = None
    refused_metrics: set[str] = field(default_factory=set)
    """The metrics that the service did not know: this process does not ask for them again."""
    refused_rubrics: set[str] = field(default_factory=set)
    """The metrics for which the service makes no questions about a prompt."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the evaluator takes no completions any more."""

    def wants(self, job: Job) -> bool:
        """Return True for a finished video whose request, or whose project's share, asks for a score."""
        if job.state is not JobState.SUCCEEDED or job.result is None or job.erased_at:
            return False
        ended_at = job.since(job.state) or job.created_at
        is_recent = self.clock.now() < ended_at + _CHOSEN_WITHIN
        chosen = is_recent and is_chosen(job.job_id, self.share_of(job.request.project_id))
        return job.request.evaluate or chosen or bool(job.evaluations)

    def metric_for(self, job: Job) -> str:
        """Return the metric of the settings, or the older one if the service does not know it."""
        refused = {call.metric for call in job.evaluations if call.outcome == METRIC_REFUSED}
        return FALLBACK if self.metric in refused | self.refused_metrics else self.metric
