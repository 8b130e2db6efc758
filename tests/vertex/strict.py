"""Judges requests as strictly as Google would, and more strictly where Google silently ignores what it does not know:
an ignored key is a wrong video, paid for."""

import re
from collections.abc import Mapping, Set
from typing import Any

_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
ASPECTS = frozenset({"16:9", "9:16"})


class Refused(Exception):
    """A 400, or a 404 for a model."""

    def __init__(self, message: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers


def require(true: object, message: str) -> None:
    """Raises `Refused` where it is not."""
    if not true:
        raise Refused(message)


def keys(where: str, found: Any, *, needed: Set[str] = frozenset(), allowed: Set[str]) -> Mapping[str, Any]:
    """The object, if it has the keys that it must have and no others."""
    require(isinstance(found, dict), f"{where} must be an object.")
    unknown = sorted(set(found) - allowed - needed)
    require(not unknown, f"Invalid JSON payload received. Unknown name \"{''.join(unknown[:1])}\" at '{where}'.")
    missing = sorted(needed - set(found))
    require(not missing, f"{where}: {', '.join(missing)} is required.")
    return found  # type: ignore[no-any-return]


def one_of(where: str, value: object, offered: Set[Any]) -> None:
    """Raises `Refused` for anything else; True is no 1."""
    fits = value in offered and not isinstance(value, bool)
    require(fits, f"{where} must be one of {sorted(offered)}, but got {value!r}.")


def folder(where: str, uri: object) -> str:
    """An address in Cloud Storage."""
    require(isinstance(uri, str) and re.fullmatch(r"gs://[^/]+/.+/", uri), f"{where} must be a gs:// folder.")
    return str(uri)


def labels(found: Any) -> dict[str, str]:
    """Labels as the bill takes them."""
    require(isinstance(found, dict) and len(found) <= 64, "labels must be a map of at most 64 entries.")
    for key, value in found.items():
        require(_LABEL_KEY.fullmatch(key), f"Label key {key!r} is invalid.")
        require(isinstance(value, str) and _LABEL_VALUE.fullmatch(value), f"Label value {value!r} is invalid.")
    return dict(found)
