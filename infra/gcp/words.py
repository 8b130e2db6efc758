"""What Google says, out of its bodies and made fit to be read by a person."""

import json
from collections.abc import Sequence
from typing import Any

from infra.gcp.echo import without_echo

SENTENCE_AT_MOST = 400


def object_of(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; an empty one where there is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def words_of(body: bytes, texts: Sequence[str] = ()) -> str:
    """All that Google says about an error, on one line and without the caller's `texts`; nothing for another shape."""
    error = object_of(body).get("error")
    said = error.get("message") if isinstance(error, dict) else None
    return " ".join(without_echo(said, texts).split()) if isinstance(said, str) else ""


def as_sentence(said: str) -> str:
    """On one line, no longer than a person reads, with a full stop."""
    flat = " ".join(said.split())
    short = flat if len(flat) <= SENTENCE_AT_MOST else flat[: SENTENCE_AT_MOST - 1] + "…"
    return short if not short or short.endswith((".", "!", "?", "…")) else short + "."
