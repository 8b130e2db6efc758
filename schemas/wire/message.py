"""The envelope on the bus: JSON in `data`, CloudEvents and tracing in `attributes`, one event type per model."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from schemas.errors import Invalid, ReelbusError
from schemas.versioning import AS_FAR_AS_KNOWN
from schemas.wire.caller_names import to_shown_id
from schemas.wire.completion import Completion
from schemas.wire.request import CancelRequest, VideoRequest
from schemas.wire.types import JOB_ID_PATTERN, is_traceparent, isoformat
from schemas.wire.validation import check_size, parse_object, to_invalid

REQUESTED = "reelbus.video.requested.v1"
CANCEL = "reelbus.video.cancel.v1"
C = TypeVar("C", VideoRequest, CancelRequest)
HELD_SINCE = "held_since"
"""The attribute in which a worker notes since when it holds a message for a newer worker."""
LIFE = "life"
"""The attribute of a cancel that says which life of its job it ends."""
_LIFE = re.compile(r"[1-9][0-9]{0,8}")
_LATER = re.compile(r"[2-9]|[1-9][0-9]+")
_UNKNOWN_WORDS = ("enum", "literal_error")
_ATTRIBUTE_CHARACTERS = 250
"""An attribute on Pub/Sub holds 1,024 bytes, and a character takes up to 4."""
_COMPLETED = ("succeeded", "failed", "cancelled", "expired", "rejected")


class NewerVersion(ReelbusError):
    """The message has a newer schema version than this program knows. Hold it for a newer worker."""


class UnknownContent(NewerVersion):
    """The command has keys or words that this program does not know: from a newer publisher, or typos."""

    def __init__(self, reason: Invalid, command: VideoRequest | CancelRequest | None) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.command = command
        """The command with its unknown keys; None if a known key has an unknown word."""


class UnknownType(Invalid):
    """The message has a type that this program does not know."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message on a bus."""

    data: bytes
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def traceparent(self) -> str | None:
        """The W3C trace context of the message; None if it has none that is valid."""
        value = self.attributes.get("traceparent", "")
        return value if is_traceparent(value) else None


def encode_request(request: VideoRequest, *, at: datetime, traceparent: str | None = None) -> Message:
    """Build the message of a request."""
    return _encode(request, REQUESTED, request.job_id, request.job_id, at, traceparent)


def encode_cancel(
    cancel: CancelRequest, *, at: datetime, life: int | None = None, traceparent: str | None = None
) -> Message:
    """Build the message of a cancel.

    With `life` it ends that life of the job only: if it arrives late, it leaves a replayed job alone.
    """
    message = _encode(cancel, CANCEL, f"{cancel.job_id}.cancel", cancel.job_id, at, traceparent)
    return message if life is None else Message(data=message.data, attributes={**message.attributes, LIFE: str(life)})


def encode_completion(
    completion: Completion,
    *,
    at: datetime,
    traceparent: str | None = None,
    caller: str | None = None,
    defect: str | None = None,
) -> Message:
    """Build the message of a completion.

    `job_id` is the stored id, which is unique on the topic. For a job of a caller with a key, the attribute `caller`
    names the caller, and `video_id` is the id that this caller chose. The attribute `defect` says what is wrong with a
    video that is delivered nevertheless.
    """
    kind = f"reelbus.video.{completion.state}.v1"
    message = _encode(completion, kind, completion.event_id, completion.job_id or "", at, traceparent)
    if defect:
        message = Message(data=message.data, attributes={**message.attributes, "defect": _attribute(defect)})
    if caller is None or completion.job_id is None:
        return message
    owner = {"caller": caller, "video_id": to_shown_id(caller, completion.job_id)}
    return Message(data=message.data, attributes={**message.attributes, **owner})


def encode_rejection(completion: Completion, message: Message, *, message_id: str, at: datetime) -> Message:
    """Build the answer to a message that is rejected.

    Its `ce-id` is made from the rejected message: it is the same if the bus delivers that message again, and differs
    for another message with the same error. The attributes `message_id` and `reason` name the message and the error.
    """
    reason = completion.error.message if completion.error else ""
    # The message's id alone is not enough: a bus that was restored from a backup issues the same ids again.
    digest = hashlib.sha256(b"\0".join((message_id.encode(), message.data, reason.encode(errors="replace"))))
    event_id = f"{completion.job_id or 'message'}.rejected.{digest.hexdigest()[:16]}"
    answer = encode_completion(completion, at=at, traceparent=message.traceparent)
    more = {"ce-id": event_id, "message_id": message_id, "reason": _attribute(reason)}
    return Message(data=answer.data, attributes={**answer.attributes, **more})


