"""The failures of a paid call that do not depend on the provider, and the JSON object that an answer holds."""

import json
from typing import Any

import httpx

from schemas.errors import Category, Charged, Failure

NOT_SENT_IN_TIME = Failure(
    category=Category.TIMEOUT,
    code="not_sent",
    message="The connection to the model took too long, so the request was not sent.",
    retryable=True,
    charged=Charged.NO,
)
SENT_TWICE = Failure(
    category=Category.INTERNAL,
    code="sent_twice",
    message="A second request for one submit was stopped; the first may have been accepted.",
    charged=Charged.UNKNOWN,
)


def object_of(body: bytes) -> dict[str, Any]:
    """Parse the JSON object in a body; return an empty one for any other body."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def unclear_answer_failure(status: int) -> Failure:
    """Return the failure for an answer that does not say if the request was accepted."""
    words = "an answer that is no operation" if httpx.codes.is_success(status) else f"HTTP {status}"
    return _doubt("unclear_answer", f"The model answered the submit with {words}; it may have been accepted.")


def answer_lost_failure(error: Exception) -> Failure:
    """Return the failure for a connection that broke or timed out after the first byte of the request."""
    return _doubt(
        "answer_lost", f"The answer to the submit was lost ({type(error).__name__}); it may have been accepted."
    )


def not_sent_failure(error: Exception) -> Failure:
    """Return the failure for a connection that broke before the first byte."""
    words = f"The model can't be reached ({type(error).__name__}); nothing was sent."
    return Failure(category=Category.UPSTREAM, code="unreachable", message=words, retryable=True, charged=Charged.NO)


def not_written_failure(error: Exception | None) -> Failure:
    """Return the failure for a request that the client library did not write.

    The library's own message is left out: it may quote the prompt.
    """
    reason = f" ({type(error).__name__})" if error else ""
    words = f"The request could not be written{reason}; nothing was sent."
    return Failure(category=Category.INTERNAL, code="not_written", message=words, charged=Charged.NO)


def _doubt(code: str, words: str) -> Failure:
    return Failure(category=Category.UPSTREAM, code=code, message=words, charged=Charged.UNKNOWN)
