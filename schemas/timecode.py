"""Reads the times that scenes carry: `8s`, `0:08`, `00:00:08.4`, `8`, ` 8 sec `, and the end of a range `0:05-0:13`.

The Node client implements the same grammar; `schemas/vectors/timecodes.json` holds both to it.
"""

import json
import re
from decimal import Decimal

_NUMBER = r"[0-9]{1,5}(?:\.[0-9]{1,6})?"
_SECONDS = re.compile(rf"({_NUMBER})(?:s|sec|secs|second|seconds)?")
_CLOCK = re.compile(rf"(?:([0-9]{{1,2}}):)?([0-9]{{1,3}}):({_NUMBER})s?")
_RANGE = re.compile(r"(.+?)(?:-|\u2013|\u2014|to)(.+)")
_BLANKS = re.compile(r"[\t\n\v\f\r \u00a0]+")


def seconds(text: str | float) -> Decimal:
    """Seconds, exactly as written. Raises ValueError for anything that is not a time."""
    found = _read(_plain(text))
    if found is None:
        raise ValueError(_complaint(text))
    return found


def span(text: str | float) -> tuple[Decimal, Decimal] | None:
    """Start and end of a range such as `0:05-0:13`, or None where the text is no range.

    Raises ValueError for a range of things that are not times.
    """
    match = _RANGE.fullmatch(_plain(text))
    if match is None:
        return None
    start, end = _read(match[1]), _read(match[2])
    if start is None or end is None:
        raise ValueError(_complaint(text))
    return start, end


def _plain(text: str | float) -> str:
    return _BLANKS.sub("", str(text)).lower()


def _read(plain: str) -> Decimal | None:
    if match := _SECONDS.fullmatch(plain):
        return Decimal(match[1])
    if match := _CLOCK.fullmatch(plain):
        return Decimal(match[1] or 0) * 3600 + Decimal(match[2]) * 60 + Decimal(match[3])
    return None


def _complaint(text: str | float) -> str:
    """Quotes the first forty characters as JSON does, which Node can do too."""
    return f"must be a time such as 8s, 0:08 or 8, not {json.dumps(str(text)[:40], ensure_ascii=False)}"
