"""CORS: which web pages of other origins may call the facade and read its answers (Fetch standard, 3.3).

Without origins in the settings nothing is added, and browsers show no page of another origin an answer.
"""

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from publisher.settings import PublisherSettings

_METHODS = ("GET", "POST", "DELETE")
_EXPOSED = (
    "Content-Range",
    "ETag",
    "Location",
    "openai-poll-after-ms",
    "Preference-Applied",
    "Retry-After",
    "traceparent",
    "X-Request-Id",
    "x-should-retry",
)
"""The headers of answers that a page may read, beside those that every page may read."""


def cors_middleware(settings: PublisherSettings) -> list[Middleware]:
    """Return the middleware that answers preflights and marks answers for the origins of the settings.

    It stands outside of the check of keys: a preflight has none. A page may send any header, and no cookies: the
    facade knows callers by a header only.
    """
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=_METHODS,
            allow_headers=("*",),
            expose_headers=_EXPOSED,
            allow_credentials=False,
            max_age=600,
        )
    ]
