"""The object `video`, in the shape of OpenAI's API."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from publisher.facade.errors import public_view
from publisher.settings import PublisherSettings
from schemas.domain.job import Job
from schemas.domain.projections import JobView
from schemas.domain.states import JobState

Status = Literal["queued", "in_progress", "completed", "failed"]
_STATUS: Mapping[JobState, Status] = {
    JobState.QUEUED: "queued",
    JobState.SUBMITTING: "in_progress",
    JobState.GENERATING: "in_progress",
    JobState.STORING: "in_progress",
    JobState.SUCCEEDED: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "failed",
    JobState.EXPIRED: "failed",
}
SIZES: Mapping[str, tuple[str, str]] = {
    "720x1280": ("9:16", "720p"),
    "1280x720": ("16:9", "720p"),
    "1080x1920": ("9:16", "1080p"),
    "1920x1080": ("16:9", "1080p"),
    "2160x3840": ("9:16", "4k"),
    "3840x2160": ("16:9", "4k"),
}
"""Aspect ratio and resolution of each size, as width and height in pixels."""
_POLL_MS = range(1000, 5001)


class VideoError(BaseModel):
    """Why a video was not made."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str


class OpenAIVideo(BaseModel):
    """A job, in the shape of OpenAI's API. Times are in seconds since 1970."""

    model_config = ConfigDict(frozen=True)

    id: str
    object: Literal["video"] = "video"
    model: str
    status: Status
    progress: int = Field(ge=0, le=100, description="Per cent.")
    created_at: int
    completed_at: int | None = None
    expires_at: int | None = Field(default=None, description="When a worker may erase it. Null: no such time is set.")
    prompt: str | None = None
    seconds: str
    size: str
    error: VideoError | None = None
    remixed_from_video_id: None = None


class OpenAIVideoList(BaseModel):
    """One page of videos."""

    model_config = ConfigDict(frozen=True)

    object: Literal["list"] = "list"
    data: Sequence[OpenAIVideo]
    first_id: str | None
    last_id: str | None = Field(description="The `after` of the next page.")
    has_more: bool


class OpenAIVideoDeleted(BaseModel):
    """The confirmation that a video was deleted."""

    model_config = ConfigDict(frozen=True)

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


def to_video(job: Job, view: JobView, settings: PublisherSettings) -> OpenAIVideo:
    """Return the job in that shape.

    A model is called by the first of its names in the settings, else by its own name.
    """
    status, ended_at = _STATUS[view.state], view.timings.ended_at
    width, height = job.request.frame_size
    meant = job.request.model or str(job.request.quality)
    return OpenAIVideo(
        id=view.video_id,
        model=next((name for name, meaning in settings.openai_models.items() if meaning == meant), meant),
        status=status,
        progress=int(view.progress * 100),
        created_at=int(view.created_at.timestamp()),
        completed_at=int(ended_at.timestamp()) if ended_at else None,
        expires_at=_expiry_of(view, settings.retention_days),
        prompt=None if job.erased_at else view.prompt,
        seconds=str(view.duration_seconds),
        size=f"{width}x{height}",
        error=_error_of(public_view(view)) if status == "failed" else None,
    )


def poll_after_ms(job: Job, now: datetime) -> int:
    """Return when to ask again: after a tenth of the job's age, in milliseconds; 1 s at least and 5 s at most."""
    tenth_ms = (now - job.created_at) // timedelta(milliseconds=10)
    return min(max(tenth_ms, _POLL_MS.start), _POLL_MS.stop - 1)


def _expiry_of(view: JobView, retention_days: int) -> int | None:
    """Return from when on the workers erase a finished video; None if they never do, or there is no video."""
    ended_at = view.timings.ended_at
    if view.state != JobState.SUCCEEDED or not ended_at or not retention_days:
        return None
    return int((ended_at + timedelta(days=retention_days)).timestamp())


def _error_of(view: JobView) -> VideoError:
    if view.error is None:
        return VideoError(code=str(view.state), message=f"The job has {view.state}")
    return VideoError(code=view.error.code, message=view.error.message)
