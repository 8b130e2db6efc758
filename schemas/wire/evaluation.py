"""How well a video shows its prompt, as an evaluation service says: in the view, and as a message of its own."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import ConfigDict, Field

from schemas.versioning import Stored
from schemas.wire.caller_names import to_shown_id
from schemas.wire.message import Message
from schemas.wire.types import Moment, Usd, isoformat

EVALUATED = "reelbus.video.evaluated.v1"


class Rubric(Stored):
    """One question about a video, made from its prompt. Two takes of one prompt are asked the same questions."""

    id: str = ""
    text: str = Field(description="What the video should show, for example: a red kite.")
    type: str | None = None
    importance: int = 0
    """The number of the service: 0 unspecified, 1 high, 2 medium, 3 low."""


class Verdict(Stored):
    """The answer to one question about the video."""

    text: str = Field(description="What the video should show.")
    holds: bool = Field(description="Whether the video shows it.")
    reason: str | None = Field(default=None, description="What the service says about it, if it says anything.")


class Evaluation(Stored):
    """The score of one video against its prompt, or why it has none. A low score fails no job."""

    model_config = ConfigDict(title="Evaluation")

    metric: str | None = Field(default=None, description="For example gecko_text2video_v2; null without a score.")
    score: float | None = Field(default=None, description="The share of the prompt that the video shows, 0 to 1.")
    verdicts: tuple[Verdict, ...] = ()
    comparable: bool = Field(
        default=False, description="The questions are those of the prompt, which its other takes are asked as well."
    )
    evaluated_at: Moment | None = None
    unevaluated: str | None = Field(default=None, description="Why there is no score; such a video is not bad.")

    @property
    def summary(self) -> str:
        """The score with two decimals, or `unevaluated`."""
        return "unevaluated" if self.score is None else f"{self.score:.2f}"


class Evaluated(Stored):
    """A video was evaluated (`reelbus.video.evaluated.v1`). Its completion was sent before, and did not wait."""

    model_config = ConfigDict(title="Evaluated")

    job_id: str
    life: int = 1
    project_id: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    model: str | None = None
    gcs_path: str | None = None
    calls: int = Field(default=0, description="Calls of the evaluation service for this video, each a ledger line.")
    cost_usd: Usd | None = Field(default=None, description="What they cost; null while the price is not known.")
    evaluation: Evaluation

    @property
    def event_id(self) -> str:
        """The CloudEvents id. Repeats have the same id, so that a consumer can drop them."""
        return f"{self.job_id}.{self.life}.evaluated"


def encode_evaluated(
    event: Evaluated, *, at: datetime, caller: str | None = None, traceparent: str | None = None
) -> Message:
    """Build the message. `score` is an attribute too, so that a subscription can filter by it."""
    attributes = {
        "job_id": event.job_id,
        "ce-type": EVALUATED,
        "ce-source": "reelbus",
        "ce-id": event.event_id,
        "ce-specversion": "1.0",
        "ce-time": isoformat(at),
        "score": event.evaluation.summary,
        **_owner(event, caller),
    }
    if traceparent:
        attributes["traceparent"] = traceparent
    return Message(data=event.model_dump_json(exclude_none=True).encode(), attributes=attributes)


def _owner(event: Evaluated, caller: str | None) -> Mapping[str, str]:
    return {"caller": caller, "video_id": to_shown_id(caller, event.job_id)} if caller else {}
