"""Translate the errors of Google's client libraries into our own, so that no foreign error crosses a port."""

from collections.abc import Iterator
from contextlib import contextmanager

from google.api_core.exceptions import GoogleAPICallError, ResourceExhausted, RetryError, TooManyRequests
from google.auth.exceptions import GoogleAuthError
from requests.exceptions import RequestException

from schemas.errors import Unavailable

_FOREIGN = (GoogleAPICallError, RetryError, GoogleAuthError, RequestException, TimeoutError)
_BUSY = (ResourceExhausted, TooManyRequests)
_RETRY_WHEN_BUSY_S = 30.0
_WORDS_AT_MOST = 300


@contextmanager
def translate_errors(service: str) -> Iterator[None]:
    """Raise `Unavailable`, in one sentence that names the service, for every error of Google's.

    This includes a missing permission: the same call succeeds once the operator grants it, and no caller's input is
    wrong. An adapter catches an error that has a better translation (`NotFound`, `Conflict`) inside the context.
    """
    try:
        yield
    except _FOREIGN as error:
        raise unavailable(service, error) from error


def unavailable(service: str, error: BaseException) -> Unavailable:
    """Build the same error for a foreign one that was not raised, such as the result of a future."""
    words = " ".join(str(error).split())[:_WORDS_AT_MOST] or type(error).__name__
    message = f"{service} can't be used at the moment: {words}"
    return Unavailable(message, retry_after_s=_RETRY_WHEN_BUSY_S) if isinstance(error, _BUSY) else Unavailable(message)
