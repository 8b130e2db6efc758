"""A storyboard scene, and how it becomes a prompt and a duration.

Python and Node give byte-identical prompts: `schemas/vectors/scenes.json` holds both to the rules written here.
Blanks are runs of tab, line feed, vertical tab, form feed, carriage return, space and no-break space; a text is
stripped of them at both ends and each run inside becomes one space. Lengths count Unicode code points.

Reads the times that scenes carry: `8s`, `0:08`, `00:00:08.4`, `8`, ` 8 sec `, and the end of a range `0:05-0:13`.

Callers compute times in floating point: 8.1 + 0.2 is 8.299999999999999. So a time is rounded to whole microseconds, and
a time that is written with more digits than that is rewritten before it is stored.
The Node client implements the same grammar; `schemas/vectors/timecodes.json` holds both to it.
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
    """Seconds, to the microsecond. Raises ValueError for anything that is not a time."""
    if not isinstance(text, str):
        return _seconds_of_number(text)
    match = _ONE.fullmatch(_plain(text))
    if match is None:
        raise ValueError(_complaint(text))
    return _read(match.groups())


def span(text: str | float) -> tuple[Decimal, Decimal] | None:
    """Start and end of a range such as `0:05-0:13`, or None if the text is no range."""
    match = _RANGE.fullmatch(_plain(text)) if isinstance(text, str) else None
    return (_read(match.groups()[:4]), _read(match.groups()[4:])) if match else None


def normalize(text: str | float) -> str | float:
    """Return the time as it is stored: unchanged, or rewritten if it has digits below a microsecond.

    Raises ValueError for anything that is neither a time nor a range.
    """
    both = span(text) or (seconds(text),)
    if not _FINE.search(_plain(text)) and str(text) != "-0.0":
        return text
    return "-".join(_written(time) for time in both)


def _seconds_of_number(number: float) -> Decimal:
    if not abs(number) < _UPPER_LIMIT:  # true for NaN as well
        raise ValueError(_complaint(number))
    rounded = _rounded(Decimal(str(number)))
    if rounded < 0 or rounded >= _UPPER_LIMIT:
        raise ValueError(_complaint(number))
    return abs(rounded)  # -0.0 is 0


def _plain(text: str | float) -> str:
    written = str(text)
    return _TIME_BLANKS.sub("", written).lower() if len(written) <= _LONGEST else ""


def _read(parts: tuple[str | None, ...]) -> Decimal:
    number, hours, minutes, rest = parts
    if number is not None:
        return _rounded(Decimal(number))
    return Decimal(hours or 0) * 3600 + Decimal(minutes or 0) * 60 + _rounded(Decimal(rest or 0))


def _rounded(time: Decimal) -> Decimal:
    return time.quantize(_MICROSECOND, ROUND_HALF_UP)


def _written(time: Decimal) -> str:
    return f"{time:f}".rstrip("0").rstrip(".")


def _complaint(text: str | float) -> str:
    """Quotes the first forty characters as JSON does, which Node can do too."""
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
        return normalize(value) if _there(value) else value

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
    both = span(time_end)
    return both[1] if both else seconds(time_end)


def _start(time_start: Time, time_end: Time) -> Decimal:
    if _there(time_end) and (both := span(time_end)):
        return both[0]
    if not _there(time_start):
        return Decimal(0)
    ranged = span(time_start)
    return ranged[0] if ranged else seconds(time_start)


def _there(value: Time) -> TypeGuard[str | float]:
    """False for null and for a text of blanks alone."""
    return value is not None and not (isinstance(value, str) and not clean(value))
