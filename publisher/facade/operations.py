"""The table of what the facade does and answers, for its OpenAPI document. Tests hold it to the routes.

What one call of the facade takes and answers, as its OpenAPI document tells it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.domain.states import JobState


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One status that an operation answers."""

    words: str
    model: str = ""
    media: tuple[str, ...] = ("application/json",)
    headers: tuple[str, ...] = ()
    links: tuple[tuple[str, str, str], ...] = ()
    """Where to go on: operation, its path's parameter, and the key of this answer that fills it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    name: str
    summary: str
    answers: Mapping[int, Answer]
    guarded: bool = False
    """Where the facade asks who calls, it asks here."""
    parameters: tuple[dict[str, Any], ...] = ()
    takes: str = ""


def parameter(name: str, place: str, words: str, **schema: Any) -> dict[str, Any]:
    """One that a caller may send; in a path it must."""
    described = {"name": name, "in": place, "description": words, "schema": {"type": "string", **schema}}
    return {**described, "required": True} if place == "path" else described


def error_answer(words: str, *headers: str) -> Answer:
    """A refusal."""
    return Answer(words=words, model="ErrorBody", headers=headers)


_ID = parameter(
    "video_id",
    "path",
    "The job's id, as its caller chose it, or as messages and file names have it.",
    pattern="^[A-Za-z0-9_-]{1,64}$",
)
_FILE = parameter(
    "gcs_path",
    "path",
    "The video's `gcs_path`.",
    pattern="^(?:generated-videos|posters)/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}$",
)
_WAIT = parameter("wait", "query", "Seconds to wait for the end.", type="integer", minimum=0, maximum=280)
_NONE = error_answer("No such job.")
_BROKEN = error_answer("Something unexpected, or the video could not be made.")
_AWAY = error_answer("Out of reach, overloaded or shutting down; try again later.", "Retry-After")
_RANGE = parameter("Range", "header", "Bytes to send.")
_THE_JOB = tuple((name, "video_id", "video_id") for name in ("getVideo", "cancelVideo", "watchVideo"))
_THE_FILE = (("file", "gcs_path", "gcs_path"),)
_WORD = Answer(words="One word.")
_WHO = {
    401: error_answer("Who calls? This facade wants an API key or an ID token.", "WWW-Authenticate"),
    403: error_answer("This account may not call here; or, for a change, the call comes from a foreign web page."),
    421: error_answer("This facade does not serve the host that the call names."),
}

_GENERATE = {
    200: Answer(words="The finished video.", model="Video", links=(*_THE_JOB, *_THE_FILE)),
    202: Answer(
        words="The job goes on (asked for by Prefer).",
        model="JobView",
        headers=("Location", "Retry-After"),
        links=_THE_JOB,
    ),
    400: error_answer("Invalid request; `error.field` names the field."),
    401: _WHO[401],
    403: error_answer(
        "The video would cost more than `max_cost_usd` or a budget allows; this account may not call here; or the call "
        "comes from a foreign web page."
    ),
    408: error_answer("The body took too long to arrive."),
    409: error_answer("A different request uses the id already, or the job was cancelled."),
    410: error_answer("The job was not started in time, or was erased; nothing is made any more."),
    413: error_answer("The body is too large."),
    415: error_answer("The body is not JSON."),
    421: _WHO[421],
    422: error_answer("The model's safety filter refused."),
    429: error_answer("The model's quota is used up.", "Retry-After"),
    500: _BROKEN,
    503: _AWAY,
    504: error_answer(
        "Not ready within 280 s. The job goes on: ask at `status_url`, or repeat the call where `retryable` says so.",
        "Retry-After",
    ),
}

OPERATIONS = (
    Operation(
        method="post",
        path="/api/videos/generate",
        name="generate",
        summary="Make a video, and wait for it.",
        takes="VideoRequest",
        guarded=True,
        answers=_GENERATE,
        parameters=(
            parameter(
                "Idempotency-Key",
                "header",
                "Names the job: a repeated call gets the same one.",
                pattern="^[\\x21-\\x7e]{1,255}$",
            ),
            parameter(
                "Prefer",
                "header",
                "`respond-async`, or `wait=N`: 202 when the video is not ready in N s; `reattach`: see docs/http.md.",
            ),
            parameter("traceparent", "header", "W3C trace context; goes to the record and all messages."),
        ),
    ),
    Operation(
        method="get",
        path="/api/videos",
        name="listVideos",
        summary="List jobs, the newest first.",
        guarded=True,
        answers={
            200: Answer(words="A page.", model="Listing"),
            400: error_answer("A bad filter."),
            **_WHO,
            500: _BROKEN,
            503: _AWAY,
        },
        parameters=(
            parameter("state", "query", "Only jobs in this state.", enum=[str(state) for state in JobState]),
            parameter("project_id", "query", "Only jobs of this project."),
            parameter("cursor", "query", "`next_cursor` of the page before."),
            parameter("limit", "query", "Jobs on a page.", type="integer", minimum=1, maximum=200, default=50),
        ),
    ),
    Operation(
        method="get",
        path="/api/videos/{video_id}",
        name="getVideo",
        summary="How a job stands.",
        guarded=True,
        answers={
            200: Answer(words="The job.", model="JobView", links=_THE_FILE),
            400: error_answer("A bad wait."),
            **_WHO,
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
        guarded=True,
        answers={
            200: Answer(words="The job.", model="JobView"),
            **_WHO,
            404: _NONE,
            409: error_answer("The job changed too often meanwhile."),
            500: _BROKEN,
            503: _AWAY,
        },
        parameters=(_ID,),
    ),
    Operation(
        method="get",
        path="/api/videos/{video_id}/events",
        name="watchVideo",
        summary="Server-sent events: `state` in order, `progress`, and at the end `done` with the job.",
        guarded=True,
        answers={
            200: Answer(words="The stream; it ends with the job.", media=("text/event-stream",)),
            204: Answer(words="`Last-Event-ID` names `done`: there is nothing more to come.", media=()),
            **_WHO,
            404: _NONE,
            500: _BROKEN,
            503: _AWAY,
        },
        parameters=(_ID, parameter("Last-Event-ID", "header", "Go on after this event.")),
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
        answers={
            200: _WORD,
            503: Answer(
                words="Draining, the job store is out of reach, or completions don't come in, or the disk is full."
            ),
        },
    ),
    Operation(
        method="get",
        path="/videos/{gcs_path}",
        name="file",
        summary="A finished file, where the video store is a folder.",
        answers={
            200: Answer(words="The file.", media=("video/mp4", "image/jpeg")),
            206: Answer(
                words="The asked range, or several in parts.",
                media=("video/mp4", "image/jpeg", "multipart/byteranges"),
                headers=("Content-Range",),
            ),
            403: error_answer("The address is not signed or has expired, if this facade asks for a key."),
            404: error_answer("No such file."),
            421: _WHO[421],
            416: error_answer("The range lies outside of the file.", "Content-Range"),
        },
        parameters=(_FILE, _RANGE),
    ),
)
