"""What the tools answer: jobs with the fields that an agent needs."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from publisher.facade.errors import public_view
from schemas.domain.projections import JobView
from schemas.domain.states import JobState
from schemas.errors import Charged, Failure
from schemas.wire.types import Moment, Usd


class AgentVideo(BaseModel):
    """A job, as agents see it."""

    model_config = ConfigDict(frozen=True)

    video_id: str
    state: JobState
    progress: float = Field(ge=0, le=1)
    queue_position: int | None
    waiting_for: str | None
    prompt: str
    duration_seconds: int
    aspect_ratio: str
    resolution: str
    model: str | None
    project_id: str | None
    scene_index: int | None
    labels: dict[str, str]
    created_at: Moment
    ended_at: Moment | None
    cost_usd: Usd
    charged: Charged = Field(description="Whether the provider charged for it, as far as that is known.")
    video_url: str | None = Field(description="Where the file is, once state is succeeded.")
    poster_url: str | None = Field(description="A still picture of it.")
    defect: str | None = Field(description="What is wrong with a video that is delivered all the same.")
    error: Failure | None = Field(description="Why there is no video.")
    notice: str | None = Field(description="What keeps the job from going on.")


class AgentListing(BaseModel):
    """One page of jobs."""

    model_config = ConfigDict(frozen=True)

    videos: Sequence[AgentVideo]
    next_cursor: str | None = Field(description="The cursor of the next page; null on the last page.")


def to_agent_video(view: JobView, *, video_url: str | None, poster_url: str | None) -> AgentVideo:
    """Return the job with the addresses at which the agent reaches its files."""
    shown = public_view(view)
    fields = {name: getattr(shown, name) for name in AgentVideo.model_fields if name in JobView.model_fields}
    urls = {"video_url": video_url, "poster_url": poster_url}
    return AgentVideo(**{**fields, **urls, "ended_at": shown.timings.ended_at})
