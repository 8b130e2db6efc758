"""The table of what the facade does and answers, for its OpenAPI document. Tests hold it to the routes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One status that an operation answers."""

    words: str
    model: str = ""
    media: str = "application/json"
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    name: str
    summary: str
    answers: Mapping[int, Answer]
    parameters: tuple[dict[str, Any], ...] = ()
    takes: str = ""


def _parameter(name: str, place: str, words: str, **schema: Any) -> dict[str, Any]:
    described = {"name": name, "in": place, "description": words, "schema": {"type": "string", **schema}}
    return {**described, "required": True} if place == "path" else described


def _no(words: str, *headers: str) -> Answer:
    return Answer(words=words, model="Refusal", headers=headers)


_ID = _parameter("video_id", "path", "The job's id.", pattern="^[A-Za-z0-9_-]{1,64}$")
_WAIT = _parameter("wait", "query", "Seconds to wait for the end.", type="integer", minimum=0, maximum=280)
_NONE = _no("No such job.")
_BROKEN = _no("Something unexpected, or the video could not be made.")
_AWAY = _no("Out of reach, overloaded or shutting down; try again later.", "Retry-After")
_RANGE = _parameter("Range", "header", "Bytes to send.")
_WORD = Answer(words="One word.")

_GENERATE = {
    200: Answer(words="The finished video.", model="Video", headers=("Preference-Applied",)),
    202: Answer(
        words="The job goes on (asked for by Prefer).",
        model="JobView",
        headers=("Location", "Retry-After", "Preference-Applied"),
    ),
    400: _no("Invalid request; `error.field` names the field."),
    403: _no("The video would cost more than `max_cost_usd`."),
    409: _no("The id stands for another request, or the job was cancelled."),
    410: _no("The job was not started in time; nothing is made any more."),
    413: _no("The body is too large."),
    415: _no("The body is not JSON."),
    422: _no("The model's safety filter refused."),
    429: _no("The model's quota is used up.", "Retry-After"),
    500: _BROKEN,
    503: _AWAY,
    504: _no("Not ready within 280 s. The job goes on: ask at `status_url`, or repeat the call.", "Retry-After"),
}

OPERATIONS = (
    Operation(
        method="post",
        path="/api/videos/generate",
        name="generate",
        summary="Make a video, and wait for it.",
        takes="VideoRequest",
        answers=_GENERATE,
        parameters=(
            _parameter("Idempotency-Key", "header", "Names the job: a repeated call gets the same one.", maxLength=255),
            _parameter("Prefer", "header", "`respond-async`, or `wait=N`: 202 when the video is not ready in N s."),
            _parameter("traceparent", "header", "W3C trace context; goes to the record and all messages."),
        ),
    ),
    Operation(
        method="get",
        path="/api/videos",
        name="listVideos",
        summary="List jobs, the newest first.",
        answers={200: Answer(words="A page.", model="Listing"), 400: _no("A bad filter."), 500: _BROKEN, 503: _AWAY},
        parameters=(
            _parameter("state", "query", "Only jobs in this state."),
            _parameter("project_id", "query", "Only jobs of this project."),
            _parameter("cursor", "query", "`next_cursor` of the page before."),
            _parameter("limit", "query", "Jobs on a page.", type="integer", minimum=1, maximum=200, default=50),
        ),
    ),
    Operation(
        method="get",
        path="/api/videos/{video_id}",
        name="getVideo",
        summary="How a job stands.",
        answers={
            200: Answer(words="The job.", model="JobView"),
            400: _no("A bad wait."),
            404: _NONE,
            500: _BROKEN,
            503: _AWAY,
        },
        parameters=(_ID, _WAIT),
    ),
    Operation(
        method="delete",
        path="/api/videos/{video_id}",
        name="cancelVideo",
        summary="Cancel a job. Free before its submit; an ended job stays as it is.",
        answers={
            200: Answer(words="The job.", model="JobView"),
            404: _NONE,
            409: _no("The job changed too often meanwhile."),
            500: _BROKEN,
            503: _AWAY,
        },
        parameters=(_ID,),
    ),
    Operation(
        method="get",
        path="/api/videos/{video_id}/events",
        name="watchVideo",
        summary="Server-sent events: `state` in order, estimated `progress`, and at the end `done` with the job.",
        answers={
            200: Answer(words="The stream; it ends with the job.", media="text/event-stream"),
            404: _NONE,
            500: _BROKEN,
            503: _AWAY,
        },
        parameters=(_ID, _parameter("Last-Event-ID", "header", "Go on after this event.")),
    ),
    Operation(
        method="get",
        path="/api/videos/health",
        name="health",
        summary="The old backend's health.",
        answers={200: _WORD},
    ),
    Operation(method="get", path="/livez", name="livez", summary="The process answers.", answers={200: _WORD}),
    Operation(
        method="get",
        path="/readyz",
        name="readyz",
        summary="The facade can work.",
        answers={200: _WORD, 503: Answer(words="Draining, or the job store is out of reach.")},
    ),
    Operation(
        method="get",
        path="/videos/{gcs_path}",
        name="file",
        summary="A finished file, where the video store is a folder.",
        answers={
            200: Answer(words="The file.", media="video/mp4"),
            206: Answer(words="The asked range.", media="video/mp4", headers=("Content-Range",)),
            404: _no("No such file."),
            416: Answer(words="The range lies outside of the file.", media="", headers=("Content-Range",)),
        },
        parameters=(_parameter("gcs_path", "path", "The video's `gcs_path`."), _RANGE),
    ),
)
