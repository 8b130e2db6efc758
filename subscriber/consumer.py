"""The idempotent consumer for a downstream team: its handler gets each completion once, and success acks the message.

It knows no transport. `Inbox.receive` is a callback for google-cloud-pubsub; `Inbox.take` serves everything else. The
ids of handled events are remembered, so that a repeat can be dropped.
"""

import logging
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Protocol

from schemas.errors import ReelbusError
from schemas.wire.completion import Completion
from schemas.wire.message import Message, NewerVersion, UnknownType, decode_completion

logger = logging.getLogger(__name__)


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


class Inbox:
    """Hands each completion to `handle`, on any thread. `handle` raises an exception if it did not succeed.

    Without `seen` the ids are forgotten when the process ends. A crash after `handle` and before `seen.add` leads to
    one repeat. If your handler must not repeat, save `Completion.event_id` in the transaction of its own changes.
    """

    def __init__(self, handle: Callable[[Completion], None], seen: SeenEvents | None = None) -> None:
        self._handle = handle
        self._seen: SeenEvents = RecentEvents() if seen is None else seen
        self._under_way: set[str] = set()
        self._lock = Lock()

    def receive(self, message: Received) -> None:
        """Handle the message and ack it, or nack it. Never raises: an exception would end a streaming pull."""
        if self.take(message.data, message.attributes):
            message.ack()
        else:
            message.nack()

    def take(self, data: bytes, attributes: Mapping[str, str]) -> bool:
        """Return True if the message may be acked, since it is handled, and False to have it delivered again.

        Never raises. A type that this version does not know is acked unread: later versions announce more. Keys that it
        does not know are kept in `Completion.model_extra`. A broken message is not acked, and goes to the dead-letter
        queue of your subscription.
        """
        try:
            completion = decode_completion(Message(data=data, attributes=attributes))
        except (NewerVersion, UnknownType) as error:
            logger.warning("message was passed over", extra={"action": "completion_unknown", "reason": str(error)})
            return True
        except ReelbusError as error:
            logger.warning("message was not read", extra={"action": "completion_unread", "reason": str(error)})
            return False
        event_id = attributes.get("ce-id") or completion.event_id
        try:
            return self._handle_once(event_id, completion)
        except Exception:  # the handler or `seen` may raise anything: the message comes again
            logger.exception("completion was not handled", extra={"action": "completion_unhandled", "event": event_id})
            return False

    def _handle_once(self, event_id: str, completion: Completion) -> bool:
        with self._lock:
            if event_id in self._seen:
                return True
            if event_id in self._under_way:
                return False  # another thread handles the same event, and may fail
            self._under_way.add(event_id)
        try:
            self._handle(completion)
            with self._lock:
                self._seen.add(event_id)
        finally:
            with self._lock:
                self._under_way.remove(event_id)
        return True
