"""The operations of `/v1/videos`, for the OpenAPI document."""

from publisher.facade.openai_videos.routes import LIMIT_MAX
from publisher.facade.openapi_parts import VIDEO_ID, Answer, Operation, Parameter

_BODIES = ("application/json", "multipart/form-data")
_VIDEO = Answer(words="The video.", model="OpenAIVideo")


def _refuse(words: str) -> Answer:
    return Answer(words=words, model="OpenAIErrorBody", headers=("x-should-retry",))


_REFUSED = {
    401: _refuse("This facade requires an API key or an ID token."),
    403: _refuse("The key lacks the scope, or the call comes from a foreign web page."),
    421: _refuse("This facade does not serve the host that the call names."),
    500: _refuse("An unexpected error."),
    503: _refuse("A store is out of reach, or the facade is overloaded or stopping."),
}
_ONE = {400: _refuse("A parameter is invalid."), 404: _refuse("No such video, or it was deleted."), **_REFUSED}
_COUNT = Parameter(
    name="x-stainless-retry-count",
    place="header",
    words="Above 0: the client sends an earlier call again, and gets the job of that one.",
)

OPENAI_OPERATIONS = (
    Operation(
        method="post",
        path="/v1/videos",
        name="createOpenAIVideo",
        summary="Make a video, in the shape of OpenAI's API.",
        takes="OpenAIVideoRequest",
        media=_BODIES,
        guarded=True,
        scopes=("submit",),
        answers={
            200: _VIDEO,
            400: _refuse("Invalid request; `error.param` names the field."),
            **_REFUSED,
            404: _refuse("The video of this key was erased."),
            408: _refuse("The body arrived too slowly."),
            409: _refuse("The key is already used by a different request."),
            413: _refuse("The body is too large."),
            415: _refuse("The body is neither JSON nor a form."),
            429: _refuse("Too many jobs of this caller are queued."),
        },
        parameters=(
            Parameter(name="Idempotency-Key", place="header", words="Names the job: the same key gets the same one."),
            _COUNT,
        ),
    ),
    Operation(
        method="get",
        path="/v1/videos",
        name="listOpenAIVideos",
        summary="List videos, in the shape of OpenAI's API.",
        guarded=True,
        scopes=("read", "operate"),
        answers={200: Answer(words="A page.", model="OpenAIVideoList"), **_ONE},
        parameters=(
            Parameter(name="after", place="query", words="The `last_id` of the page before."),
            Parameter(
                name="limit",
                place="query",
                words="The videos of a page; 20 if it is absent.",
                schema={"type": "integer", "minimum": 1, "maximum": LIMIT_MAX},
            ),
            Parameter(
                name="order", place="query", words="By creation; `desc` if absent.", schema={"enum": ["asc", "desc"]}
            ),
        ),
    ),
    Operation(
        method="get",
        path="/v1/videos/{video_id}",
        name="getOpenAIVideo",
        summary="Show a video, in the shape of OpenAI's API.",
        guarded=True,
        scopes=("read", "operate"),
        answers={200: _VIDEO, **_ONE},
        parameters=(VIDEO_ID,),
    ),
    Operation(
        method="delete",
        path="/v1/videos/{video_id}",
        name="deleteOpenAIVideo",
        summary="Delete a video, its files and its prompt. A job that has not ended is cancelled.",
        guarded=True,
        scopes=("submit", "operate"),
        answers={
            200: Answer(words="It is deleted.", model="OpenAIVideoDeleted"),
            **_ONE,
            409: _refuse("The video can't be deleted yet."),
        },
        parameters=(VIDEO_ID,),
    ),
    Operation(
        method="get",
        path="/v1/videos/{video_id}/content",
        name="downloadOpenAIVideo",
        summary="Send the file of a finished video, its still picture, or its sprite sheet.",
        guarded=True,
        scopes=("read", "operate"),
        answers={
            200: Answer(words="The file.", media=("video/mp4", "image/jpeg")),
            206: Answer(words="The requested bytes of it.", media=("video/mp4", "image/jpeg", "multipart/byteranges")),
            302: Answer(words="The signed address of the file in its bucket.", media=(), headers=("Location",)),
            304: Answer(words="The caller has this version.", media=()),
            **_ONE,
            416: _refuse("The file has none of these bytes."),
        },
        parameters=(
            VIDEO_ID,
            Parameter(
                name="variant",
                place="query",
                words="`video` if it is absent.",
                schema={"enum": ["video", "thumbnail", "spritesheet"]},
            ),
            Parameter(name="Range", place="header", words="The bytes to send."),
        ),
    ),
)
