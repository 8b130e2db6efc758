"""Classifies Google's errors, without I/O: refusals of a submit, operations without a video, and safety filters.

An answer to a submit means accepted, refused or unknown. A 4xx with a body comes from a server that read the request
and refused it. A 503 is a refusal as well if it says both that nothing was accepted and when to send again. Every other
answer after the first byte is unknown: a failing server or a proxy may have passed the request on.

An accepted operation can end without a video. For the Gemini API Google writes that a failed generation is not charged;
for Vertex AI it writes nothing. So `charged` is `no` only if Google says so or if nothing can have been generated, else
`unknown`.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from infra.paid.echo import without_echo
from infra.paid.failures import object_of
from schemas.errors import Category, Charged, Failure

SENTENCE_AT_MOST = 400


def message_of(body: bytes, texts: Sequence[str] = ()) -> str:
    """Return the message of an error, on one line and without the caller's `texts`; empty if there is none."""
    error = object_of(body).get("error")
    message = error.get("message") if isinstance(error, dict) else None
    return " ".join(without_echo(message, texts).split()) if isinstance(message, str) else ""


def to_sentence(text: str) -> str:
    """Put a text on one line, shorten it for a reader, and end it with a full stop."""
    flat = " ".join(text.split())
    short = flat if len(flat) <= SENTENCE_AT_MOST else flat[: SENTENCE_AT_MOST - 1] + "…"
    return short if not short or short.endswith((".", "!", "?", "…")) else short + "."


# Source: "Responsible AI for Veo", Google Cloud documentation.
_CODES = {
    "child safety": (58061214, 17301594),
    "a celebrity": (29310472, 15236754),
    "the safety of the video": (64151117, 42237218),
    "dangerous content": (62263041,),
    "hate": (57734940, 22137204),
    "another safety reason": (74803281, 29578790, 42876398),
    "prohibited content": (89371032, 49114662, 63429089, 72817394, 60599140),
    "third-party content": (35561574, 35561575),
    "sexual content": (90789179, 43188360),
    "toxic content": (78610348,),
    "violence": (61493863, 56562880),
    "vulgar content": (32635315,),
}
_REASONS = {code: reason for reason, codes in _CODES.items() for code in codes}
_SUPPORT = re.compile(r"support codes?: ?([\d, ]+)", re.IGNORECASE)
# Whole phrases: "rai" alone is in "train", and "block" in "blockbuster".
_UNSAFE = re.compile(
    r"usage guidelines|responsible ai|safety (?:filter|polic|reason|setting)|violat\w+ .{0,80}polic|prohibited use",
    re.IGNORECASE,
)
_NOT_CHARGED = re.compile(r"(?:not been|not be|n't be|n't) charged", re.IGNORECASE)


def safety_failure(message: str, *, charged: Charged = Charged.NO) -> Failure | None:
    """Return the failure for a message of a safety filter; None for any other message."""
    return filter_failure(message, charged=charged) if _SUPPORT.search(message) or _UNSAFE.search(message) else None


def filter_failure(message: str, *, charged: Charged) -> Failure:
    """Return the failure for a video that a filter refused, with the reasons of its support codes."""
    reasons = support_reasons(message)
    sentence = to_sentence(message)
    words = f"The safety filter refused it ({', '.join(reasons)})" if reasons else "The safety filter refused it"
    return Failure(
        category=Category.SAFETY_FILTER,
        code="safety_filter",
        message=f"{words}: {sentence}" if sentence else f"{words}.",
        charged=Charged.NO if _NOT_CHARGED.search(message) else charged,
    )


def support_reasons(message: str) -> tuple[str, ...]:
    """Return the reasons of the support codes in a message; an unknown code is its own reason."""
    codes = [int(code) for found in _SUPPORT.findall(message) for code in re.findall(r"\d+", found)]
    return tuple(dict.fromkeys(_REASONS.get(code, f"code {code}") for code in codes))


def operation_failure(code: int | None, message: str, texts: Sequence[str] = ()) -> Failure:
    """Return the failure for an operation's `error`: a code of google.rpc, and a message. `texts` are the caller's."""
    message = without_echo(message, texts)
    if unsafe := safety_failure(message):
        return unsafe
    match code:
        case 8:
            words = "The model is overloaded at the moment"
            return _failure(Category.CAPACITY, "capacity", words, message, retryable=True, charged=Charged.NO)
        case 3:
            words = "The model refused the request"
            return _failure(Category.INVALID_REQUEST, "invalid_argument", words, message, charged=Charged.NO)
        case 7:
            words = "The model may not read its input or write here"
            return _failure(Category.AUTH, "permission_denied", words, message, charged=Charged.NO)
    words = "The model failed inside"
    return _failure(Category.UPSTREAM, "model_failed", words, message, retryable=True, charged=Charged.UNKNOWN)


def no_video_failure(filtered_count: int, reasons: Sequence[str], texts: Sequence[str] = ()) -> Failure:
    """Return the failure for an operation that ended without an error and without a video. `texts` are the caller's."""
    if filtered_count or reasons:
        return filter_failure(without_echo(" ".join(reasons), texts), charged=Charged.UNKNOWN)
    return Failure(
        category=Category.UPSTREAM,
        code="no_video",
        message="The model ended without an error and without a video.",
        retryable=True,
        charged=Charged.UNKNOWN,
    )


