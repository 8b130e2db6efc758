"""Parts of a storyboard beside its scenes: how one follows the other, title cards, and captions."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, model_validator

from schemas.versioning import Asked
from schemas.wire.request import DURATION_MAX_S
from schemas.wire.validation import has_visible_text

NAME_PATTERN = r"^[A-Za-z0-9_-]{1,47}$"
TITLE_AT_MOST = 120
"""Characters. So many wide ones still fit on a card in letters that can be read."""
TransitionKind = Literal["cut", "crossfade", "fade_black"]
FilmExport = Literal["otio", "edl", "fcpxml"]
"""A timeline for editing programs. `fcpxml` is the XML of Final Cut Pro 7, which others read as well."""
FilmOutput = Literal["mp4", "otio", "edl", "fcpxml"]
SidecarKind = Literal["vtt", "srt"]


class Transition(Asked):
    """How a scene follows the one before it."""

    kind: TransitionKind = "cut"
    seconds: float = Field(
        default=0.5,
        ge=0.1,
        le=5,
        description="A crossfade shows both scenes for so long; a fade is half of it out, and half of it in.",
    )


class Trim(Asked):
    """The part of a scene that the film shows, in seconds of the scene."""

    start: float = Field(default=0, ge=0, le=DURATION_MAX_S)
    end: float | None = Field(default=None, gt=0, le=DURATION_MAX_S, description="By default the end of the scene.")


def _check_visible(text: str) -> str:
    if not has_visible_text(text):
        raise ValueError("must have a visible character")
    return text


class TitleCard(Asked):
    """A card with a text, shown before a scene. It is drawn, and costs nothing."""

    before: str = Field(pattern=NAME_PATTERN, description="The `name` of the scene that follows it.")
    text: Annotated[str, Field(max_length=TITLE_AT_MOST), AfterValidator(_check_visible)]
    seconds: float = Field(default=2, ge=0.5, le=10)
    transition: Transition = Field(default=Transition(), description="How the card follows what is before it.")


class Captions(Asked):
    """The scenes' scripts as captions: times by the length of the text, two lines of 42 characters."""

    source: Literal["script"] = Field(default="script", alias="from")
    sidecar: tuple[SidecarKind, ...] = Field(default=(), max_length=2, description="Files of their own.")
    embed: StrictBool = Field(default=True, description="As a track of the film that a player can show or hide.")
    burn_in: StrictBool = Field(default=False, description="Drawn into the picture.")

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if not (self.sidecar or self.embed or self.burn_in):
            raise ValueError("must have a sidecar, embed or burn_in")
        return self
