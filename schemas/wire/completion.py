"""The completion message: how a job ended, or that a message was not a valid job."""

import hashlib
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import Charged, Failure
from schemas.versioning import STORED, Stored
from schemas.wire.checks import Checks
from schemas.wire.request import VideoRequest
from schemas.wire.types import Moment, Usd


class Outcome(StrEnum):
    """How a completion message ends a request."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class Timings(Stored):
    """When the job was created, submitted, accepted and ended; None if that did not happen."""

    created_at: Moment | None = None
    submitted_at: Moment | None = None
    accepted_at: Moment | None = None
    ended_at: Moment | None = None


def _read_request(value: Any) -> Any:
    """Keep values that this version would refuse, for example a longer video, as they are: no reader acts on them."""
    if not isinstance(value, dict):
        return value
    try:
        return VideoRequest.model_validate(value, context=STORED)
    except ValidationError as error:
        later = {
            name: value[name] for detail in error.errors() for name in map(str, detail["loc"][:1]) if name in value
        }
        known = {name: value[name] for name in value.keys() - later.keys()}
        return VideoRequest.model_validate(known, context=STORED).model_copy(update=later)


def _read_failure(value: Any) -> Any:
    """Read a word for `charged` that this version does not know as `unknown`."""
    is_known = not isinstance(value, dict) or value.get("charged", Charged.NO) in tuple(Charged)
    return value if is_known else {**value, "charged": Charged.UNKNOWN}


class Completion(Stored):
    """The end of a job (`reelbus.video.{succeeded,failed,cancelled,expired,rejected}.v1`).

    `rejected` is about a message and not about a job: the message was invalid, or a different request uses its id
    already. Readers accept what a later version writes: keys and words that they don't know change nothing.
    """

    model_config = ConfigDict(title="Completion")

    job_id: str | None = Field(default=None, description="None only if a rejected message has no usable id.")
    life: int = Field(default=1, ge=1, description="1, and one more for each replay of an ended job.")
    state: Outcome
    request: Annotated[VideoRequest, BeforeValidator(_read_request)] | None = None
    gcs_path: str | None = Field(default=None, description="Name in the video store, under generated-videos/.")
    video_url: str | None = None
    poster_path: str | None = None
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    model: str | None = None
    billed_seconds: float = 0
    cost_usd: Usd = Field(default=0, validate_default=True)
    error: Annotated[Failure, BeforeValidator(_read_failure)] | None = None
    timings: Timings = Timings()
    labels: dict[str, str] = Field(default_factory=dict)
    checks: Checks | None = Field(
        default=None, description="What a look at the video found; only if the workers are set to send it."
    )
    erased_at: Moment | None = Field(default=None, description="Since then the prompt and the files are gone.")

    @model_validator(mode="after")
    def _has_a_video_or_a_reason(self) -> Self:
        if self.state is Outcome.SUCCEEDED and not self.gcs_path:
            raise ValueError("gcs_path is required in a succeeded completion")
        if self.state is not Outcome.SUCCEEDED and self.error is None:
            raise ValueError("error is required in a completion without a video")
        return self

    @property
    def event_id(self) -> str:
        """The CloudEvents id. Repeats of the same end have the same id, so that a consumer can drop them."""
        if self.state is Outcome.REJECTED and self.error:
            words = f"{self.job_id}:{self.error.message}"
            return f"{self.job_id}.rejected.{hashlib.sha256(words.encode()).hexdigest()[:16]}"
        return f"{self.job_id}.{self.life}.{self.state}"
