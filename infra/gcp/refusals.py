"""What an answer to a submit means: accepted, a definite no, or a doubt. Pure, one documented shape after the other.

A 4xx with a body comes from somebody who read the request and refused it. Everything else after the first byte is a
doubt: a server that fails or a proxy that gives up may have passed the request on.
"""

from collections.abc import Sequence
from typing import NamedTuple

from infra.gcp.safety import safety_failure
from infra.gcp.words import words_of
from schemas.failure import Category, Charged, Failure

NOT_SENT_IN_TIME = Failure(
    category=Category.TIMEOUT,
    code="not_sent",
    message="The connection to the model took too long, so the request was not sent.",
    retryable=True,
)
SENT_TWICE = Failure(
    category=Category.INTERNAL,
    code="sent_twice",
    message="A second request for one submit was stopped; the first may have been accepted.",
    charged=Charged.UNKNOWN,
)
_GONE = "no longer available"


class _Words(NamedTuple):
    category: Category
    code: str
    words: str
    retryable: bool = False


_DEFINITE = {
    400: _Words(Category.INVALID_REQUEST, "invalid_argument", "The model refused the request"),
    401: _Words(Category.AUTH, "unauthenticated", "Google does not accept the worker's credentials"),
    403: _Words(Category.AUTH, "permission_denied", "The worker's account may not use this model"),
    404: _Words(Category.UPSTREAM, "model_not_found", "Google does not know this model in this project and region"),
    429: _Words(Category.QUOTA, "quota", "The quota of this model is used up for now", retryable=True),
}


def refusal(status: int, body: bytes, texts: Sequence[str] = ()) -> Failure | None:
    """The definite no that an answer stands for; None where it is none. `texts` is what the caller wrote."""
    shape = _DEFINITE.get(status)
    if shape is None or not body.strip():
        return None
    said = words_of(body, texts)
    if status == 400 and (unsafe := safety_failure(said)):
        return unsafe
    if status == 404 and _GONE in said.lower():
        shape = shape._replace(code="model_retired", words="Google has switched this model off")
    message = f"{shape.words}: {said}" if said else f"{shape.words}."
    return Failure(category=shape.category, code=shape.code, message=message, retryable=shape.retryable)


def doubt(status: int) -> Failure:
    """An answer that tells nothing about whether the request was accepted."""
    words = "an answer that is no operation" if status == 200 else f"HTTP {status}"
    return _unknown("unclear_answer", f"The model answered the submit with {words}; it may have been accepted.")


def lost(error: Exception) -> Failure:
    """The connection broke, or stayed silent, after the request had begun to leave."""
    return _unknown(
        "answer_lost", f"The answer to the submit was lost ({type(error).__name__}); it may have been accepted."
    )


def not_sent(error: Exception) -> Failure:
    """The connection broke before the first byte."""
    words = f"The model can't be reached ({type(error).__name__}); nothing was sent."
    return Failure(category=Category.UPSTREAM, code="unreachable", message=words, retryable=True)


def no_token(error: Exception, *, retryable: bool) -> Failure:
    """Google gave no access token."""
    words = f"The worker got no access token from Google ({type(error).__name__}); nothing was sent."
    return Failure(category=Category.AUTH, code="no_token", message=words, retryable=retryable)


def _unknown(code: str, words: str) -> Failure:
    return Failure(category=Category.UPSTREAM, code=code, message=words, charged=Charged.UNKNOWN)
