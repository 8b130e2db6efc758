"""What an answer to a submit means: accepted, a definite no, or a doubt. Pure, one documented shape after the other.

A 4xx with a body comes from a server that read the request and refused it. A 503 is a refusal as well if it says both
that nothing was accepted and when to come again. Everything else after the first byte is a doubt: a server that fails
or a proxy that gives up may have passed the request on.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from infra.gcp.safety import safety_failure
from infra.gcp.words import as_sentence, words_of
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
_RETIRED = re.compile(
    r"\bmodels?\b(?:(?!\. ).){0,300}?\b(?:(?:is|are|was) no longer (?:available|supported|offered)"
    r"|(?:has been|have been|was|is) (?:retired|shut ?down|discontinued|decommissioned))\b",
    re.IGNORECASE,
)
# Google refuses a model that is retired, gated or absent in three ways: 404, 403 and 400.
_MISSING = re.compile(
    r"not allowed to (?:use|access) publisher model"
    r"|publisher model \S{1,300} (?:was|is) not (?:found|supported|available)"
    r"|your project does not have access to (?:it|this model|the model)"
    r"|permission '?aiplatform\.[\w.]+'? denied on resource .{0,400}\(or it may not exist\)",
    re.IGNORECASE | re.DOTALL,
)
_PREVIOUS = re.compile(r"\bprevious.?interaction|\binteraction\b.{0,200}\b(?:not found|expired|deleted)", re.IGNORECASE)
_OTHER_THING = re.compile(r"\bgs://|\b(?:bucket|object|interaction|file)\b", re.IGNORECASE)
"""What else a 404 may not find."""
UNAUTHENTICATED = "unauthenticated"
PREVIOUS_MISSING = "previous_interaction_missing"
MODEL_RETIRED, MODEL_NOT_FOUND = "model_retired", "model_not_found"
_DONE = "(?:accepted|admitted|created|enqueued|executed|processed|queued|started)"
_NOTHING_ACCEPTED = re.compile(
    rf"\b(?:(?:was|were|is|has been|have been) not|not been|never) {_DONE}\b(?! (?:completely|fully|in time))"
    rf"|\b(?:nothing|no (?:request|operation|prediction|interaction|work|job)) (?:was|were|has been|is) {_DONE}\b"
    rf"|\brejected before\b",
    re.IGNORECASE,
)
_DOUBTFUL = re.compile(r"\b(?:may|might|could|whether|unknown|not known|unclear)\b", re.IGNORECASE)


class _Words(NamedTuple):
    category: Category
    code: str
    words: str
    retryable: bool = False


_DEFINITE = {
    400: _Words(Category.INVALID_REQUEST, "invalid_argument", "The model refused the request"),
    401: _Words(Category.AUTH, UNAUTHENTICATED, "Google does not accept the worker's credentials"),
    403: _Words(Category.AUTH, "permission_denied", "The worker's account may not use this model"),
    404: _Words(Category.UPSTREAM, MODEL_NOT_FOUND, "Google does not know this model in this project and region"),
    407: _Words(Category.AUTH, "proxy_refused", "The proxy does not accept the worker's credentials"),
    429: _Words(Category.QUOTA, "quota", "The quota of this model is used up for now", retryable=True),
}
_OVERLOADED = _Words(Category.CAPACITY, "overloaded", "The model took nothing in, it is overloaded", retryable=True)


def refusal(status: int, body: bytes, texts: Sequence[str] = (), *, comes_again: bool = False) -> Failure | None:
    """The definite no that an answer stands for; None where it is none.

    `texts` is what the caller wrote. `comes_again` is true if the answer says when to send again.
    """
    whole = words_of(body, texts)
    shape = _OVERLOADED if status == 503 and comes_again and _says_nothing_accepted(whole) else _DEFINITE.get(status)
    if shape is None or not body.strip():
        return None
    if status == 400 and (unsafe := safety_failure(whole)):
        return unsafe
    shape, said = _of_a_model(status, whole) or shape, as_sentence(whole)
    message = f"{shape.words}: {said}" if said else f"{shape.words}."
    return Failure(category=shape.category, code=shape.code, message=message, retryable=shape.retryable)


def _of_a_model(status: int, said: str) -> _Words | None:
    """What it means if the words are about the model itself."""
    if status not in (400, 403, 404):
        return None
    if _RETIRED.search(said):
        return _Words(Category.UPSTREAM, MODEL_RETIRED, "Google has switched this model off")
    if _MISSING.search(said):
        return _Words(Category.UPSTREAM, MODEL_NOT_FOUND, "This project can't use this model, or there is none")
    if status in (400, 404) and _PREVIOUS.search(said):
        return _Words(Category.UPSTREAM, PREVIOUS_MISSING, "The interaction to go on from is not there any more")
    if status == 404 and _OTHER_THING.search(said) and "model" not in said.lower():
        return _Words(Category.INVALID_REQUEST, "input_not_found", "The model did not find its input")
    return None


def _says_nothing_accepted(said: str) -> bool:
    return bool(_NOTHING_ACCEPTED.search(said)) and not _DOUBTFUL.search(said)


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


def not_written(error: Exception) -> Failure:
    """The client library could not write the request. What it says is left out: it may quote the prompt."""
    words = f"The request could not be written ({type(error).__name__}); nothing was sent."
    return Failure(category=Category.INTERNAL, code="not_written", message=words)


def no_token(error: Exception, *, retryable: bool) -> Failure:
    """Google gave no access token."""
    words = f"The worker got no access token from Google ({type(error).__name__}); nothing was sent."
    return Failure(category=Category.AUTH, code="no_token", message=words, retryable=retryable)


def _unknown(code: str, words: str) -> Failure:
    return Failure(category=Category.UPSTREAM, code=code, message=words, charged=Charged.UNKNOWN)
