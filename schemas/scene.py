"""A storyboard scene, and how it becomes a prompt and a duration.

Python and Node give byte-identical prompts: `schemas/vectors/scenes.json` holds both to the rules written here.
Blanks are runs of tab, line feed, vertical tab, form feed, carriage return, space and no-break space; a text is
stripped of them at both ends and each run inside becomes one space. Lengths count Unicode code points.
"""

import re
from decimal import ROUND_CEILING, Decimal
from typing import TypeGuard

from pydantic import Field, ValidationInfo, field_validator

from schemas import timecode
from schemas.stored import Asked
from schemas.visible import has_visible_text

BLANKS = "\t\n\v\f\r \u00a0"
_BLANKS = re.compile(f"[{BLANKS}]+")
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
Time = str | int | float | None


class Scene(Asked):
    """One scene of a storyboard, with the names that callers use today. Its texts make the prompt if none is given."""

    title: Text = Field(default=None, max_length=2000)
    description: Text = Field(default=None, max_length=2000)
    visual: Text = Field(default=None, max_length=2000)
    cameraFlow: Text = Field(default=None, max_length=2000)  # noqa: N815  the callers' name
    script: Text = Field(default=None, max_length=2000)
    backgroundMusic: Text = Field(default=None, max_length=2000)  # noqa: N815
    timeStart: Time = None  # noqa: N815
    timeEnd: Time = None  # noqa: N815

    @field_validator("timeStart", "timeEnd", mode="before")
    @classmethod
    def _is_a_time(cls, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise ValueError("must be a time such as 8s, 0:08 or 8")
        return timecode.normalize(value) if _there(value) else value

    @field_validator("timeEnd")
    @classmethod
    def _is_after_the_start(cls, value: Time, info: ValidationInfo) -> Time:
        end = _end(value)
        if end is not None and end <= _start(info.data.get("timeStart"), value):
            raise ValueError("must be after the scene's start")
        return value


def build_prompt(scene: Scene) -> str:
    """The text prompt for a scene: each text that is there, labelled, as one sentence, joined by single spaces."""
    texts = ((label, clean(getattr(scene, name))) for name, label in _LABELS)
    return " ".join(label + _sentence(text) for label, text in texts if text)


def has_visible_texts(scene: Scene) -> bool:
    """Return whether the scene has a text in which something can be seen."""
    return any(has_visible_text(getattr(scene, name) or "") for name, _ in _LABELS)


def duration_of(scene: Scene) -> int | None:
    """Whole seconds that hold the scene (rounded up), or None where it names no end.

    The start is `timeStart`, or 0; a range in `timeEnd` brings its own. A range in `timeStart` gives only its start.
    """
    end = _end(scene.timeEnd)
    if end is None:
        return None
    return int((end - _start(scene.timeStart, scene.timeEnd)).to_integral_value(ROUND_CEILING))


def clean(text: str | None) -> str:
    """The text without blanks at its ends and with single spaces inside."""
    return _BLANKS.sub(" ", text or "").strip(" ")


def _sentence(text: str) -> str:
    return text if text.endswith(_SENTENCE_ENDS) else text + "."


def _end(time_end: Time) -> Decimal | None:
    if not _there(time_end):
        return None
    both = timecode.span(time_end)
    return both[1] if both else timecode.seconds(time_end)


def _start(time_start: Time, time_end: Time) -> Decimal:
    if _there(time_end) and (both := timecode.span(time_end)):
        return both[0]
    if not _there(time_start):
        return Decimal(0)
    ranged = timecode.span(time_start)
    return ranged[0] if ranged else timecode.seconds(time_start)


def _there(value: Time) -> TypeGuard[str | float]:
    """False for null and for a text of blanks alone."""
    return value is not None and not (isinstance(value, str) and not clean(value))