def foreign_bucket_failure(uri: str) -> Failure:
    """Return the failure for a file that is not in the requested bucket."""
    words = f"The model put its file at {uri[:200] or 'no address'}, which is not in this video store."
    return Failure(category=Category.UPSTREAM, code="foreign_output", message=words, charged=Charged.YES)


def early_stop_failure(status: str, message: str) -> Failure:
    """Return the failure for an interaction that ended `cancelled`, `incomplete`, `budget_exceeded` or similar."""
    words = f"The model stopped early ({status.replace('_', ' ')})"
    return _failure(Category.UPSTREAM, "stopped_early", words, message, retryable=True, charged=Charged.UNKNOWN)


def _failure(
    category: Category, code: str, words: str, detail: str, *, charged: Charged, retryable: bool = False
) -> Failure:
    sentence = to_sentence(detail)
    message = f"{words}: {sentence}" if sentence else f"{words}."
    return Failure(category=category, code=code, message=message, retryable=retryable, charged=charged)


_RETIRED = re.compile(
    r"\bmodels?\b(?:(?!\. ).){0,300}?\b(?:(?:is|are|was) no longer (?:available|supported|offered)"
    r"|(?:has been|have been|was|is) (?:retired|shut ?down|discontinued|decommissioned))\b",
    re.IGNORECASE,
)
# Google refuses a model that is retired, gated or absent with 404, 403 or 400.
_MISSING = re.compile(
    r"not allowed to (?:use|access) publisher model"
    r"|publisher model \S{1,300} (?:was|is) not (?:found|supported|available)"
    r"|your project does not have access to (?:it|this model|the model)"
    r"|permission '?aiplatform\.[\w.]+'? denied on resource .{0,400}\(or it may not exist\)",
    re.IGNORECASE | re.DOTALL,
)
_PREVIOUS = re.compile(r"\bprevious.?interaction|\binteraction\b.{0,200}\b(?:not found|expired|deleted)", re.IGNORECASE)
_OTHER_RESOURCE = re.compile(r"\bgs://|\b(?:bucket|object|interaction|file)\b", re.IGNORECASE)
"""Resources other than the model that a 404 may be about."""
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


class _Refusal(NamedTuple):
    category: Category
    code: str
    words: str
    retryable: bool = False


_REFUSALS = {
    400: _Refusal(Category.INVALID_REQUEST, "invalid_argument", "The model refused the request"),
    401: _Refusal(Category.AUTH, UNAUTHENTICATED, "Google does not accept the worker's credentials"),
    403: _Refusal(Category.AUTH, "permission_denied", "The worker's account may not use this model"),
    404: _Refusal(Category.UPSTREAM, MODEL_NOT_FOUND, "Google does not know this model in this project and region"),
    407: _Refusal(Category.AUTH, "proxy_refused", "The proxy does not accept the worker's credentials"),
    429: _Refusal(Category.QUOTA, "quota", "The quota of this model is used up for now", retryable=True),
}
_OVERLOADED = _Refusal(Category.CAPACITY, "overloaded", "The model took nothing in, it is overloaded", retryable=True)


def refusal_of(status: int, body: bytes, texts: Sequence[str] = (), *, comes_again: bool = False) -> Failure | None:
    """Return the definite refusal that an answer to a submit means; None if it means none.

    `texts` are the caller's. `comes_again` is true if the answer says when to send again.
    """
    message = message_of(body, texts)
    nothing_accepted = _NOTHING_ACCEPTED.search(message) and not _DOUBTFUL.search(message)
    refusal = _OVERLOADED if status == 503 and comes_again and nothing_accepted else _REFUSALS.get(status)
    if refusal is None or not body.strip():
        return None
    if status == 400 and (unsafe := safety_failure(message)):
        return unsafe
    refusal = _find_refusal(status, message) or refusal
    return _failure(
        refusal.category, refusal.code, refusal.words, message, retryable=refusal.retryable, charged=Charged.NO
    )


def _find_refusal(status: int, message: str) -> _Refusal | None:
    """Return the refusal that the message names more exactly than the status: about the model, or about its input."""
    if status not in (400, 403, 404):
        return None
    if _RETIRED.search(message):
        return _Refusal(Category.UPSTREAM, MODEL_RETIRED, "Google has switched this model off")
    if _MISSING.search(message):
        return _Refusal(Category.UPSTREAM, MODEL_NOT_FOUND, "This project can't use this model, or there is none")
    if status in (400, 404) and _PREVIOUS.search(message):
        return _Refusal(Category.UPSTREAM, PREVIOUS_MISSING, "The interaction to go on from is not there any more")
    if status == 404 and _OTHER_RESOURCE.search(message) and "model" not in message.lower():
        return _Refusal(Category.INVALID_REQUEST, "input_not_found", "The model did not find its input")
    return None


def no_token_failure(error: Exception, *, retryable: bool) -> Failure:
    """Return the failure for a missing access token."""
    words = f"The worker got no access token from Google ({type(error).__name__}); nothing was sent."
    return Failure(category=Category.AUTH, code="no_token", message=words, retryable=retryable, charged=Charged.NO)
