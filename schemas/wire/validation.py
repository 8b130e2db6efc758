"""Checks of what callers send, and the sentences about what is wrong with it: the same for HTTP, command line and bus.

- A validation error becomes one sentence that names the field and the limit.
- JSON is read strictly. A key that comes twice is refused, since a wrong video would be paid for if one were ignored.
- A request has some dozens of values and one long text, its image. Much larger JSON is refused before it is parsed:
  the parser takes a hundred bytes for each of two million keys.
- A prompt must have a visible character, since a video without a subject costs as much as any other.
  `publisher/node/src/visible.js` has the same rule, and `schemas/vectors/requests.json` tests both.
"""

import codecs
import json
import re
import sys
import unicodedata
from collections.abc import Sized
from typing import Any, NoReturn

from pydantic import ValidationError

from schemas.errors import Invalid

_TEMPLATES = {
    "missing": "is required",
    "extra_forbidden": "is not a known key",
    "string_type": "must be a text",
    "string_unicode": "must be valid Unicode",
    "string_too_short": "must have at least {min_length} characters, not {length}",
    "string_too_long": "must have at most {max_length} characters, not {length}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "greater_than_equal": "must be at least {ge}, not {given}",
    "less_than_equal": "must be at most {le}, not {given}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "too_long": "must have at most {max_length} {entries}, not {length}",
    "too_short": "must have at least {min_length} {entries}, not {length}",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "decimal_type": "must be an amount in US dollars",
    "decimal_parsing": "must be an amount in US dollars",
    "datetime_type": "must be a moment, for example 2026-01-31T12:00:00Z",
    "datetime_parsing": "must be a moment, for example 2026-01-31T12:00:00Z",
    "datetime_from_date_parsing": "must be a moment, for example 2026-01-31T12:00:00Z",
    "timezone_aware": "must name a time zone, for example 2026-01-31T12:00:00Z",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "greater_than": "must be more than {gt}, not {given}",
    "less_than": "must be less than {lt}, not {given}",
    "bool_parsing": "must be true or false",
}


_FORMS = {
    r"^[A-Za-z0-9_-]{1,64}$": "must have 1 to 64 letters, digits, hyphens and underscores",
    r"^[A-Za-z0-9_-]{1,47}$": "must have 1 to 47 letters, digits, hyphens and underscores",
    r"^[A-Za-z0-9_-]{1,43}$": "must have 1 to 43 letters, digits, hyphens and underscores",
    r"^[a-z][a-z0-9_-]{0,62}$": (
        "must have a key of 1 to 63 small letters, digits, hyphens and underscores that begins with a letter"
    ),
    r"^[a-z][a-z0-9-]{0,31}$": "must have 1 to 32 small letters, digits and hyphens, and begin with a letter",
    r"^[a-z0-9_-]{0,63}$": "must have at most 63 small letters, digits, hyphens and underscores",
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$": (
        "must have 1 to 100 letters, digits, dots, hyphens and underscores, and begin with a letter or digit"
    ),
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$": (
        "must have 1 to 64 letters, digits, dots, hyphens and underscores, and begin with a letter or digit"
    ),
    r"^[^\s\x00-\x1f/]{1,128}$": "must have 1 to 128 characters without blanks, slashes and control characters",
    r"^[0-9a-f]{64}$": "must have 64 digits of a SHA-256 in hexadecimal (0-9, a-f)",
    r"(?i)^(debug|info|warning|error)$": "must be debug, info, warning or error",
    r"^(?:all|project:[^\s\x00-\x1f/]{1,128}|label:[a-z][a-z0-9_-]{0,62}=[a-z0-9_-]{0,63})$": (
        "must be all, project:ID or label:KEY=VALUE"
    ),
    r"^([A-Za-z0-9._-]{1,128}@[A-Za-z0-9.-]{1,128})?$": "must be the e-mail address of a service account",
    r"^(https?://[^?#\s]+)?$": "must be an http:// or https:// address",
    r"^https?://[!$-.0-;=A-Z\[\]_a-z~]+(?:[/?][!$-;=?-Z\[\]_a-z~]*)?$": "must be an http:// or https:// address",
}
"""What each pattern of the models asks for, in words. A test checks that no pattern is missing."""
_LENGTHS = re.compile(r"must have (?:a key of )?(?:(?P<least>[0-9]+) to |at most )?(?P<most>[0-9]+) ")
_DIGITS_SHOWN = 24
_EXACT = 2**53
"""Below it a float with a whole value is exactly that whole number."""


