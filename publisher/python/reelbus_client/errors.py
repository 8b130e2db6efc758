"""The reason why a video does not exist, in the fields of the record, the HTTP answer and the completion."""

from typing import Any

from pydantic import ValidationError

from reelbus_client.models import Charged, Failure, FilmView

_STATUS_OF = {
    "invalid_request": 400,
    "budget": 403,
    "not_found": 404,
    "cancelled": 409,
    "conflict": 409,
    "expired": 410,
    "safety_filter": 422,
    "quota": 429,
    "capacity": 503,
}
_PASSING = (502, 503, 504)


class ReelbusError(Exception):
    """The one error that calls of this package raise, beside `WaitTimeout`."""

    def __init__(
        self,
        failure: Failure,
        *,
        video_id: str | None = None,
        has_status: bool = True,
        status: int | None = None,
        detail: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(failure.message)
        self.category = failure.category
        self.code = failure.code
        """Stable machine name, for example `submit_unknown`."""
        self.field = failure.field
        """The field that is wrong, for an invalid request."""
        self.retryable = failure.retryable
        """True if the same request may succeed later."""
        self.charged = failure.charged
        """Whether money was spent, as far as it is known."""
        self.video_id = video_id
        """The job, which may go on; None if there is none."""
        self.status = (status or _STATUS_OF.get(failure.category, 500)) if has_status else None
        """The HTTP status that stands for it; None if no server answered."""
        self.detail = detail or failure.message
        """One sentence, as in the HTTP API."""
        self.retry_after_s = retry_after_s
        """When the server wants to be asked again, in seconds; None if it did not say so."""
        self.payment: dict[str, Any] | None = None
        """With the code `payment_due`: `price_usd` and `payments`, what the call would pay for."""
        self.film_id: str | None = None
        """The film that a call about a film named."""
        self.film: FilmView | None = None
        """The film with each of its scenes, if it ended without a file."""

    @property
    def may_pass(self) -> bool:
        """True if the job may exist in spite of this error: no answer came, or a temporary failure."""
        if self.code == "unreachable":
            return True
        return self.video_id is None if self.status == 429 else self.status in _PASSING

    @property
    def is_unsent(self) -> bool:
        """True if no byte of the call reached a server."""
        return self.code == "unreachable" and self.charged is Charged.NO

    @property
    def is_answer(self) -> bool:
        """True for a final answer, about the request or about the end of the job."""
        return self.status is not None and self.status not in _PASSING


class WaitTimeout(TimeoutError):
    """The `timeout_s` of a call expired. The job or the film goes on; the same call again waits for it."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"no end within {timeout_s:g} s; it goes on")
        self.video_id: str | None = None
        self.film_id: str | None = None


def invalid(field: str, words: str) -> ReelbusError:
    """Return the error of a request that is not valid."""
    message = f"{field} {words}" if field else f"the request {words}"
    failure = Failure(category="invalid_request", code="invalid_request", message=message, field=field or None)
    return ReelbusError(failure, detail=f"Invalid request: {message}")


def unreachable(words: str, *, video_id: str | None = None, sent: bool = True) -> ReelbusError:
    """Return the error if a server can't be reached. Whether it charged is unknown if something was sent."""
    charged = Charged.UNKNOWN if sent else Charged.NO
    failure = Failure(category="upstream", code="unreachable", message=words, retryable=True, charged=charged)
    return ReelbusError(failure, video_id=video_id, has_status=False)


def failure_of(ended: dict[str, Any], video_id: str | None) -> ReelbusError:
    """Return the error of a job that ended without a video, from its view or its completion."""
    error = ended.get("error") or {
        "category": "internal",
        "code": "no_reason",
        "message": "The record of the job has no reason.",
    }
    failure = Failure.model_validate(error)
    if "charged" in ended:  # of the whole job
        failure.charged = Charged(ended["charged"])
    return ReelbusError(failure, video_id=video_id)


def to_erased(video_id: str | None) -> ReelbusError:
    """Return the error of a job that was erased."""
    message = f"job {video_id} was erased; a new video needs a new id"
    failure = Failure(category="not_found", code="erased", message=message)
    return ReelbusError(failure, video_id=video_id, status=410, detail=f"Gone: {message}")


def refusal_of(status: int, reason: str, body: Any, retry_after_s: float | None, video_id: str | None) -> ReelbusError:
    """Return the error of an answer that is no success. `body` is its JSON; None if it has none."""
    fields = body if isinstance(body, dict) else {}
    detail = fields.get("detail")
    words = detail if isinstance(detail, str) else reason or "no reason was given"
    try:
        failure = Failure.model_validate(fields.get("error"))
    except ValidationError:  # a proxy answered, or another program
        charged = Charged.UNKNOWN if status >= 500 else Charged.NO
        message = f"the server answered {status}: {words}"
        failure = Failure(
            category="upstream", code="unexpected_answer", message=message, retryable=status >= 500, charged=charged
        )
    # A server that failed half-way may have made the job, even if it does not say so.
    may_exist = status >= 500 and failure.charged is not Charged.NO
    named = fields.get("video_id") or (video_id if may_exist else None)
    error = ReelbusError(failure, video_id=named, status=status, detail=words, retry_after_s=retry_after_s)
    if "payments" in fields:
        error.payment = {"price_usd": fields.get("price_usd"), "payments": fields["payments"]}
    return error


def name_job(error: BaseException, video_id: str | None) -> None:
    """Note the job in the error, also in the reason of an abort: `video_id`, or else a note of the traceback."""
    if video_id is None:
        return
    if isinstance(error, ReelbusError | WaitTimeout):
        if not (isinstance(error, ReelbusError) and error.code == "invalid_request"):
            error.video_id = error.video_id or video_id
    elif not isinstance(error, GeneratorExit):
        error.add_note(f"the job {video_id} may go on")
