"""How an accepted operation can end without a video. Pure, one documented shape after the other.

Google writes that a failed generation is not charged for the Gemini API; for Vertex AI there is no such sentence. So
`charged` is `no` only where Google says so or where nothing can have been made, else `unknown`.
"""

from collections.abc import Sequence

from infra.gcp.echo import without_echo
from infra.gcp.safety import filtered, safety_failure
from infra.gcp.words import as_sentence
from schemas.failure import Category, Charged, Failure


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


def nothing_made(filtered_count: int, reasons: Sequence[str], texts: Sequence[str] = ()) -> Failure:
    """Done, without an error and without a video. `texts` is what the caller wrote."""
    if filtered_count or reasons:
        return filtered(without_echo(" ".join(reasons), texts), charged=Charged.UNKNOWN)
    return Failure(
        category=Category.UPSTREAM,
        code="no_video",
        message="The model ended without an error and without a video.",
        retryable=True,
        charged=Charged.UNKNOWN,
    )


def elsewhere(uri: str) -> Failure:
    """The file is not where it was asked for."""
    words = f"The model put its file at {uri[:200] or 'no address'}, which is not in this video store."
    return Failure(category=Category.UPSTREAM, code="foreign_output", message=words, charged=Charged.YES)


def stopped(status: str, said: str) -> Failure:
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
