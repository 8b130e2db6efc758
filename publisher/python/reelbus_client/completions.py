"""Completions as a subscriber gets them: decode one, and hand each to a function once.

It knows no transport. `Inbox.receive` is a callback for google-cloud-pubsub; `Inbox.take` serves everything else.
"""

import hashlib
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Generic, Protocol, TypeVar

from pydantic import ValidationError

from reelbus_client.errors import ReelbusError, invalid
from reelbus_client.models import Completion, FilmCompletion, Outcome

C = TypeVar("C", Completion, FilmCompletion)
logger = logging.getLogger(__name__)
_TYPES = frozenset(f"reelbus.video.{outcome}.v1" for outcome in Outcome)


class UnknownMessage(Exception):
    """The message has a type or a state that this version does not know: it is from a later one."""


class SeenEvents(Protocol):
    """Remembers event ids. A database table can do that across restarts. One thread uses it at a time."""

    def __contains__(self, event_id: object, /) -> bool:
        """True for an id that was added."""

    def add(self, event_id: str, /) -> None:
        """Remember the id. Adding it twice does nothing."""


class RecentEvents:
    """Remembers the newest ids of this process, `limit` at most."""

    def __init__(self, limit: int = 10_000) -> None:
        self._ids: dict[str, None] = {}
        self._limit = limit

    def __contains__(self, event_id: object, /) -> bool:
        return event_id in self._ids

    def add(self, event_id: str, /) -> None:
        self._ids[event_id] = None
        if len(self._ids) > self._limit:
            del self._ids[next(iter(self._ids))]


class Received(Protocol):
    """A message as google-cloud-pubsub gives it to a callback."""

    @property
    def data(self) -> bytes:
        """The body."""

    @property
    def attributes(self) -> Mapping[str, str]:
        """CloudEvents and trace context."""

    def ack(self) -> None:
        """Settle it: it is not delivered again."""

    def nack(self) -> None:
        """Deliver it again later."""


def decode_completion(data: bytes | str, attributes: Mapping[str, str] | None = None) -> Completion:
    """Return the completion in a message of `video-completions`, or in `data` of a webhook.

    Raises `UnknownMessage`, and `ReelbusError` for a broken message.
    """
    kind = (attributes or {}).get("ce-type", "")
    if kind and kind not in _TYPES:
        raise UnknownMessage(f"ce-type {kind[:80]!r} is not known to this version")
    try:
        completion = _read(data)
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("state",) and first["type"] == "enum":
            raise UnknownMessage(f"state: {first['msg']}") from error
        raise invalid(".".join(map(str, first["loc"])), f"can't be read: {first['msg']}") from error
    if completion.state is Outcome.SUCCEEDED and not completion.gcs_path:
        raise invalid("gcs_path", "is required in a succeeded completion")
    if completion.state is not Outcome.SUCCEEDED and completion.error is None:
        raise invalid("error", "is required in a completion without a video")
    return completion


def _read(data: bytes | str) -> Completion:
    """Return the completion; without its request if only a later version can read that, for example a longer video."""
    try:
        return Completion.model_validate_json(data)
    except ValidationError as error:
        if any(detail["loc"][:1] != ("request",) for detail in error.errors()):
            raise
    return Completion.model_validate({name: part for name, part in json.loads(data).items() if name != "request"})


def event_id_of(completion: Completion) -> str:
    """Return the CloudEvents id of a completion: repeats of the same end have the same one."""
    if completion.state is Outcome.REJECTED and completion.error:
        words = f"{completion.job_id}:{completion.error.message}"
        return f"{completion.job_id}.rejected.{hashlib.sha256(words.encode()).hexdigest()[:16]}"
    return f"{completion.job_id}.{completion.life}.{completion.state}"


class EventInbox(ABC, Generic[C]):
    """Hands each event of one topic to `handle`, on any thread: see `Inbox`."""

    def __init__(self, handle: Callable[[C], None], seen: SeenEvents | None = None) -> None:
        self._handle: Callable[[C], None] = handle
        self._seen: SeenEvents = RecentEvents() if seen is None else seen
        self._under_way: set[str] = set()
        self._lock = Lock()

    @abstractmethod
    def _decode(self, data: bytes, attributes: Mapping[str, str]) -> C:
        """Return the event. Raises `UnknownMessage`, and `ReelbusError` for a broken message."""

    @abstractmethod
    def _id_of(self, event: C) -> str:
        """Return the id of an event whose message has none."""

    def receive(self, message: Received) -> None:
        """Handle the message and ack it, or nack it. Never raises: an exception would end a streaming pull."""
        if self.take(message.data, message.attributes):
            message.ack()
        else:
            message.nack()

    def take(self, data: bytes, attributes: Mapping[str, str]) -> bool:
        """Return True if the message may be acked, since it is handled, and False to have it delivered again.

        Never raises. A type that this version does not know is acked unread: later versions announce more. A broken
        message is not acked, and goes to the dead-letter queue of your subscription.
        """
        try:
            event = self._decode(data, attributes)
        except UnknownMessage as error:
            logger.warning("message was passed over: %s", error)
            return True
        except ReelbusError as error:
            logger.warning("message was not read: %s", error)
            return False
        event_id = attributes.get("ce-id") or self._id_of(event)
        try:
            return self._handle_once(event_id, event)
        except Exception:  # the handler or `seen` may raise anything: the message comes again
            logger.exception("completion %s was not handled", event_id)
            return False

    def _handle_once(self, event_id: str, event: C) -> bool:
        with self._lock:
            if event_id in self._seen:
                return True
            if event_id in self._under_way:
                return False  # another thread handles the same event, and may fail
            self._under_way.add(event_id)
        try:
            self._handle(event)
            with self._lock:
                self._seen.add(event_id)
        finally:
            with self._lock:
                self._under_way.remove(event_id)
        return True


class Inbox(EventInbox[Completion]):
    """Hands each completion to `handle`, on any thread. `handle` raises an exception if it did not succeed.

    Without `seen` the ids are forgotten when the process ends. A crash after `handle` and before `seen.add` leads to
    one repeat. If your handler must not repeat, save `event_id_of` in the transaction of its own changes.
    """

    def _decode(self, data: bytes, attributes: Mapping[str, str]) -> Completion:
        return decode_completion(data, attributes)

    def _id_of(self, event: Completion) -> str:
        return event_id_of(event)
