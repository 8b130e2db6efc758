"""Tells how long no worker was seen, from the heartbeats that workers leave beside the jobs."""

import logging
from dataclasses import dataclass
from datetime import datetime

from schemas.errors import Unavailable
from schemas.ports import Clock, Heartbeats

logger = logging.getLogger(__name__)
SILENT_S = 150.0
"""Workers beat once a minute: two of their beats are missing."""
_FRESH_S = 60.0
"""Where no worker was ever seen, one may be about to start for so long."""
_BELIEVED_S = 15.0
_DOUBTED_S = 1.0
"""How long an answer is kept: a worker does not die often, and one that starts is to be noticed at once."""
_SAID_EVERY_S = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """No worker was seen for a while, or ever."""

    since: datetime | None
    """When the last one was seen; None if none ever was."""
    seconds: float
    """Since then, or since this process began to look."""

    @property
    def is_fresh(self) -> bool:
        """True if no worker was ever seen, and this process looks for one since moments."""
        return self.since is None and self.seconds < _FRESH_S

    @property
    def words(self) -> str:
        """The sentence that people read."""
        if self.since is None:
            return "no worker has been seen yet"
        minutes = int(self.seconds // 60)
        if minutes < 120:
            return f"no worker has been seen for {minutes} minutes"
        hours = minutes // 60
        return f"no worker has been seen for {f'{hours} hours' if hours < 48 else f'{hours // 24} days'}"


class WorkerWatch:
    """Looks at the newest heartbeat, and remembers the answer for some seconds: ten thousand callers may ask."""

    def __init__(self, heartbeats: Heartbeats, clock: Clock) -> None:
        self._heartbeats = heartbeats
        self._clock = clock
        self._began = clock.boot()
        self._looked_at: float | None = None
        self._found: Silence | None = None
        self._said_at: float | None = None

    async def silence(self) -> Silence | None:
        """How long no worker was seen; None if one was, or if that can't be told now."""
        now = self._clock.boot()
        kept_s = _DOUBTED_S if self._found else _BELIEVED_S
        if self._looked_at is None or now - self._looked_at >= kept_s:
            self._looked_at = now  # first: callers that come meanwhile get the answer before
            self._found = await self._look(now)
        if self._found:
            self._say(self._found, now)
        return self._found

    async def _look(self, now: float) -> Silence | None:
        try:
            last = await self._heartbeats.last_beat()
        except Unavailable as error:
            logger.info("heartbeats can't be read", extra={"action": "heartbeats_unread", "reason": str(error)})
            return None
        if last is None:
            return Silence(since=None, seconds=now - self._began)
        seconds = (last.read_at - last.at).total_seconds()
        return Silence(since=last.at, seconds=seconds) if seconds >= SILENT_S else None

    def _say(self, found: Silence, now: float) -> None:
        if not found.is_fresh and (self._said_at is None or now - self._said_at >= _SAID_EVERY_S):
            self._said_at = now
            logger.warning(found.words, extra={"action": "no_worker"})
