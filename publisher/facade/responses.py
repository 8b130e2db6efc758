"""The answers about a job: its video, its view, or the reason why it has no video."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from publisher.batches.views import BatchView
from publisher.facade.call import Call
from publisher.facade.errors import ErrorBody, public_view, render_error
from publisher.jobs import Listing
from schemas.domain.fallback import Fallback
from schemas.domain.projections import JobView
from schemas.errors import Category, Charged, Failure
from schemas.wire.completion import Timings
from schemas.wire.types import Moment, Usd

RETRY_AFTER_S = 5
STATUS_OF = {
    Category.INVALID_REQUEST: 400,
    Category.BUDGET: 403,
    Category.CANCELLED: 409,
    Category.EXPIRED: 410,
    Category.SAFETY_FILTER: 422,
    Category.QUOTA: 429,
    Category.CAPACITY: 503,
}
"""The status of the answer for each category of failure; 500 for all others."""
_PREFIX = {400: "Invalid request: ", 500: "Server error during video generation: "}
_RETRY_AFTER_S = {429: 60, 503: 30}


class Video(BaseModel):
    """A finished video. The first eight keys are those of the old backend."""

    model_config = ConfigDict(frozen=True)

    success: Literal[True] = True
    video_url: str
    video_id: str
    prompt: str
    duration_seconds: int
    quality: str
    generation_time: Moment = Field(description="When the video was finished, ISO 8601 in UTC.")
    gcs_path: str
    state: str
    poster_url: str | None
    width: int
    height: int
    aspect_ratio: str
    resolution: str
    model: str | None
    fallback: Fallback | None
    billed_seconds: float
    cost_usd: Usd
    project_id: str | None
    scene_index: int | None
    labels: dict[str, str]
    timings: Timings


def status_path(video_id: str) -> str:
    """Return the path of a job."""
    return f"/api/videos/{video_id}"


def status_url(call: Call, video_id: str) -> str:
    """Return the address of a job at this facade."""
    return call.state["settings"].facade_url + status_path(video_id)


def json_response(body: BaseModel, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a model as JSON, without paths of the server."""
    if isinstance(body, JobView):
        body = public_view(body)
    elif isinstance(body, BatchView):
        body = body.model_copy(update={"videos": tuple(public_view(view) for view in body.videos)})
    elif isinstance(body, Listing):
        body = body.model_copy(update={"videos": [public_view(view) for view in body.videos]})
    return Response(body.model_dump_json(), status_code=status, headers=headers, media_type="application/json")


def progress_response(call: Call, view: JobView, headers: dict[str, str]) -> Response:
    """Return 202: the job goes on, and `Location` is where to ask for it."""
    # Without a public URL, a path alone is right: the caller used the name that works for it.
    is_public = bool(call.state["settings"].public_url)
    location = status_url(call, view.video_id) if is_public else status_path(view.video_id)
    headers = {**headers, "Location": location, "Retry-After": str(RETRY_AFTER_S)}
    return json_response(view, status=202, headers=headers)


def video_response(view: JobView, headers: dict[str, str]) -> Response:
    """Return 200 with the video."""
    fields = view.model_dump(include=set(Video.model_fields) - {"success", "generation_time"})
    return json_response(Video(generation_time=view.timings.ended_at or view.created_at, **fields), headers=headers)


def failure_response(call: Call, view: JobView, headers: dict[str, str]) -> Response:
    """Return the failure of the job, as its record has it."""
    failure = public_view(view).error or Failure(
        category=Category.INTERNAL,
        code="no_reason",
        message="The record of the job has no reason.",
        charged=Charged.NO,
    )
    status = STATUS_OF.get(failure.category, 500)
    call.scope["refusal"] = {"code": failure.code}
    body = ErrorBody(
        detail=_PREFIX.get(status, "") + failure.message,
        error=failure,
        video_id=view.video_id,
        status_url=status_url(call, view.video_id),
    )
    return render_error(body, status, retry_after_s=_RETRY_AFTER_S.get(status), headers=headers)


def timeout_response(call: Call, video_id: str, charged: Charged, *, repeatable: bool) -> Response:
    """Return 504: the wait expired, and the job goes on. `Retry-After` is set only if the call may be repeated."""
    words = "The video is not ready yet; the job goes on, ask for it at status_url"
    failure = Failure(category=Category.TIMEOUT, code="wait_over", message=words, retryable=repeatable, charged=charged)
    body = ErrorBody(detail=words, error=failure, video_id=video_id, status_url=status_url(call, video_id))
    return render_error(body, 504, retry_after_s=RETRY_AFTER_S if repeatable else None)
