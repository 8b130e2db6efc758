"""Turns what Google's client libraries raise into our own errors: nothing foreign crosses a port."""

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
    """Whatever goes wrong at Google is `Unavailable`, in one sentence that names the service.

    A missing permission, too: the same call succeeds once somebody grants it, and no caller's input is to blame.
    What an adapter can say better (`NotFound`, `Conflict`) it catches itself, inside.
    """
    try:
        yield
    except _FOREIGN as error:
        raise unavailable(service, error) from error


def unavailable(service: str, error: BaseException) -> Unavailable:
    """The sentence for an error that came by another way than raising."""
    words = " ".join(str(error).split())[:_WORDS_AT_MOST] or type(error).__name__
    message = f"{service} can't be used at the moment: {words}"
    return Unavailable(message, retry_after_s=_RETRY_WHEN_BUSY_S) if isinstance(error, _BUSY) else Unavailable(message)
