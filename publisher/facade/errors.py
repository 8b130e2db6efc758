"""Error answers, all in one shape: a status, one sentence, and the failure with its category and code.

Paths of the server are removed from each answer, since an error of a library or the system may name a file.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

from publisher.access import Forbidden
from publisher.facade.auth import Unauthorized
from publisher.facade.call import ClientDisconnected
from publisher.facade.files import NotSatisfiable
from publisher.facade.hosts import ForeignOrigin, Misdirected
from publisher.facade.request_body import Overloaded, TooLarge, TooSlow, UnsupportedType
from publisher.films.listing import FilmOutline
from publisher.films.music_looks import TooManyLooks
from publisher.queue_limit import TooManyQueued
from publisher.refusals import OverBudget, OverMaxCost
from publisher.replays import PaymentRequired, PaymentView
from publisher.submit import SubmitUncertain
from publisher.waiting import Draining, TooManyWaiters
from schemas.domain.projections import JobView
from schemas.errors import (
    Category,
    Charged,
    Conflict,
    Failure,
    Gone,
    IdReused,
    ImpossibleStep,
    Invalid,
    NotFound,
    OutOfDate,
    Unavailable,
)
from schemas.wire.types import Usd

_PATH = re.compile(
    r"""(?P<quote>['"])/[^'"\n]*(?P=quote)"""  # as Python's errors quote a file
    r"|(?<![\w/:.%~-])/(?:[\w.@+~-]+/)+[\w.@+~-]*"
)


def without_paths(words: str) -> str:
    """Return the sentence without absolute paths. URLs stay."""
    return _PATH.sub("(a file of the server)", words) if "/" in words else words


def public_failure(failure: Failure | None) -> Failure | None:
    """Return a failure without paths."""
    return failure and failure.model_copy(update={"message": without_paths(failure.message)})


def public_view(view: JobView) -> JobView:
    """Return the job as callers of the facade see it."""

    return view.model_copy(
        update={
            "error": public_failure(view.error),
            "clips": tuple(clip.model_copy(update={"cause": public_failure(clip.cause)}) for clip in view.clips),
            "defect": view.defect and without_paths(view.defect),
        }
    )


def public_outline(film: FilmOutline) -> FilmOutline:
    """Return a film of a list as callers of the facade see it."""
    return film.model_copy(update={"error": public_failure(film.error)})


_WORDS_AT_MOST = 600
_LOGGED_AT_MOST = 300
_DONT_REPEAT = "; ask at status_url, since the same call again may make a second job"
GONE = 499
"""The status in the log if the caller disconnected. It is sent to no caller."""


class ErrorBody(BaseModel):
    """The body of an error: why the video does not exist, or not yet."""

    model_config = ConfigDict(frozen=True)

    success: Literal[False] = False
    detail: str = Field(description="One sentence.")
    error: Failure
    video_id: str | None = Field(default=None, description="The job, if one exists: ask for it by this id.")
    status_url: str | None = None
    price_usd: Usd | None = Field(default=None, description="What the call would pay; with status 402.")
    payments: tuple[PaymentView, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    status: int
    category: Category
    code: str
    prefix: str = ""
    retryable: bool = False
    retry_after_s: int | None = None


_UNEXPECTED = _Kind(500, Category.INTERNAL, "internal_error", "Server error during video generation: ")
_KINDS: tuple[tuple[type[Exception], _Kind], ...] = (
    (Invalid, _Kind(400, Category.INVALID_REQUEST, "invalid_request", "Invalid request: ")),
    (NotFound, _Kind(404, Category.NOT_FOUND, "not_found", "Not found: ")),
    (Gone, _Kind(410, Category.NOT_FOUND, "erased", "Gone: ")),
    (IdReused, _Kind(409, Category.CONFLICT, "id_reused", "Conflict: ")),
    (OverMaxCost, _Kind(403, Category.BUDGET, "over_max_cost")),
    (OverBudget, _Kind(403, Category.BUDGET, "budget_exceeded")),
    (PaymentRequired, _Kind(402, Category.BUDGET, "payment_due")),
    (OutOfDate, _Kind(409, Category.CONFLICT, "conflict", "Conflict: ")),
    (Conflict, _Kind(409, Category.CONFLICT, "conflict", "Conflict: ", retryable=True)),
    (ImpossibleStep, _Kind(409, Category.CONFLICT, "impossible_step", "Conflict: ")),
    (Unauthorized, _Kind(401, Category.AUTH, "unauthorized")),
    (Forbidden, _Kind(403, Category.AUTH, "forbidden")),
    (ForeignOrigin, _Kind(403, Category.AUTH, "foreign_origin")),
    (Misdirected, _Kind(421, Category.INVALID_REQUEST, "misdirected_request")),
    (TooSlow, _Kind(408, Category.TIMEOUT, "too_slow", retryable=True)),
    (TooLarge, _Kind(413, Category.INVALID_REQUEST, "too_large")),
    (NotSatisfiable, _Kind(416, Category.INVALID_REQUEST, "range_not_satisfiable")),
    (UnsupportedType, _Kind(415, Category.INVALID_REQUEST, "unsupported_media_type")),
    (Draining, _Kind(503, Category.CAPACITY, "draining", retryable=True, retry_after_s=2)),
    (TooManyWaiters, _Kind(503, Category.CAPACITY, "too_many_waits", retryable=True)),
    (TooManyQueued, _Kind(429, Category.QUOTA, "too_many_queued", retryable=True)),
    (Overloaded, _Kind(503, Category.CAPACITY, "too_busy", retryable=True)),
    (TooManyLooks, _Kind(503, Category.CAPACITY, "too_busy", retryable=True)),
    (Unavailable, _Kind(503, Category.UPSTREAM, "unavailable", retryable=True, retry_after_s=5)),
)
_HTTP = {
    404: (_Kind(404, Category.NOT_FOUND, "not_found", "Not found: "), "this address does not exist"),
    405: (_Kind(405, Category.INVALID_REQUEST, "method_not_allowed"), "This address does not accept this method"),
}


def error_response(
    error: Exception,
    *,
    video_id: str | None = None,
    status_url: str | None = None,
    charged: Charged = Charged.NO,
    repeatable: bool = True,
) -> Response:
    """Return the answer to an error. One that is not `repeatable` neither allows nor suggests to repeat the call."""
    kind, words = _classify(error)
    words = _clean(words)
    if not repeatable:
        kind, words = replace(kind, retryable=False), words.rstrip(".") + _DONT_REPEAT
    field = _clean(error.field) if isinstance(error, Invalid | OverMaxCost) and error.field else None
    headers: dict[str, str] = {}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="reelbus"'
    elif isinstance(error, NotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size_bytes}"
    elif isinstance(error, HTTPException):
        headers.update(error.headers or {})
    retry_after_s = max(1, round(error.retry_after_s)) if isinstance(error, Unavailable) else kind.retry_after_s
    body = ErrorBody(
        detail=kind.prefix + words,
        error=Failure(
            category=kind.category,
            code=kind.code,
            message=words,
            retryable=kind.retryable,
            charged=charged,
            field=field,
        ),
        video_id=error.job_id if isinstance(error, SubmitUncertain) else video_id,
        status_url=status_url,
        price_usd=error.price_usd if isinstance(error, PaymentRequired) else None,
        payments=error.payments if isinstance(error, PaymentRequired) else None,
    )
    return render_error(body, kind.status, retry_after_s=retry_after_s if repeatable else None, headers=headers)


def render_error(
    body: ErrorBody, status: int, *, retry_after_s: int | None = None, headers: dict[str, str] | None = None
) -> Response:
    """Return the response with this body."""
    headers = dict(headers or {})
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    content = body.model_dump_json(exclude_none=True)
    return Response(content, status_code=status, headers=headers, media_type="application/json")


def refusal_json(status: int, words: str) -> bytes:
    """Return the body for what was refused before it was a request."""
    code = {431: "head_too_large", 503: "too_many_connections"}.get(status, "bad_request")
    category = Category.CAPACITY if status == 503 else Category.INVALID_REQUEST
    failure = Failure(category=category, code=code, message=words, retryable=status == 503, charged=Charged.NO)
    return ErrorBody(detail=words, error=failure).model_dump_json(exclude_none=True).encode()


async def on_error(call: Request, error: Exception) -> Response:
    """Answer an error that reaches Starlette's exception handler."""
    if isinstance(error, ClientDisconnect | ClientDisconnected):
        return Response(status_code=GONE)
    note_refusal(call.scope, error)
    return error_response(error)


def note_refusal(scope: Scope, error: Exception) -> None:
    """Note in the scope why this call is refused, for the log."""
    kind, words = _classify(error)
    reasons = {"code": kind.code, "reason": words}
    if isinstance(error, Invalid | OverMaxCost) and error.field:
        reasons["field"] = error.field
    # A text that quotes the caller must bring no line breaks and no colours into the log.
    scope["refusal"] = {
        name: "".join(letter if letter.isprintable() else "?" for letter in text[:_LOGGED_AT_MOST])
        for name, text in reasons.items()
    }


def _classify(error: Exception) -> tuple[_Kind, str]:
    for type_, kind in _KINDS:
        if isinstance(error, type_):
            return kind, str(error)
    if isinstance(error, HTTPException):
        other = _Kind(error.status_code, Category.INVALID_REQUEST, "http_error"), error.detail
        return _HTTP.get(error.status_code, other)
    return _UNEXPECTED, "an unexpected error occurred; the facade's log has its details under this X-Request-Id"


def _clean(words: str) -> str:
    """Return a text without paths of the server, of limited length.

    A text that quotes the caller may hold lone surrogates, and may have any length.
    """
    return without_paths(words[:_WORDS_AT_MOST].encode("utf-8", "replace").decode())
