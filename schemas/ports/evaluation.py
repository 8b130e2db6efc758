"""What scores a video against its prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.errors import ReelbusError
from schemas.ports.bus import COMPLETIONS, Subscription
from schemas.wire.evaluation import Rubric, Verdict

EVALUATIONS = "video-evaluations"
EVALUATORS = Subscription(name="video-evaluators", topic=COMPLETIONS)
"""The subscription by which evaluators learn of finished videos. Without an evaluator it need not exist."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """What the service answered."""

    score: float
    """0 to 1."""
    verdicts: tuple[Verdict, ...] = ()


class NotScored(ReelbusError):
    """The service gave no score"""

    def __init__(self, words: str, *, outcome: str, retryable: bool) -> None:
        super().__init__(words)
        self.outcome = outcome
        """As in `schemas.domain.evaluation.EvaluationCall`: a refused call costs nothing."""
        self.retryable = retryable
        """True if the same call may succeed later."""


class VideoScorer(Protocol):
    """An evaluation service.

    A new adapter must guarantee that one call here is one call there: it repeats nothing by itself, since each call may
    cost money. A call ends after the time that the adapter was opened with. The suite of it is
    `tests/evaluation/test_scorer.py`.
    """

    async def generate_rubrics(self, prompt: str, *, metric: str) -> Sequence[Rubric]:
        """Return questions about the prompt. Raises `NotScored`."""

    async def score(self, prompt: str, video: str, *, metric: str, rubrics: Sequence[Rubric] = ()) -> Score:
        """Score a video of the video store by its name. Raises `NotScored`, and `Unavailable` for the video store."""
