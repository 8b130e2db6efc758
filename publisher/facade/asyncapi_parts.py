"""One message, its headers and one channel, for the AsyncAPI document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Headers:
    """The attributes of a message on the bus, or the headers of a posted event."""

    words: Mapping[str, str]
    required: frozenset[str]

    def to_asyncapi(self, kind: str) -> dict[str, Any]:
        """Return the schema of the headers of a message with this `ce-type`."""
        properties: dict[str, Any] = {
            name: {"type": "string", "description": words} for name, words in self.words.items()
        }
        if "ce-type" in properties:
            properties["ce-type"]["const"] = kind
        return {"type": "object", "properties": properties, "required": sorted(self.required)}


_CLOUD_EVENT = {
    "job_id": "The id of the job, as in the body.",
    "ce-type": "The type of the message.",
    "ce-source": "`reelbus`.",
    "ce-id": "The id of the event: the same for each repeat of it.",
    "ce-specversion": "The version of CloudEvents, `1.0`.",
    "ce-time": "When it happened: ISO 8601 in UTC.",
    "traceparent": "W3C trace context.",
}
COMMAND = Headers(words=_CLOUD_EVENT, required=frozenset())
"""A message without `ce-type` is read as a request, so that a publisher need not write any attribute."""
CANCELLATION = Headers(
    words={
        **_CLOUD_EVENT,
        "life": "The life of the job that the cancel ends, a whole number from 1; without it, the present one.",
    },
    required=frozenset({"ce-type"}),
)
COMPLETION = Headers(
    words={
        **_CLOUD_EVENT,
        "caller": "The caller whose job it is; only if the facade requires keys.",
        "video_id": "The id that this caller chose.",
        "defect": "What is wrong with a video that was paid for and is delivered nevertheless.",
        "message_id": "Of a rejected message: the bus's id of it.",
        "reason": "Of a rejected message: what is wrong with it.",
        "fallback_asked_for": "The model that was asked for, if another one made the video.",
        "fallback_made_by": "The model that made it.",
        "fallback_why": "Why.",
        "fallback_price_usd": "What the clips cost with that model, in US dollars.",
    },
    required=frozenset(_CLOUD_EVENT) - {"traceparent"},
)
EVALUATION = Headers(
    words={
        **_CLOUD_EVENT,
        "score": "The score with two decimals, or `unevaluated`.",
        "caller": "The caller whose job it is; only if the facade requires keys.",
        "video_id": "The id that this caller chose.",
    },
    required=frozenset(_CLOUD_EVENT) - {"traceparent"} | {"score"},
)
FILM = Headers(
    words={
        "film_id": "The stored id of the film, as in the body.",
        **{name: words for name, words in _CLOUD_EVENT.items() if name not in ("job_id", "traceparent")},
    },
    required=frozenset(_CLOUD_EVENT) - {"job_id", "traceparent"} | {"film_id"},
)
POSTED = Headers(
    words={
        "webhook-id": "The id of the event: the same for each attempt.",
        "webhook-timestamp": "When this attempt was made: seconds since 1970.",
        "webhook-signature": "Signatures by Standard Webhooks, with a space between two of them.",
        "content-type": "`application/json`.",
    },
    required=frozenset({"webhook-id", "webhook-timestamp", "webhook-signature", "content-type"}),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageType:
    """One type of message."""

    name: str
    kind: str
    """The `ce-type`; empty if the message has none."""
    words: str
    payload: str
    headers: Headers
    key: str = "job_id"
    """The header by which messages about one thing are found."""

    def to_asyncapi(self, example: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Message Object."""
        return {
            "name": self.kind or self.name,
            "title": self.name,
            "summary": self.words,
            "contentType": "application/json",
            "correlationId": {"location": f"$message.header#/{self.key}"},
            "headers": self.headers.to_asyncapi(self.kind),
            "payload": {"$ref": f"#/components/schemas/{self.payload}"},
            "examples": [example],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """A topic, or the address of a webhook."""

    name: str
    address: str | None
    """None if each request names it."""
    server: str
    action: Literal["send", "receive"]
    """What reelbus does."""
    words: str
    messages: Sequence[MessageType]

    @property
    def operation(self) -> str:
        """The name of what reelbus does there."""
        return f"{self.action}{self.name[0].upper()}{self.name[1:]}"

    def to_asyncapi(self) -> dict[str, Any]:
        """Return the Channel Object."""
        return {
            "address": self.address,
            "description": self.words,
            "servers": [{"$ref": f"#/servers/{self.server}"}],
            "messages": {message.name: {"$ref": f"#/components/messages/{message.name}"} for message in self.messages},
        }

    def to_operation(self) -> dict[str, Any]:
        """Return the Operation Object."""
        method = {"bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}}} if self.address is None else {}
        return {
            "action": self.action,
            "channel": {"$ref": f"#/channels/{self.name}"},
            "summary": self.words,
            "messages": [{"$ref": f"#/channels/{self.name}/messages/{message.name}"} for message in self.messages],
            **method,
        }
