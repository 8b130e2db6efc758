"""How an accepted operation can end without a video. Pure, one documented shape after the other.

Google writes that a failed generation is not charged for the Gemini API; for Vertex AI there is no such sentence. So
`charged` is `no` only where Google says so or where nothing can have been made, else `unknown`.

What an answer to a submit means: accepted, a definite no, or a doubt. Pure, one documented shape after the other.

A 4xx with a body comes from a server that read the request and refused it. A 503 is a refusal as well if it says both
that nothing was accepted and when to come again. Everything else after the first byte is a doubt: a server that fails
or a proxy that gives up may have passed the request on.

Google's safety filters: how to tell their words from other errors, and what their support codes mean.

Codes: "Responsible AI for Veo", Google Cloud documentation.

What Google says, out of its bodies and made fit to be read by a person.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from infra.gcp.vertex.echo import without_echo
from schemas.errors import Category, Charged, Failure

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


def safety_failure(said: str, *, charged: Charged = Charged.NO) -> Failure | None:
    """The refusal by a filter that these words tell of; None where they tell of something else."""
    return filtered_failure(said, charged=charged) if _SUPPORT.search(said) or _UNSAFE.search(said) else None


def filtered_failure(said: str, *, charged: Charged) -> Failure:
    """What a filter held back, with its reasons in plain words."""
    reasons = support_reasons(said)
    sentence = as_sentence(said)
    words = f"The safety filter refused it ({', '.join(reasons)})" if reasons else "The safety filter refused it"
    return Failure(
        category=Category.SAFETY_FILTER,
        code="safety_filter",
        message=f"{words}: {sentence}" if sentence else f"{words}.",
        charged=Charged.NO if _NOT_CHARGED.search(said) else charged,
    )


def support_reasons(said: str) -> tuple[str, ...]:
    """The reasons that support codes stand for; a code that is not known stands for itself."""
    codes = [int(code) for found in _SUPPORT.findall(said) for code in re.findall(r"\d+", found)]
    return tuple(dict.fromkeys(_REASONS.get(code, f"code {code}") for code in codes))


def operation_failure(code: int | None, said: str, texts: Sequence[str] = ()) -> Failure:
    """An operation's `error`: a code of google.rpc, and words. `texts` is what the caller wrote."""
    whole = without_echo(said, texts)
    if unsafe := safety_failure(whole):
        return unsafe
    said = as_sentence(whole)
    match code:
        case 8:
            return _capacity(said)
        case 3:
            return _failure(Category.INVALID_REQUEST, "invalid_argument", "The model refused the request", said)
        case 7:
            return _failure(Category.AUTH, "permission_denied", "The model may not read its input or write here", said)
        case _:
            return _internal(said)


def no_video_failure(filtered_count: int, reasons: Sequence[str], texts: Sequence[str] = ()) -> Failure:
    """Done, without an error and without a video. `texts` is what the caller wrote."""
    if filtered_count or reasons:
        return filtered_failure(without_echo(" ".join(reasons), texts), charged=Charged.UNKNOWN)
    return Failure(
        category=Category.UPSTREAM,
        code="no_video",
        message="The model ended without an error and without a video.",
        retryable=True,
        charged=Charged.UNKNOWN,
    )


def foreign_bucket_failure(uri: str) -> Failure:
    """The file is not where it was asked for."""
    words = f"The model put its file at {uri[:200] or 'no address'}, which is not in this video store."
    return Failure(category=Category.UPSTREAM, code="foreign_output", message=words, charged=Charged.YES)


def stopped_failure(status: str, said: str) -> Failure:
    """An interaction that ended as `cancelled`, `incomplete`, `budget_exceeded` or in another way without a result."""
    words = f"The model stopped early ({status.replace('_', ' ')})"
    return _failure(
        Category.UPSTREAM, "stopped_early", words, as_sentence(said), retryable=True, charged=Charged.UNKNOWN
    )


def _capacity(said: str) -> Failure:
    return _failure(Category.CAPACITY, "capacity", "The model is overloaded at the moment", said, retryable=True)


def _internal(said: str) -> Failure:
    words = "The model failed inside"
    return _failure(Category.UPSTREAM, "model_failed", words, said, retryable=True, charged=Charged.UNKNOWN)


def _failure(
    category: Category, code: str, words: str, said: str, *, retryable: bool = False, charged: Charged = Charged.NO
) -> Failure:
    message = f"{words}: {said}" if said else f"{words}."
    return Failure(category=category, code=code, message=message, retryable=retryable, charged=charged)


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


def refusal_of(status: int, body: bytes, texts: Sequence[str] = (), *, comes_again: bool = False) -> Failure | None:
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
    return Failure(
        category=shape.category, code=shape.code, message=message, retryable=shape.retryable, charged=Charged.NO
    )


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


def unclear_answer_failure(status: int) -> Failure:
    """An answer that tells nothing about whether the request was accepted."""
    words = "an answer that is no operation" if status == 200 else f"HTTP {status}"
    return _unknown("unclear_answer", f"The model answered the submit with {words}; it may have been accepted.")


def answer_lost_failure(error: Exception) -> Failure:
    """The connection broke, or stayed silent, after the request had begun to leave."""
    return _unknown(
        "answer_lost", f"The answer to the submit was lost ({type(error).__name__}); it may have been accepted."
    )


def not_sent_failure(error: Exception) -> Failure:
    """The connection broke before the first byte."""
    words = f"The model can't be reached ({type(error).__name__}); nothing was sent."
    return Failure(category=Category.UPSTREAM, code="unreachable", message=words, retryable=True, charged=Charged.NO)


def not_written(error: Exception) -> Failure:
    """The client library could not write the request. What it says is left out: it may quote the prompt."""
    words = f"The request could not be written ({type(error).__name__}); nothing was sent."
    return Failure(category=Category.INTERNAL, code="not_written", message=words, charged=Charged.NO)


def no_token_failure(error: Exception, *, retryable: bool) -> Failure:
    """Google gave no access token."""
    words = f"The worker got no access token from Google ({type(error).__name__}); nothing was sent."
    return Failure(category=Category.AUTH, code="no_token", message=words, retryable=retryable, charged=Charged.NO)


def _unknown(code: str, words: str) -> Failure:
    return Failure(category=Category.UPSTREAM, code=code, message=words, charged=Charged.UNKNOWN)
