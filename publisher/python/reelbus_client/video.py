"""A finished video, the form of ids, and what the event streams of jobs and films say."""

import re
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from reelbus_client.errors import failure_of, invalid, to_erased
from reelbus_client.models import FilmView, JobState, JobView
from reelbus_client.models.answers import Fallback, Timings
from reelbus_client.models.base import Answer

ENDS = frozenset(("succeeded", "failed", "cancelled", "expired"))
"""The states of a job that has ended."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Video(Answer):
    """A finished video, with the keys of the HTTP API."""

    video_id: str
    video_url: str
    """Where the file is. It may expire: `download` asks for a fresh address."""
    gcs_path: str
    """Name in the video store, under `generated-videos/`."""
    prompt: str
    duration_seconds: int
    quality: str
    generation_time: AwareDatetime
    """When the video was finished."""
    poster_url: str | None = None
    width: int
    height: int
    aspect_ratio: str
    resolution: str
    model: str | None = None
    fallback: Fallback | None = None
    billed_seconds: float
    cost_usd: float
    project_id: str | None = None
    scene_index: int | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    timings: Timings


class News(Answer):
    """One event of a job: its state, its progress, or its end."""

    event: Literal["state", "progress", "done"]
    state: JobState
    progress: float
    """0 to 1: the frames of the local renderer; an estimate for other models."""
    queue_position: int | None = None
    waiting_for: str | None = None
    view: JobView | None = None
    """The whole job, at its end."""


class FilmNews(Answer):
    """One event of a film: its state, a change of one scene, or the end."""

    event: Literal["state", "scene", "done"]
    revision: int
    state: str
    """Of the film; in a `scene` event that of the scene's job."""
    name: str | None = None
    """The scene, in a `scene` event."""
    video_id: str | None = None
    """The job of the scene."""
    progress: float | None = None
    """Of the scene, 0 to 1. It never goes back."""
    view: FilmView | None = None
    """The whole film, at its end or while it is held."""


def check_id(field: str, value: str) -> None:
    """Raise `ReelbusError` if the value is no id: it is a part of an address."""
    if not _ID.fullmatch(value):
        raise invalid(field, "must have 1 to 64 letters, digits, hyphens and underscores")


def video_of_view(view: dict[str, Any]) -> Video:
    """Return the video of an ended job. Raises the failure of the job."""
    if view["state"] != "succeeded":
        raise failure_of(view, view["video_id"])
    if view.get("erased_at"):
        raise to_erased(view["video_id"])
    known = {name: view[name] for name in Video.model_fields if name in view}
    return Video.model_validate({**known, "generation_time": view["timings"]["ended_at"]})