def to_invalid(error: ValidationError) -> Invalid:
    """Return the first error as ours."""
    first = error.errors(include_url=False)[0]
    # The error that `schemas.versioning.Asked` raises for an unknown key is located at the object that holds the key.
    context = first.get("ctx") or {}
    location = (*first["loc"], context["key"] or "(an empty key)") if "key" in context else first["loc"]
    field = ".".join(str(part) for part in location if part != "[key]") or None
    return Invalid(f"{field} {_sentence(dict(first))}" if field else _sentence(dict(first)), field=field)


def invalid_setting(error: ValidationError) -> Invalid:
    """Return the first error of the settings, by the name of its environment variable."""
    invalid = to_invalid(error)
    if not invalid.field:
        return invalid
    words = str(invalid).removeprefix(f"{invalid.field} ")
    if words.startswith("REELBUS_"):
        return Invalid(words, field=words.partition(" ")[0])
    name, _, part = invalid.field.partition(".")
    variable = "PORT" if name.upper() == "PORT" else f"REELBUS_{name.upper()}"
    return Invalid(f"{variable}{f' ({part})' if part else ''} {words}", field=variable)


def _sentence(detail: dict[str, Any]) -> str:
    context = dict(detail.get("ctx") or {})
    value = detail.get("input")
    if detail["type"] == "value_error":
        return str(context.get("error") or detail["msg"])
    if detail["type"] == "string_pattern_mismatch":
        return add_length(_FORMS.get(context["pattern"], "is not of the required form"), value)
    if isinstance(value, Sized):
        context["length"] = len(value)
    limit = context.get("max_length", context.get("min_length"))
    numbers = {name: show_number(context[name]) for name in ("ge", "le", "gt", "lt") if name in context}
    context |= numbers | {"entries": "entry" if limit == 1 else "entries", "given": show_number(value)}
    template = _TEMPLATES.get(detail["type"])
    return template.format(**context) if template else str(detail["msg"])[:1].lower() + str(detail["msg"])[1:]


def add_length(words: str, value: object) -> str:
    """Return the words of a form, with the length of the text if that is what breaks it."""
    found = _LENGTHS.match(words)
    if found is None or not isinstance(value, str):
        return words
    most = int(found["most"])
    least = int(found["least"]) if found["least"] else 0 if "at most" in words else most
    return words if least <= len(value) <= most else f"{words}; its length is {len(value)}"


def show_number(value: object) -> str:
    """Return a number as people write it, and only the beginning of a very long one."""
    text = str(int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value)
    return text if len(text) <= _DIGITS_SHOWN else f"{text[:_DIGITS_SHOWN]}…"


