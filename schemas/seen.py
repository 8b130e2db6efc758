"""What a subscriber has done with already: ids of events, so that a repeat can be dropped."""

from typing import Protocol


class Seen(Protocol):
    """Remembers event ids. A table of your own will do, and outlives a restart; used by one thread at a time."""

    def __contains__(self, event_id: object, /) -> bool:
        """True for an id that was added."""

    def add(self, event_id: str, /) -> None:
        """Remembers it. Adding twice does nothing."""


class Recent:
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
