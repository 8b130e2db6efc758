"""A storyboard scene, and how it becomes a prompt and a duration.

Python and Node give byte-identical prompts: `schemas/vectors/scenes.json` holds both to the rules written here.
Blanks are runs of tab, line feed, vertical tab, form feed, carriage return, space and no-break space; a text is
stripped of them at both ends and each run inside becomes one space. Lengths count Unicode code points.
"""

import re
from decimal import ROUND_CEILING, Decimal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from schemas import timecode

_BLANKS = re.compile(r"[\t\n\v\f\r \u00a0]+")
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")

_LABELS = (
    ("title", ""),
    ("description", ""),
    ("visual", "Visual: "),
    ("cameraFlow", "Camera: "),
    ("script", "Voice-over: "),
    ("backgroundMusic", "Music: "),
)

Text = str | None


class Scene(BaseModel):
    """One scene of a storyboard, with the names that callers use today. At least one of the texts must be there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Text = Field(default=None, max_length=2000)
    description: Text = Field(default=None, max_length=2000)
    visual: Text = Field(default=None, max_length=2000)
    cameraFlow: Text = Field(default=None, max_length=2000)  # noqa: N815  the callers' name
    script: Text = Field(default=None, max_length=2000)
    backgroundMusic: Text = Field(default=None, max_length=2000)  # noqa: N815
    timeStart: str | int | float | None = None  # noqa: N815
    timeEnd: str | int | float | None = None  # noqa: N815

    @field_validator("timeStart", "timeEnd")
    @classmethod
    def _is_a_time(cls, value: str | float | None) -> str | float | None:
        if value is not None and not _blank(value) and timecode.span(value) is None:
            timecode.seconds(value)
        return value


def build_prompt(scene: Scene) -> str:
    """The text prompt for a scene: each text that is there, labelled, as one sentence, joined by single spaces."""
    texts = ((label, clean(getattr(scene, name))) for name, label in _LABELS)
    return " ".join(label + _sentence(text) for label, text in texts if text)


def duration_of(scene: Scene) -> int | None:
    """Whole seconds that hold the scene (rounded up), or None where it names no end.

    Raises ValueError where the end is not after the start.
    """
    end = _end(scene)
    if end is None:
        return None
    start = _start(scene)
    if end <= start:
        raise ValueError("timeEnd must be after timeStart")
    return int((end - start).to_integral_value(ROUND_CEILING))


def clean(text: str | None) -> str:
    """The text without blanks at its ends and with single spaces inside."""
    return _BLANKS.sub(" ", text or "").strip(" ")


def _sentence(text: str) -> str:
    return text if text.endswith(_SENTENCE_ENDS) else text + "."


def _end(scene: Scene) -> Decimal | None:
    if scene.timeEnd is None or _blank(scene.timeEnd):
        return None
    both = timecode.span(scene.timeEnd)
    return both[1] if both else timecode.seconds(scene.timeEnd)


def _start(scene: Scene) -> Decimal:
    both = None if scene.timeEnd is None else timecode.span(scene.timeEnd)
    if both:
        return both[0]
    if scene.timeStart is None or _blank(scene.timeStart):
        return Decimal(0)
    ranged = timecode.span(scene.timeStart)
    return ranged[0] if ranged else timecode.seconds(scene.timeStart)


def _blank(value: str | float) -> bool:
    return isinstance(value, str) and not clean(value)
