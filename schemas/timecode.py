"""Reads the times that scenes carry: `8s`, `0:08`, `00:00:08.4`, `8`, ` 8 sec `, and the end of a range `0:05-0:13`.

Callers compute times in floating point: 8.1 + 0.2 is 8.299999999999999. So a time is rounded to whole microseconds, and
a time that is written with more digits than that is rewritten before it is stored.
The Node client implements the same grammar; `schemas/vectors/timecodes.json` holds both to it.
"""

import json
import re
from decimal import ROUND_HALF_UP, Decimal

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
