"""What everybody downstream hears: how a job ended, or that a message was no job at all."""

import hashlib
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.failure import Failure
from schemas.kinds import Moment, Usd
from schemas.request import StoredRequest
from schemas.state import Outcome


class Timings(BaseModel):
    """When the job passed its stations; None where it never got there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    created_at: Moment | None = None
    submitted_at: Moment | None = None
    accepted_at: Moment | None = None
    ended_at: Moment | None = None


class Completion(BaseModel):
    """The end of a job (`reelbus.video.{succeeded,failed,cancelled,expired,rejected}.v1`).

    `rejected` speaks of a message, not of a job: it was invalid, or it used a known id for another request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", title="Completion")

    job_id: str | None = Field(default=None, description="None only where a rejected message named no usable id.")
    life: int = Field(default=1, ge=1, description="1, and one more for each replay of an ended job.")
    state: Outcome
    request: StoredRequest | None = None
    gcs_path: str | None = Field(default=None, description="Name in the video store, under generated-videos/.")
    video_url: str | None = None
    poster_path: str | None = None
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    model: str | None = None
    billed_seconds: float = 0
    cost_usd: Usd = Field(default=0, validate_default=True)
    error: Failure | None = None
    timings: Timings = Timings()
    labels: dict[str, str] = Field(default_factory=dict)
    erased_at: Moment | None = Field(default=None, description="Since then the prompt and the files are gone.")

    @model_validator(mode="after")
    def _success_has_a_video_and_the_rest_a_reason(self) -> Self:
        if self.state is Outcome.SUCCEEDED and not self.gcs_path:
            raise ValueError("a succeeded completion names its video")
        if self.state is not Outcome.SUCCEEDED and self.error is None:
            raise ValueError("a completion without a video says why")
        return self

    @property
    def event_id(self) -> str:
        """The CloudEvents id: equal for repeats of the same end, so that a consumer can drop them."""
        if self.state is Outcome.REJECTED and self.error:
            words = f"{self.job_id}:{self.error.message}"
            return f"{self.job_id}.rejected.{hashlib.sha256(words.encode()).hexdigest()[:16]}"
        return f"{self.job_id}.{self.life}.{self.state}"
