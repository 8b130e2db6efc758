"""How far this worker's deliveries have come: jobs that were published later may still wait in the bus.

Pub/Sub tells nobody which messages wait. But a worker that has free slots and is given nothing has seen all that there
is, and one whose slots are full has seen what was published until its newest delivery. Only a queued job from before
that can have lost its message.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from schemas.kinds import Moment
from schemas.message import Message
from schemas.ports import Clock

QUIET_S = 30.0
"""A worker with free slots is given what waits well within this time."""
FULL_FROM = 0.75
"""Pub/Sub's client takes nothing more above 80 % of what it may hold, and begins again below."""
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


@dataclass(slots=True)
class Progress:
    """What one worker holds of the request topic, and the newest that it was given."""

    clock: Clock
    limit: int
    held: int = 0
    newest: datetime | None = None
    free_since: float | None = None

    def __post_init__(self) -> None:
        self.free_since = self.clock.boot()

    def take(self, message: Message) -> None:
        """A message was delivered."""
        self.held += 1
        if self.held >= self.limit * FULL_FROM:
            self.free_since = None
        with suppress(KeyError, ValidationError):  # a publisher of its own may send no time
            published = _MOMENT.validate_python(message.attributes["ce-time"])
            self.newest = max(self.newest or published, published)

    def settle(self) -> None:
        """A delivery was settled."""
        self.held -= 1
        if self.free_since is None and self.held < self.limit * FULL_FROM:
            self.free_since = self.clock.boot()

    def reached(self, now: datetime) -> datetime | None:
        """The publish time up to which everything was delivered; None while nothing can be said."""
        if self.free_since is not None and self.clock.boot() - self.free_since >= QUIET_S:
            return now
        return min(self.newest, now) if self.newest else None
