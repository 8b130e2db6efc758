"""Which waiter is served next: keys take turns, so that none waits behind the backlog of another.

Within a key the oldest waiter is first. Of two lanes the interactive one goes first, but every tenth turn belongs to
the batch lane. A lane that has no waiter leaves its turns to the other.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from schemas.wire.types import Priority

BATCH_EVERY = 10
"""One turn in so many goes to the batch lane while both lanes have waiters."""

T = TypeVar("T", bound=Hashable)


class Share(NamedTuple):
    """Whose turn is used up: the caller of a job, or else its project, in one lane."""

    key: str = ""
    priority: Priority = "interactive"


_Keys = OrderedDict[str, OrderedDict[T, None]]
"""The waiters by key, both in the order in which they are served."""


@dataclass(slots=True)
class FairQueue(Generic[T]):
    """Waiters in the order in which they are served. Each operation costs the same however many wait."""

    _lanes: dict[Priority, _Keys[T]] = field(
        default_factory=lambda: {"interactive": OrderedDict(), "batch": OrderedDict()}
    )
    _since_batch: int = 0
    """Turns of the interactive lane since the last one of the batch lane."""
    _size: int = 0

    def __len__(self) -> int:
        return self._size

    def add(self, share: Share, waiter: T) -> None:
        """Put a waiter at the end of its key. A key without waiters comes after all keys that have some."""
        self._lanes[share.priority].setdefault(share.key, OrderedDict())[waiter] = None
        self._size += 1

    def take(self) -> T | None:
        """Remove and return the next waiter. None if the queue is empty."""
        interactive, batch = self._lanes["interactive"], self._lanes["batch"]
        if batch and (not interactive or self._since_batch >= BATCH_EVERY - 1):
            self._since_batch = 0
            return self._take_from(batch)
        if not interactive:
            return None
        self._since_batch = min(self._since_batch + 1, BATCH_EVERY - 1)
        return self._take_from(interactive)

    def remove(self, share: Share, waiter: T) -> bool:
        """Remove a waiter that gave up. False if it was served already."""
        keys = self._lanes[share.priority]
        waiters = keys.get(share.key)
        if waiters is None or waiter not in waiters:
            return False
        del waiters[waiter]
        self._size -= 1
        if not waiters:
            del keys[share.key]
        return True

    def _take_from(self, keys: _Keys[T]) -> T:
        key = next(iter(keys))
        waiter, _ = keys[key].popitem(last=False)
        if keys[key]:
            keys.move_to_end(key)
        else:
            del keys[key]
        self._size -= 1
        return waiter
