"""The AsyncAPI 3.1 document: the topics of the bus, and the webhook that a request or a storyboard may name.

Payloads and examples come from the models that read and write the messages. https://www.asyncapi.com/docs/reference
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from publisher.facade.asyncapi_examples import EXAMPLES
from publisher.facade.asyncapi_parts import (
    CANCELLATION,
    COMMAND,
    COMPLETION,
    EVALUATION,
    FILM,
    POSTED,
    Channel,
    MessageType,
)
from publisher.facade.call import Call
from schemas import SCHEMA_VERSION
from schemas.export import open_schema, schema_of
from schemas.ports.bus import BATCH_REQUESTS, COMPLETIONS, REQUESTS
from schemas.ports.evaluation import EVALUATIONS
from schemas.ports.films import FILM_COMPLETIONS, FILM_REQUESTS
from schemas.wire.completion import Outcome
from schemas.wire.evaluation import EVALUATED
from schemas.wire.film import REQUESTED as FILM_REQUESTED
from schemas.wire.film import FilmCompletion, FilmNotice
from schemas.wire.message import CANCEL, REQUESTED
from schemas.wire.webhook_payload import WebhookFilmPayload, WebhookPayload, WebhookTestPayload

_ABOUT = (
    "Makes short videos from requests. `job_id` is the idempotency key: a request that is sent twice is one job. "
    "Every job ends in one completion, which may come more than once: drop a `ce-id` that you have handled. "
    "Within `v1` keys are added and never renamed. A reader ignores what it does not know; a request with an unknown "
    "key is refused. The version is that of the messages, not of the package."
)
_ENDS = {
    Outcome.SUCCEEDED: "The video is stored.",
    Outcome.FAILED: "No video was made; `error` says why, and what was charged.",
    Outcome.CANCELLED: "The job was cancelled.",
    Outcome.EXPIRED: "The job was not started in time. Nothing is charged.",
    Outcome.REJECTED: "A message was refused: it is invalid, or its id is already used by a different request.",
}
_FILM_ENDS = {
    "succeeded": "The film's file is stored.",
    "held": "A scene has no video, and the film waits for a person; `error` says why.",
    "failed": "The film has no file of this revision; `error` says why.",
    "cancelled": "The film was cancelled. What was sent is paid, and kept.",
}

REQUEST_MESSAGE = MessageType(
    name="VideoRequested", kind=REQUESTED, words="Make one video.", payload="VideoRequest", headers=COMMAND
)
CANCEL_MESSAGE = MessageType(
    name="CancelRequested",
    kind=CANCEL,
    words="Cancel a job.",
    payload="CancelRequest",
    headers=CANCELLATION,
)
COMPLETION_MESSAGES = tuple(
    MessageType(
        name=f"Video{outcome.capitalize()}",
        kind=f"reelbus.video.{outcome}.v1",
        words=words,
        payload="Completion",
        headers=COMPLETION,
    )
    for outcome, words in _ENDS.items()
)
EVALUATED_MESSAGE = MessageType(
    name="VideoEvaluated",
    kind=EVALUATED,
    words="The score of a video against its prompt, or why it has none.",
    payload="Evaluated",
    headers=EVALUATION,
)
FILM_REQUEST_MESSAGE = MessageType(
    name="FilmRequested",
    kind=FILM_REQUESTED,
    words="Look at a film: it was ordered, revised or cancelled.",
    payload="FilmNotice",
    headers=FILM,
    key="film_id",
)
FILM_MESSAGES = tuple(
    MessageType(
        name=f"Film{state.capitalize()}",
        kind=f"reelbus.film.{state}.v1",
        words=words,
        payload="FilmCompletion",
        headers=FILM,
        key="film_id",
    )
    for state, words in _FILM_ENDS.items()
)
WEBHOOK_MESSAGES = (
    MessageType(
        name="WebhookEnd", kind="", words="How a job ended.", payload="WebhookPayload", headers=POSTED, key="webhook-id"
    ),
    MessageType(
        name="WebhookFilmEnd",
        kind="",
        words="How a revision of a film ended.",
        payload="WebhookFilmPayload",
        headers=POSTED,
        key="webhook-id",
    ),
    MessageType(
        name="WebhookTest",
        kind="",
        words="A test, asked for by `POST /api/webhooks/test`.",
        payload="WebhookTestPayload",
        headers=POSTED,
        key="webhook-id",
    ),
)
CHANNELS = (
    Channel(
        name="videoRequests",
        address=REQUESTS,
        server="pubsub",
        action="receive",
        words="Requests of the interactive lane, and all cancels. The workers' subscription is `video-workers`.",
        messages=(REQUEST_MESSAGE, CANCEL_MESSAGE),
    ),
    Channel(
        name="videoRequestsBatch",
        address=BATCH_REQUESTS,
        server="pubsub",
        action="receive",
        words='Requests with `"priority": "batch"`. The workers\' subscription is `video-batch-workers`.',
        messages=(REQUEST_MESSAGE,),
    ),
    Channel(
        name="videoCompletions",
        address=COMPLETIONS,
        server="pubsub",
        action="send",
        words="How each job ended, for any subscriber.",
        messages=COMPLETION_MESSAGES,
    ),
    Channel(
        name="videoEvaluations",
        address=EVALUATIONS,
        server="pubsub",
        action="send",
        words="The score of each video that was evaluated, for any subscriber. Its completion was sent before.",
        messages=(EVALUATED_MESSAGE,),
    ),
    Channel(
        name="filmRequests",
        address=FILM_REQUESTS,
        server="pubsub",
        action="receive",
        words="The facade tells the workers of a film. Order films by HTTP: the film itself is in the job store. The "
        "workers' subscription is `film-workers`.",
        messages=(FILM_REQUEST_MESSAGE,),
    ),
    Channel(
        name="filmCompletions",
        address=FILM_COMPLETIONS,
        server="pubsub",
        action="send",
        words="How each revision of a film ended, for any subscriber. A held film may end again.",
        messages=FILM_MESSAGES,
    ),
    Channel(
        name="webhook",
        address=None,
        server="receiver",
        action="send",
        words="`POST` to the address that the request or the storyboard names in `webhook`. Answer with any 2xx within "
        "15 s. An event comes at least once, always with the same `webhook-id`. After another answer it is sent again, "
        "for 75 hours.",
        messages=WEBHOOK_MESSAGES,
    ),
)
_SERVERS = {
    "pubsub": {
        "host": "pubsub.googleapis.com",
        "pathname": "/projects/{project}",
        "protocol": "googlepubsub",
        "description": "Google Cloud Pub/Sub. The embedded default has a bus of its own in its data folder instead.",
        "variables": {"project": {"description": "The Google Cloud project of this installation."}},
    },
    "receiver": {
        "host": "{host}",
        "protocol": "https",
        "description": "The receiver of a webhook. A request names its address.",
        "variables": {"host": {"description": "The host of the address.", "examples": ["example.com"]}},
    },
}


@cache
def document() -> dict[str, Any]:
    """Return the whole document."""
    messages = {message.name: message for channel in CHANNELS for message in channel.messages}
    return {
        "asyncapi": "3.1.0",
        "id": f"urn:reelbus:v{SCHEMA_VERSION}",
        "info": {"title": "reelbus", "version": f"{SCHEMA_VERSION}.0.0", "description": _ABOUT},
        "defaultContentType": "application/json",
        "servers": _SERVERS,
        "channels": {channel.name: channel.to_asyncapi() for channel in CHANNELS},
        "operations": {channel.operation: channel.to_operation() for channel in CHANNELS},
        "components": {
            "messages": {name: message.to_asyncapi(EXAMPLES[name]) for name, message in messages.items()},
            "schemas": _schemas(),
        },
    }


def _schemas() -> dict[str, Any]:
    tops: dict[str, dict[str, Any]] = {
        "VideoRequest": schema_of("request"),
        "CancelRequest": schema_of("cancel"),
        "Completion": schema_of("completion"),
        "Evaluated": schema_of("evaluated"),
        "FilmNotice": _open_schema_of(FilmNotice),
        "FilmCompletion": _open_schema_of(FilmCompletion),
        "WebhookPayload": _open_schema_of(WebhookPayload),
        "WebhookFilmPayload": _open_schema_of(WebhookFilmPayload),
        "WebhookTestPayload": _open_schema_of(WebhookTestPayload),
    }
    found: dict[str, Any] = {}
    for name, schema in tops.items():
        parts = schema.pop("$defs", {})
        kept = {key: value for key, value in schema.items() if key not in ("$schema", "$id")}
        # A request as it is sent and the request in a completion have different rules, so each has parts of its own.
        for part, described in {"": kept, **parts}.items():
            found[_part_name(name, part)] = _move_refs(described, name)
    return found


def _open_schema_of(model: type[BaseModel]) -> dict[str, Any]:
    schema: dict[str, Any] = open_schema(model.model_json_schema(mode="serialization"))
    return schema


def _part_name(top: str, part: str) -> str:
    return f"{top}.{part}" if part else top


def _move_refs(schema: Any, top: str) -> Any:
    """Return the schema with its references to `$defs` changed to `components/schemas`."""
    if isinstance(schema, list):
        return [_move_refs(part, top) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    moved = {key: _move_refs(value, top) for key, value in schema.items()}
    if isinstance(ref := moved.get("$ref"), str):
        moved["$ref"] = f"#/components/schemas/{_part_name(top, ref.rpartition('/')[2])}"
    return moved


async def asyncapi_json(_: Call) -> Response:
    """Answer with the AsyncAPI document."""
    return JSONResponse(document())
