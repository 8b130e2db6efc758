"""The API keys that callers may have. Settings hold digests: whoever reads them can't call with them."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_PREFIX = "rb_"
"""So that people and secret scanners tell what it is."""


class ApiKey(BaseModel):
    """One key, by its caller's name. A caller may have two for a while, to change from one to the other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


def new_key(name: str) -> tuple[str, ApiKey]:
    """A key of 256 random bits, and what the settings need to know of it. Raises `ValidationError` for a bad name."""
    key = _PREFIX + secrets.token_urlsafe(32)
    return key, ApiKey(name=name, sha256=_digest(key))


def caller_with(key: str, known: Sequence[ApiKey]) -> str | None:
    """Whose key it is. All are compared, each in constant time: how long it takes tells nothing."""
    digest = _digest(key)
    found = [each.name for each in known if hmac.compare_digest(each.sha256, digest)]
    return found[0] if found else None


def parsed(given: Any) -> Any:
    """The setting's JSON; anything else is left to be complained about."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given or "[]")
    except ValueError as error:
        raise ValueError('REELBUS_API_KEYS must be a JSON list of {"name": …, "sha256": …}') from error


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