KEYS_AT_MOST = 1_000
_VALUES_AT_MOST = 50_000
"""Of commas and colons, also those inside texts: all texts of a request have at most 20,000 characters together."""
_QUOTES_AT_MOST = 100_000
BESIDE_LONGEST_TEXT_AT_MOST_BYTES = 1_000_000
_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark begins alike
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def parse_object(text: bytes, *, what: str, requests: int = 1) -> dict[str, Any]:
    """Return the object that the JSON text holds. `what` names the text in errors. Raises `Invalid`.

    A text with many `requests` may have as many times the keys, and as many long texts.
    """
    check_size(text, what=what, requests=requests)
    for mark, encoding in _OTHER_ENCODINGS.items():
        if text.startswith(mark):
            raise Invalid(f"{what} must be JSON in UTF-8, and its byte order mark says {encoding}")
    reader = _ObjectReader(what, requests * KEYS_AT_MOST)
    try:
        # Some editors and shells write the byte order mark of UTF-8 (RFC 8259, 8.1).
        decoded = text.decode().lstrip("\ufeff")
        parsed = json.loads(decoded, object_pairs_hook=reader.to_object, parse_constant=reader.refuse_constant)
    except UnicodeDecodeError as error:
        raise Invalid(f"{what} must be JSON in UTF-8") from error
    except json.JSONDecodeError as error:
        raise Invalid(f"{what} must be JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except ValueError as error:
        raise Invalid(f"{what} must be JSON with numbers of at most {sys.get_int_max_str_digits():,} digits") from error
    except RecursionError as error:
        raise Invalid(f"{what} is nested too deeply") from error
    if not isinstance(parsed, dict):
        raise Invalid(f"{what} must be a JSON object")
    return parsed


def check_size(text: bytes, *, what: str, requests: int = 1) -> None:
    """Raise `Invalid` for JSON that is too large for a request. Reads each byte a few times, and needs no memory."""
    if len(text) <= _VALUES_AT_MOST:
        return
    if (marks := text.count(b",") + text.count(b":")) > _VALUES_AT_MOST:
        if requests > 1:
            raise Invalid(f"{what} must have at most {_VALUES_AT_MOST:,} commas and colons, not {marks:,}")
        raise Invalid(f"{what} must have at most {KEYS_AT_MOST:,} keys, and few other values")
    if len(text) <= BESIDE_LONGEST_TEXT_AT_MOST_BYTES:
        return
    marks = text.count(b'"')
    has_many_texts = marks > _QUOTES_AT_MOST
    if requests > 1 and has_many_texts:
        raise Invalid(f"{what} must have at most {_QUOTES_AT_MOST:,} quotation marks, not {marks:,}")
    if requests == 1 and (has_many_texts or len(text) - _longest_text(text) > BESIDE_LONGEST_TEXT_AT_MOST_BYTES):
        raise Invalid(f"{what} must have at most {BESIDE_LONGEST_TEXT_AT_MOST_BYTES:,} bytes beside its longest text")


def _longest_text(text: bytes) -> int:
    """Return the length of the longest part without a quotation mark. An image in base64 has none."""
    longest, start = 0, 0
    while (end := text.find(b'"', start)) >= 0:
        longest, start = max(longest, end - start), end + 1
    return max(longest, len(text) - start)


class _ObjectReader:
    """Builds the objects of one JSON text, and counts their keys. Raises `Invalid` for a key that comes twice."""

    def __init__(self, what: str, keys_at_most: int) -> None:
        self._what = what
        self._keys_at_most = keys_at_most
        self._count = 0

    def to_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._count += len(pairs)
        if self._count > self._keys_at_most:
            raise Invalid(f"{self._what} must have at most {self._keys_at_most:,} keys")
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                shown = key[:80].encode("utf-8", "replace").decode()  # the key may hold half a surrogate pair
                raise Invalid(f"{shown} is given twice", field=shown)
            found[key] = value
        return found

    def refuse_constant(self, name: str) -> NoReturn:
        raise Invalid(f"{self._what} must be JSON, which has no {name}")


_INVISIBLE = frozenset(
    {
        0x115F,  # Hangul fillers: letters by their category
        0x1160,
        0x3164,
        0xFFA0,
        0x2800,  # the braille pattern without dots
        0xFFFC,  # the object replacement character
        0x1D159,  # a note head that is drawn as nothing
        0x2065,
        *range(0xFFF0, 0xFFF9),
        *range(0xE0000, 0xE1000),
    }
)
"""Unicode's default ignorable code points outside the categories below, and symbols that are drawn as blanks."""


def has_visible_text(text: str) -> bool:
    """Return whether the text has a visible character: a letter, a digit, a sign or a symbol."""
    return any(_is_visible(char) for char in text)


def _is_visible(char: str) -> bool:
    code = ord(char)
    if code in _INVISIBLE or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
        return False
    # Unassigned characters count: a newer Unicode than Python's may have given them a picture.
    return unicodedata.category(char)[0] in "LNPS" or unicodedata.category(char) == "Cn"
