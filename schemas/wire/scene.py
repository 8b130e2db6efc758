"""A scene of a storyboard, from which a prompt and a duration are built.

The Node client implements the same rules and builds byte-identical prompts. `schemas/vectors/scenes.json` and
`schemas/vectors/timecodes.json` test both.

Blanks are tab, line feed, vertical tab, form feed, carriage return, space and no-break space. They are removed at both
ends of a text, and each run of them inside becomes one space. Lengths count Unicode code points.

A time is written `8s`, `0:08`, `00:00:08.4`, `8` or ` 8 sec `, or as a range `0:05-0:13`. Callers compute times in
floating point: 8.1 + 0.2 is 8.299999999999999. So a time is rounded to whole microseconds, and a time with more digits
is rewritten before it is stored.
"""

import json
import re
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import TypeGuard

from pydantic import Field, ValidationInfo, field_validator

from schemas.versioning import Asked
from schemas.wire.validation import has_visible_text

_NUMBER = r"[0-9]{1,5}(?:\.[0-9]{1,30})?(?:e-[0-9]{1,3})?"
_SECONDS = rf"({_NUMBER})(?:s|sec|secs|second|seconds)?"
_CLOCK = rf"(?:([0-9]{{1,2}}):)?([0-9]{{1,3}}):({_NUMBER})s?"
_TIME = rf"(?:{_SECONDS}|{_CLOCK})"
_ONE = re.compile(_TIME)
_RANGE = re.compile(rf"{_TIME}(?:-|\u2013|\u2014|to){_TIME}")
_TIME_BLANKS = re.compile(r"[\t\n\v\f\r \u00a0]+")
_FINE = re.compile(r"\.[0-9]{7}|e-")
_LONGEST = 100
_MICROSECOND = Decimal("0.000001")
_UPPER_LIMIT = 100_000


def seconds(text: str | float) -> Decimal:
    """Return the seconds, to the microsecond. Raises `ValueError` for anything that is not a time."""
    if isinstance(text, str):
        match = _ONE.fullmatch(_remove_blanks(text))
        if match is None:
            raise ValueError(_complaint(text))
        return _read(match.groups())
    if not abs(text) < _UPPER_LIMIT:  # true for NaN as well
        raise ValueError(_complaint(text))
    time = _round(Decimal(str(text)))
    if time < 0 or time >= _UPPER_LIMIT:
        raise ValueError(_complaint(text))
    return abs(time)  # -0.0 is 0


def span(text: str | float) -> tuple[Decimal, Decimal] | None:
    """Return start and end of a range such as `0:05-0:13`; None if the text is not a range."""
    match = _RANGE.fullmatch(_remove_blanks(text)) if isinstance(text, str) else None
    return (_read(match.groups()[:4]), _read(match.groups()[4:])) if match else None


def normalize(text: str | float) -> str | float:
    """Return the time as it is stored: unchanged, or rewritten if it has digits below a microsecond.

    Raises `ValueError` for anything that is neither a time nor a range.
    """
    times = span(text) or (seconds(text),)
    if not _FINE.search(_remove_blanks(text)) and str(text) != "-0.0":
        return text
    return "-".join(f"{time:f}".rstrip("0").rstrip(".") for time in times)


def _remove_blanks(text: str | float) -> str:
    """Return the time in small letters without blanks; an empty text if it is too long for a time."""
    time = str(text)
    return _TIME_BLANKS.sub("", time).lower() if len(time) <= _LONGEST else ""


def _read(parts: tuple[str | None, ...]) -> Decimal:
    number, hours, minutes, rest = parts
    if number is not None:
        return _round(Decimal(number))
    return Decimal(hours or 0) * 3600 + Decimal(minutes or 0) * 60 + _round(Decimal(rest or 0))


def _round(time: Decimal) -> Decimal:
    return time.quantize(_MICROSECOND, ROUND_HALF_UP)


def _complaint(text: str | float) -> str:
    """Quote the first forty characters as JSON does, so that the Node client can build the same sentence."""
    return f"must be a time such as 8s, 0:08 or 8, not {json.dumps(str(text)[:40], ensure_ascii=False)}"


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
    """One scene of a storyboard, with the callers' names. Its texts make the prompt of a request without one."""

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
        return normalize(value) if _is_given(value) else value

    @field_validator("timeEnd")
    @classmethod
    def _is_after_the_start(cls, value: Time, info: ValidationInfo) -> Time:
        end = _end(value)
        if end is not None and end <= _start(info.data.get("timeStart"), value):
            raise ValueError("must be after the scene's start")
        return value


def build_prompt(scene: Scene) -> str:
    """Return the prompt of a scene: each of its texts with its label, as one sentence, joined by single spaces."""
    texts = ((label, clean(getattr(scene, name))) for name, label in _LABELS)
    return " ".join(label + _sentence(text) for label, text in texts if text)


def has_visible_texts(scene: Scene) -> bool:
    """Return whether the scene has a text in which something can be seen."""
    return any(has_visible_text(getattr(scene, name) or "") for name, _ in _LABELS)


def duration_of(scene: Scene) -> int | None:
    """Return the length of the scene, rounded up to whole seconds; None if it has no end.

    The start is `timeStart`, or 0. A range in `timeEnd` gives start and end. A range in `timeStart` gives its start.
    """
    end = _end(scene.timeEnd)
    if end is None:
        return None
    return int((end - _start(scene.timeStart, scene.timeEnd)).to_integral_value(ROUND_CEILING))


def clean(text: str | None) -> str:
    """Return the text without blanks at its ends and with single spaces inside."""
    return _BLANKS.sub(" ", text or "").strip(" ")


def _sentence(text: str) -> str:
    return text if text.endswith(_SENTENCE_ENDS) else text + "."


def _end(time_end: Time) -> Decimal | None:
    if not _is_given(time_end):
        return None
    range_ = span(time_end)
    return range_[1] if range_ else seconds(time_end)


def _start(time_start: Time, time_end: Time) -> Decimal:
    if _is_given(time_end) and (range_ := span(time_end)):
        return range_[0]
    if not _is_given(time_start):
        return Decimal(0)
    range_ = span(time_start)
    return range_[0] if range_ else seconds(time_start)


def _is_given(value: Time) -> TypeGuard[str | float]:
    """Return False for null and for a text of blanks alone."""
    return value is not None and not (isinstance(value, str) and not clean(value))
