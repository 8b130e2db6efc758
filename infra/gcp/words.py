"""What Google says, out of its bodies and made fit to be read by a person."""

import json
from typing import Any

SENTENCE_AT_MOST = 400


def object_of(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; an empty one where there is none."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def words_of(body: bytes) -> str:
    """What Google says about an error, as one sentence; nothing for a body of another shape."""
    error = object_of(body).get("error")
    said = error.get("message") if isinstance(error, dict) else None
    return as_sentence(said) if isinstance(said, str) else ""


def as_sentence(said: str) -> str:
    """On one line, no longer than a person reads, with a full stop."""
    flat = " ".join(said.split())
    short = flat if len(flat) <= SENTENCE_AT_MOST else flat[: SENTENCE_AT_MOST - 1] + "…"
    return short if not short or short.endswith((".", "!", "?", "…")) else short + "."