def decode_command(message: Message) -> VideoRequest | CancelRequest:
    """Return the request or cancel that a publisher sent. A message without `ce-type` is read as a request.

    Raises `Invalid`; `NewerVersion` for a later version of its type; and `UnknownContent` if its only errors are keys
    or words that this program does not know.
    """
    kind = message.attributes.get("ce-type", REQUESTED)
    if kind == REQUESTED:
        return _command(VideoRequest, message.data)
    if kind == CANCEL:
        return _command(CancelRequest, message.data)
    raise _to_unknown_type(kind, ("reelbus.video.requested", "reelbus.video.cancel"))


def life_of(message: Message) -> int | None:
    """Return which life of its job a cancel ends. None: the present one; publishers of release 0.1.0 name none.

    Raises `Invalid` for an attribute that is no whole number from 1: which job it means is not known then.
    """
    life = message.attributes.get(LIFE)
    if life is None:
        return None
    if not _LIFE.fullmatch(life):
        raise Invalid(f"life must be a whole number from 1 to 999999999, not {life[:20]!r}", field=LIFE)
    return int(life)


def decode_completion(message: Message) -> Completion:
    """Return the completion that a worker sent.

    Raises `Invalid`; `UnknownType` or `NewerVersion` for a type that this program does not know; and `UnknownType` for
    an unknown state.
    """
    kind = message.attributes.get("ce-type", "")
    if kind and kind not in {f"reelbus.video.{state}.v1" for state in _COMPLETED}:
        raise _to_unknown_type(kind, tuple(f"reelbus.video.{state}" for state in _COMPLETED))
    try:
        return Completion.model_validate_json(message.data)
    except ValidationError as error:
        reason = to_invalid(error)
        if any(detail["loc"] == ("state",) and detail["type"] == "enum" for detail in error.errors()):
            raise UnknownType(str(reason), field="state") from error
        raise reason from error


def job_id_of(message: Message) -> str | None:
    """Return the job's id that a message names, even if the rest of the message is not valid."""
    job_id = message.attributes.get("job_id")
    if not job_id:
        try:
            check_size(message.data, what="the message")
            body = json.loads(message.data)
        except (Invalid, ValueError, RecursionError):
            return None
        job_id = body.get("job_id") if isinstance(body, dict) else None
    return job_id if isinstance(job_id, str) and re.fullmatch(JOB_ID_PATTERN[1:-1], job_id) else None


def as_published(message: Message) -> Message:
    """Return the message without the attribute that a worker added to it."""
    kept = {name: value for name, value in message.attributes.items() if name != HELD_SINCE}
    return Message(data=message.data, attributes=kept)


def _encode(model: BaseModel, kind: str, event_id: str, job_id: str, at: datetime, traceparent: str | None) -> Message:
    attributes = {
        "job_id": job_id,
        "ce-type": kind,
        "ce-source": "reelbus",
        "ce-id": event_id,
        "ce-specversion": "1.0",
        "ce-time": isoformat(at),
    }
    if traceparent:
        attributes["traceparent"] = traceparent
    body = (
        to_json(model.body()) if isinstance(model, VideoRequest) else model.model_dump_json(exclude_none=True).encode()
    )
    return Message(data=body, attributes=attributes)


def _attribute(text: str) -> str:
    return text[:_ATTRIBUTE_CHARACTERS].encode(errors="replace").decode()


def _command(model: type[C], data: bytes) -> C:
    """Read the body as strictly as the facade does, with the same messages."""
    body = parse_object(data, what="the message")
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise _to_unknown_content(model, body, to_invalid(error)) from error


def _to_unknown_content(model: type[C], body: dict[str, Any], reason: Invalid) -> ReelbusError:
    """Return `UnknownContent` if all errors are unknown keys or unknown words of an enumeration, else `reason`."""
    try:
        return UnknownContent(reason, model.model_validate(body, context=AS_FAR_AS_KNOWN))
    except ValidationError as error:
        words = (detail["type"] in _UNKNOWN_WORDS and isinstance(detail["input"], str) for detail in error.errors())
        return UnknownContent(reason, None) if all(words) else reason


def _to_unknown_type(kind: str, families: tuple[str, ...]) -> ReelbusError:
    family, _, version = kind.rpartition(".v")
    if family in families and _LATER.fullmatch(version):
        return NewerVersion(f"{kind} is newer than this program")
    return UnknownType(f"ce-type {kind[:80]!r} is not a type of this subscription", field="ce-type")
