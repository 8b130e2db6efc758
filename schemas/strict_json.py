"""Reads JSON that came from outside: strictly, since a key that is silently ignored is a wrong video, paid for."""

import json
from typing import Any, NoReturn

from schemas.errors import Invalid


def strict_object(text: bytes, *, what: str) -> dict[str, Any]:
    """The object that `text` holds; `what` names it in complaints. Raises `Invalid`: for a key that comes twice too."""
    try:
        parsed = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=lambda name: _none(what, name))
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


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            shown = key[:80].encode("utf-8", "replace").decode()  # it may hold half a character
            raise Invalid(f"{shown} is given twice", field=shown)
        found[key] = value
    return found


def _none(what: str, name: str) -> NoReturn:
    raise Invalid(f"{what} must be JSON, which has no {name}")
