"""Where a downstream team takes its completions: each goes to the team's handler once, and is acked after success.

It knows no transport. `Inbox.receive` is a callback for google-cloud-pubsub, `Inbox.take` serves everything else.

What a subscriber has done with already: ids of events, so that a repeat can be dropped.
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
    """Remembers event ids. A table of your own will do, and outlives a restart; used by one thread at a time."""

    def __contains__(self, event_id: object, /) -> bool:
        """True for an id that was added."""

    def add(self, event_id: str, /) -> None:
        """Remembers it. Adding twice does nothing."""


class RecentEvents:
    """The last ids of this process; the oldest is forgotten first."""

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
    """A message in hand, as google-cloud-pubsub gives it to a callback."""

    @property
    def data(self) -> bytes:
        """The body."""

    @property
    def attributes(self) -> Mapping[str, str]:
        """CloudEvents and trace context."""

    def ack(self) -> None:
        """Done with it."""

    def nack(self) -> None:
        """Deliver it again later."""


class Inbox:
    """Hands each completion to `handle`, whatever thread it comes in on. `handle` raises where it did not succeed.

    `seen` is this process's memory unless one is given that outlives it. A crash after `handle` and before `seen`
    remembers makes one repeat: where that must not be, keep `Completion.event_id` in the transaction of what you do.
    """

    def __init__(self, handle: Callable[[Completion], None], seen: SeenEvents | None = None) -> None:
        self._handle = handle
        self._seen: SeenEvents = RecentEvents() if seen is None else seen
        self._under_way: set[str] = set()
        self._lock = Lock()

    def receive(self, message: Received) -> None:
        """Handles it and acks, or nacks. Never raises: that would end a streaming pull."""
        if self.take(message.data, message.attributes):
            message.ack()
        else:
            message.nack()

    def take(self, data: bytes, attributes: Mapping[str, str]) -> bool:
        """True where the message may be acked: it is handled, now or before. False: deliver it again. Never raises.

        A type that this version does not know is acked unread: later versions announce more. Keys that it does not know
        are kept in `Completion.model_extra`. What is broken is not acked: your subscription's
        dead-letter policy takes it.
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
            return self._once(event_id, completion)
        except Exception:  # whatever the handler or the memory raises: the message comes again
            logger.exception("completion was not handled", extra={"action": "completion_unhandled", "event": event_id})
            return False

    def _once(self, event_id: str, completion: Completion) -> bool:
        with self._lock:
            if event_id in self._seen:
                return True
            if event_id in self._under_way:
                return False  # a repeat that is quicker than the first: whether that one succeeds isn't known yet
            self._under_way.add(event_id)
        try:
            self._handle(completion)
            with self._lock:
                self._seen.add(event_id)
        finally:
            with self._lock:
                self._under_way.remove(event_id)
        return True
