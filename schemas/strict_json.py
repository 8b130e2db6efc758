"""Reads JSON that came from outside: strictly, since a key that is silently ignored is a wrong video, paid for.

A request has some dozens of values and one long text, its image. What has many more is refused before it is parsed:
the parser makes a hundred bytes of each of two million keys.
"""

import codecs
import json
from typing import Any, NoReturn

from schemas.errors import Invalid

KEYS_AT_MOST = 1_000
_VALUES_AT_MOST = 50_000
"""Commas and colons, those in texts included: all texts of a request together have 20,000 characters at most."""
_QUOTES_AT_MOST = 100_000
BESIDE_LONGEST_TEXT_AT_MOST_BYTES = 1_000_000
_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark begins alike
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def strict_object(text: bytes, *, what: str) -> dict[str, Any]:
    """The object that `text` holds; `what` names it in complaints. Raises `Invalid`: for a key that comes twice too."""
    check_size(text, what=what)
    keys = _Keys(what)
    try:
        parsed = json.loads(
            _decoded(text, what), object_pairs_hook=keys.unique, parse_constant=lambda name: _none(what, name)
        )
    except UnicodeDecodeError as error:
        raise Invalid(f"{what} must be JSON in UTF-8") from error
    except json.JSONDecodeError as error:
        raise Invalid(f"{what} must be JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except ValueError as error:
        raise Invalid(f"{what} must be JSON with numbers of a sane length") from error
    except RecursionError as error:
        raise Invalid(f"{what} is nested too deeply") from error
    if not isinstance(parsed, dict):
        raise Invalid(f"{what} must be a JSON object")
    return parsed


def check_size(text: bytes, *, what: str) -> None:
    """Raises `Invalid` for JSON that no request could be. Costs a few looks at each byte, and no memory."""
    if len(text) <= _VALUES_AT_MOST:
        return
    if text.count(b",") + text.count(b":") > _VALUES_AT_MOST:
        raise Invalid(f"{what} must have at most {KEYS_AT_MOST:,} keys, and few other values")
    if len(text) <= BESIDE_LONGEST_TEXT_AT_MOST_BYTES:
        return
    if text.count(b'"') > _QUOTES_AT_MOST or len(text) - _longest_text(text) > BESIDE_LONGEST_TEXT_AT_MOST_BYTES:
        raise Invalid(f"{what} must have at most {BESIDE_LONGEST_TEXT_AT_MOST_BYTES:,} bytes beside its longest text")


def _longest_text(text: bytes) -> int:
    """The longest part without a quotation mark: an image in base64 has none."""
    longest, start = 0, 0
    while (end := text.find(b'"', start)) >= 0:
        longest, start = max(longest, end - start), end + 1
    return max(longest, len(text) - start)


def _decoded(text: bytes, what: str) -> str:
    """Without the byte order mark that some editors and shells begin with (RFC 8259, 8.1)."""
    for mark, encoding in _OTHER_ENCODINGS.items():
        if text.startswith(mark):
            raise Invalid(f"{what} must be JSON in UTF-8, and its byte order mark says {encoding}")
    return text.decode().lstrip("\ufeff")


class _Keys:
    """The keys of one text, in all its objects."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._count = 0

    def unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._count += len(pairs)
        if self._count > KEYS_AT_MOST:
            raise Invalid(f"{self._what} must have at most {KEYS_AT_MOST:,} keys")
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                shown = key[:80].encode("utf-8", "replace").decode()  # it may hold half a character
                raise Invalid(f"{shown} is given twice", field=shown)
            found[key] = value
        return found


def _none(what: str, name: str) -> NoReturn:
    raise Invalid(f"{what} must be JSON, which has no {name}")
