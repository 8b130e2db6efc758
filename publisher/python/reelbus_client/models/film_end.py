"""The message of a film's end. Generated from the JSON Schemas by scripts/client_models.py. Do not edit."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field

from reelbus_client.models.answers import Failure
from reelbus_client.models.base import Answer


class FilmFile(Answer):
    """A file beside the film."""

    kind: str
    gcs_path: str
    """Name in the video store, under generated-videos/."""


class FilmSceneEnd(Answer):
    """One scene of a finished film: its job, and when the film shows it."""

    name: str
    job_id: str
    video_id: str | None = None
    """The id that the film's caller sees; in webhooks alone."""
    start_s: float
    end_s: float
    is_card: bool = False
    """A card stands in its place: its job has no video."""
    reused: bool = False
    """The job was there before this revision."""


class FilmTitleEnd(Answer):
    """When a film shows a title card."""

    before: str
    """The `name` of the scene that it was ordered for."""
    text: str
    start_s: float
    end_s: float


class FilmCompletion(Answer):
    """The end of a revision of a film (`reelbus.film.{succeeded,held,failed,cancelled}.v1`)."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
    )
    film_id: str
    revision: int
    state: str
    gcs_path: str | None = None
    """Name in the video store, under generated-videos/."""
    video_url: str | None = None
    duration_seconds: float | None = None
    price_usd: float | None = None
    """What this revision adds."""
    cost_usd: float | None = None
    """What is known to have been spent on the film so far, scenes of earlier revisions included."""
    scenes: Annotated[list[FilmSceneEnd], Field(validate_default=True)] = []
    titles: Annotated[list[FilmTitleEnd], Field(validate_default=True)] = []
    files: Annotated[list[FilmFile], Field(validate_default=True)] = []
    provenance: str | None = None
    """kept or dropped: whether the file has a C2PA manifest as its scenes have."""
    error: Failure | None = None
    erased_at: AwareDatetime | None = None
    """When the film was erased with its words and files."""
