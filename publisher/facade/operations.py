"""The operations of the facade and their answers, for its OpenAPI document. Tests compare the table with the routes."""

from publisher.facade.batch_operations import BATCH_OPERATIONS
from publisher.facade.film_operations import FILM_OPERATIONS
from publisher.facade.openai_videos.operations import OPENAI_OPERATIONS
from publisher.facade.openapi_parts import (
    BODY_REFUSED,
    FAILED,
    NO_JOB,
    REF,
    REFUSED,
    UNAVAILABLE,
    VIDEO_ID,
    Answer,
    Operation,
    Parameter,
    error_answer,
    page_parameters,
)
from publisher.facade.operator_operations import OPERATOR_OPERATIONS
from publisher.facade.variants import VARIANTS
from publisher.facade.webhook_operations import WEBHOOK_OPERATIONS
from schemas.domain.states import JobState

__all__ = ["OPERATIONS", "REF"]

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
_LINKS_OF_JOB = tuple((name, "video_id", "video_id") for name in ("getVideo", "cancelVideo", "watchVideo"))
_LINKS_OF_FILE = (("file", "gcs_path", "gcs_path"),)
_MEDIA = ("video/mp4", "image/jpeg", "text/vtt")
_WORD = Answer(words="One word.")

_GENERATE = {
    200: Answer(words="The finished video.", model="Video", links=(*_LINKS_OF_JOB, *_LINKS_OF_FILE)),
    202: Answer(
        words="The job goes on, and `Prefer` asked for this answer.",
        model="JobView",
        headers=("Location", "Retry-After"),
        links=_LINKS_OF_JOB,
    ),
    400: error_answer("Invalid request; `error.field` names the field."),
    401: REFUSED[401],
    403: error_answer(
        "The video would cost more than `max_cost_usd` or a budget allows; this account may not call this facade; or "
        "the call comes from a foreign web page."
    ),
    409: error_answer("The id is already used by a different request, or the job was cancelled."),
    410: error_answer("The job was not started in time, or was erased. It makes no video."),
    **BODY_REFUSED,
    421: REFUSED[421],
    422: error_answer("The model's safety filter refused."),
    429: error_answer("The model's quota is used up, or too many jobs of this caller are queued.", "Retry-After"),
    500: FAILED,
    503: UNAVAILABLE,
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
        scopes=("submit",),
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
        scopes=("read", "operate"),
        answers={
            200: Answer(
                words="A page. It may be short, or empty, though `next_cursor` names a next one.", model="Listing"
            ),
            400: error_answer("A filter is invalid."),
            **REFUSED,
            500: FAILED,
            503: UNAVAILABLE,
        },
        parameters=(
            Parameter(
                name="state",
                place="query",
                words="Only jobs in this state.",
                schema={"enum": [str(state) for state in JobState]},
            ),
            Parameter(name="project_id", place="query", words="Only jobs of this project."),
            Parameter(
                name="model", place="query", words="Only jobs of this model.", schema={"minLength": 1, "maxLength": 100}
            ),
            Parameter(
                name="label",
                place="query",
                words="Only jobs with this label, as `key=value`; not together with `q`.",
                schema={"pattern": "^[^=]*=", "maxLength": 128},
            ),
            Parameter(
                name="q",
                place="query",
                words="One word: an id or its first 8 characters, a label or its value, a project, a model, a state.",
                schema={"minLength": 1, "maxLength": 192},
            ),
            Parameter(
                name="caller",
                place="query",
                words="Only jobs of this caller; with the scope `operate`.",
                schema={"minLength": 1, "maxLength": 320},
            ),
            *page_parameters("Jobs"),
        ),
    ),
    Operation(
        method="get",
        path="/api/videos/{video_id}",
        name="getVideo",
        summary="Show a job.",
        guarded=True,
        scopes=("read", "operate"),
        answers={
            200: Answer(words="The job.", model="JobView", links=_LINKS_OF_FILE),
            400: error_answer("`wait` is invalid."),
            **REFUSED,
            404: NO_JOB,
            500: FAILED,
            503: UNAVAILABLE,
        },
        parameters=(VIDEO_ID, _WAIT),
    ),
    Operation(
        method="delete",
        path="/api/videos/{video_id}",
        name="cancelVideo",
        summary="Cancel a job. It costs nothing before the submit. A job that has ended stays as it is.",
        guarded=True,
        scopes=("submit", "operate"),
        answers={
            200: Answer(words="The job.", model="JobView"),
            **REFUSED,
            404: NO_JOB,
            409: error_answer("The job changed too often during the call."),
            500: FAILED,
            503: UNAVAILABLE,
        },
        parameters=(VIDEO_ID,),
    ),
    Operation(
        method="get",
        path="/api/videos/{video_id}/events",
        name="watchVideo",
        summary="Server-sent events: each `state` in order, `progress`, and `done` with the job at the end.",
        guarded=True,
        scopes=("read", "operate"),
        answers={
            200: Answer(words="The stream; it ends with the job.", media=("text/event-stream",)),
            204: Answer(words="`Last-Event-ID` names `done`: no event follows.", media=()),
            **REFUSED,
            404: NO_JOB,
            500: FAILED,
            503: UNAVAILABLE,
        },
        parameters=(
            VIDEO_ID,
            Parameter(
                name="Last-Event-ID",
                place="header",
                words="The last event that the caller received: the next ones follow.",
            ),
        ),
    ),
    Operation(
        method="get",
        path="/api/videos/{video_id}/file",
        name="getVideoFile",
        summary="Send the file of a finished video, or a file that is made of it at the first call.",
        guarded=True,
        scopes=("read", "operate"),
        answers={
            200: Answer(words="The file.", media=_MEDIA),
            206: Answer(
                words="The requested bytes of it.",
                media=(*_MEDIA, "multipart/byteranges"),
                headers=("Content-Range",),
            ),
            302: Answer(words="The address of the file in its bucket.", media=(), headers=("Location",)),
            304: Answer(words="The caller has this version.", media=()),
            400: error_answer("`variant` is invalid."),
            **REFUSED,
            404: error_answer("No such job, it has no video, or no such file can be made of it."),
            416: error_answer("The file has none of the requested ranges.", "Content-Range"),
            500: FAILED,
            503: UNAVAILABLE,
        },
        parameters=(
            VIDEO_ID,
            Parameter(name="variant", place="query", words="`video` if it is absent.", schema={"enum": list(VARIANTS)}),
            _RANGE,
            _IF_NONE_MATCH,
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
            421: REFUSED[421],
            416: error_answer("The file has none of the requested ranges.", "Content-Range"),
        },
        parameters=(_FILE, _RANGE, _IF_NONE_MATCH),
    ),
    *BATCH_OPERATIONS,
    *OPERATOR_OPERATIONS,
    *OPENAI_OPERATIONS,
    *WEBHOOK_OPERATIONS,
    *FILM_OPERATIONS,
)
