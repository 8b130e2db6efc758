"""The operations of the facade and their answers, for its OpenAPI document. Tests compare the table with the routes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.domain.states import JobState

REF = "#/components/schemas/{model}"
_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"apiKey": []}, {}]
"""Any one of these. The empty one is there because a facade requires no key by default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """A value that a caller may send. One in a path is required."""

    name: str
    place: Literal["path", "query", "header"]
    words: str
    schema: Mapping[str, object] = field(default_factory=dict)

    def to_openapi(self) -> dict[str, Any]:
        """Return the Parameter Object."""
        schema = {"type": "string", **self.schema}
        described = {"name": self.name, "in": self.place, "description": self.words, "schema": schema}
        return {**described, "required": True} if self.place == "path" else described


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer with one status."""

    words: str
    model: str = ""
    media: tuple[str, ...] = ("application/json",)
    headers: tuple[str, ...] = ()
    links: tuple[tuple[str, str, str], ...] = ()
    """Next operations: the operation, the parameter of its path, and the key of this answer with the value for it."""

    def to_openapi(self) -> dict[str, Any]:
        """Return the Response Object."""
        described: dict[str, Any] = {"description": self.words}
        schema = {"schema": {"$ref": REF.format(model=self.model)}} if self.model else {}
        if self.media:
            described["content"] = dict.fromkeys(self.media, schema)
        if self.links:
            described["links"] = {
                operation: {"operationId": operation, "parameters": {parameter: f"$response.body#/{key}"}}
                for operation, parameter, key in self.links
            }
        if self.headers:
            described["headers"] = {name: {"schema": {"type": "string"}} for name in self.headers}
        return described


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    name: str
    summary: str
    answers: Mapping[int, Answer]
    guarded: bool = False
    """True if the operation requires a key, at a facade that requires keys."""
    parameters: Sequence[Parameter] = ()
    takes: str = ""

    def to_openapi(self) -> dict[str, Any]:
        """Return the Operation Object."""
        described: dict[str, Any] = {
            "operationId": self.name,
            "summary": self.summary,
            "responses": {str(status): answer.to_openapi() for status, answer in self.answers.items()},
        }
        if self.guarded:
            described["security"] = _SECURITY
        if self.parameters:
            described["parameters"] = [parameter.to_openapi() for parameter in self.parameters]
        if self.takes:
            content = {"application/json": {"schema": {"$ref": REF.format(model=self.takes)}}}
            described["requestBody"] = {"required": True, "content": content}
        return described


def error_answer(words: str, *headers: str) -> Answer:
    """Return the answer with an error."""
    return Answer(words=words, model="ErrorBody", headers=headers)


_ID = Parameter(
    name="video_id",
    place="path",
    words="The id of the job, as its caller chose it, or as messages and file names have it.",
    schema={"pattern": "^[A-Za-z0-9_-]{1,64}$"},
)
_FILE = Parameter(
    name="gcs_path",
    place="path",
    words="The video's `gcs_path`.",
    schema={"pattern": "^(?:generated-videos|posters)/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}$"},
)
_WAIT = Parameter(
    name="wait",
    place="query",
    words="Seconds to wait for the end.",
    schema={"type": "integer", "minimum": 0, "maximum": 280},
)
_RANGE = Parameter(name="Range", place="header", words="The bytes to send.")
_IF_NONE_MATCH = Parameter(name="If-None-Match", place="header", words="The `ETag` of the file that the caller has.")
_NO_JOB = error_answer("No such job.")
_FAILED = error_answer("An unexpected error, or the video could not be made.")
_UNAVAILABLE = error_answer("A store is out of reach, or the facade is overloaded or stopping.", "Retry-After")
_LINKS_OF_JOB = tuple((name, "video_id", "video_id") for name in ("getVideo", "cancelVideo", "watchVideo"))
_LINKS_OF_FILE = (("file", "gcs_path", "gcs_path"),)
_WORD = Answer(words="One word.")
_REFUSED = {
    401: error_answer("This facade requires an API key or an ID token.", "WWW-Authenticate"),
    403: error_answer("This account may not call this facade, or a foreign web page tries to change something."),
    421: error_answer("This facade does not serve the host that the call names."),
}

_GENERATE = {
    200: Answer(words="The finished video.", model="Video", links=(*_LINKS_OF_JOB, *_LINKS_OF_FILE)),
    202: Answer(
        words="The job goes on, and `Prefer` asked for this answer.",
        model="JobView",
        headers=("Location", "Retry-After"),
        links=_LINKS_OF_JOB,
    ),
    400: error_answer("Invalid request; `error.field` names the field."),
    401: _REFUSED[401],
    403: error_answer(
        "The video would cost more than `max_cost_usd` or a budget allows; this account may not call this facade; or "
        "the call comes from a foreign web page."
    ),
    408: error_answer("The body arrived too slowly."),
    409: error_answer("The id is already used by a different request, or the job was cancelled."),
    410: error_answer("The job was not started in time, or was erased. It makes no video."),
    413: error_answer("The body is too large."),
    415: error_answer("The body is not JSON."),
    421: _REFUSED[421],
    422: error_answer("The model's safety filter refused."),
    429: error_answer("The model's quota is used up, or too many jobs of this caller are queued.", "Retry-After"),
    500: _FAILED,
    503: _UNAVAILABLE,
    504: error_answer(
        "Not ready within 280 s. The job goes on: ask at `status_url`, or repeat the call if `retryable` is true.",
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
            Parameter(
                name="Idempotency-Key",
                place="header",
                words="Names the job: a repeated call gets the same one.",
                schema={"pattern": "^[\\x21-\\x7e]{1,255}$"},
            ),
            Parameter(
                name="Prefer",
                place="header",
                words="`respond-async`, or `wait=N`: 202 if the video is not ready by then; `reattach`: docs/http.md.",
            ),
            Parameter(
                name="traceparent",
                place="header",
                words="W3C trace context, for the record and all messages of the job.",
            ),
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
            400: error_answer("A filter is invalid."),
            **_REFUSED,
            500: _FAILED,
            503: _UNAVAILABLE,
        },
        parameters=(
            Parameter(
                name="state",
                place="query",
                words="Only jobs in this state.",
                schema={"enum": [str(state) for state in JobState]},
            ),
            Parameter(name="project_id", place="query", words="Only jobs of this project."),
            Parameter(name="cursor", place="query", words="`next_cursor` of the page before."),
            Parameter(
                name="limit",
                place="query",
                words="Jobs on a page.",
                schema={"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
            ),
        ),
    ),
    Operation(
        method="get",
        path="/api/videos/{video_id}",
        name="getVideo",
        summary="Show a job.",
        guarded=True,
        answers={
            200: Answer(words="The job.", model="JobView", links=_LINKS_OF_FILE),
            400: error_answer("`wait` is invalid."),
            **_REFUSED,
            404: _NO_JOB,
            500: _FAILED,
            503: _UNAVAILABLE,
        },
        parameters=(_ID, _WAIT),
    ),
    Operation(
        method="delete",
        path="/api/videos/{video_id}",
        name="cancelVideo",
        summary="Cancel a job. It costs nothing before the submit. A job that has ended stays as it is.",
        guarded=True,
        answers={
            200: Answer(words="The job.", model="JobView"),
            **_REFUSED,
            404: _NO_JOB,
            409: error_answer("The job changed too often during the call."),
            500: _FAILED,
            503: _UNAVAILABLE,
        },
        parameters=(_ID,),
    ),
    Operation(
        method="get",
        path="/api/videos/{video_id}/events",
        name="watchVideo",
        summary="Server-sent events: each `state` in order, `progress`, and `done` with the job at the end.",
        guarded=True,
        answers={
            200: Answer(words="The stream; it ends with the job.", media=("text/event-stream",)),
            204: Answer(words="`Last-Event-ID` names `done`: no event follows.", media=()),
            **_REFUSED,
            404: _NO_JOB,
            500: _FAILED,
            503: _UNAVAILABLE,
        },
        parameters=(
            _ID,
            Parameter(
                name="Last-Event-ID",
                place="header",
                words="The last event that the caller received: the next ones follow.",
            ),
        ),
    ),
    Operation(
        method="get",
        path="/api/videos/health",
        name="health",
        summary="The old backend's health.",
        answers={200: _WORD},
    ),
    Operation(method="get", path="/livez", name="livez", summary="The process runs.", answers={200: _WORD}),
    Operation(
        method="get",
        path="/readyz",
        name="readyz",
        summary="The facade is ready for calls.",
        answers={
            200: _WORD,
            503: Answer(
                words="The facade is stopping, a store is out of reach, the disk is full, or no completions arrive."
            ),
        },
    ),
    Operation(
        method="get",
        path="/videos/{gcs_path}",
        name="file",
        summary="A finished file, if the video store is a folder.",
        answers={
            200: Answer(words="The file.", media=("video/mp4", "image/jpeg")),
            206: Answer(
                words="The requested range, or several of them in parts.",
                media=("video/mp4", "image/jpeg", "multipart/byteranges"),
                headers=("Content-Range",),
            ),
            304: Answer(words="The caller has this version of the file.", media=()),
            403: error_answer("The address is not signed or has expired, if this facade asks for a key."),
            404: error_answer("No such file."),
            421: _REFUSED[421],
            416: error_answer("The file has none of the requested ranges.", "Content-Range"),
        },
        parameters=(_FILE, _RANGE, _IF_NONE_MATCH),
    ),
)
