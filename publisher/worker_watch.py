"""Report how long no worker was seen, from the heartbeats that workers store beside the jobs."""

import logging
from dataclasses import dataclass
from datetime import datetime

from schemas.errors import Unavailable
from schemas.ports import Clock, Heartbeats

logger = logging.getLogger(__name__)
SILENT_S = 150.0
"""Workers beat once a minute: after so long two beats are missing."""
_FRESH_S = 60.0
"""If no worker was ever seen, a worker may still be starting for so long."""
_CACHE_ALIVE_S = 15.0
_CACHE_SILENT_S = 1.0
"""How long an answer is kept: workers rarely die, but a worker that starts should be noticed at once."""
_LOG_EVERY_S = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """No worker was seen for a while, or ever."""

    since: datetime | None
    """When the last worker was seen; None if none ever was."""
    seconds: float
    """Seconds since then, or since this process began to look."""

    @property
    def is_fresh(self) -> bool:
        """True if no worker was ever seen, and this process began to look less than a minute ago."""
        return self.since is None and self.seconds < _FRESH_S

    @property
    def words(self) -> str:
        """The sentence that users read."""
        if self.since is None:
            return "no worker has been seen yet"
        minutes = int(self.seconds // 60)
        if minutes < 120:
            return f"no worker has been seen for {minutes} minutes"
        hours = minutes // 60
        return f"no worker has been seen for {f'{hours} hours' if hours < 48 else f'{hours // 24} days'}"


class WorkerWatch:
    """Reads the newest heartbeat, and keeps the answer for some seconds because ten thousand callers may ask."""

    def __init__(self, heartbeats: Heartbeats, clock: Clock) -> None:
        self._heartbeats = heartbeats
        self._clock = clock
        self._began = clock.boot()
        self._checked_at: float | None = None
        self._silence: Silence | None = None
        self._logged_at: float | None = None

    async def silence(self) -> Silence | None:
        """Return how long no worker was seen; None if one was, or if the heartbeats can't be read now."""
        now = self._clock.boot()
        cache_s = _CACHE_SILENT_S if self._silence else _CACHE_ALIVE_S
        if self._checked_at is None or now - self._checked_at >= cache_s:
            self._checked_at = now  # before the read: callers that come during it get the previous answer
            self._silence = await self._read_silence(now)
        silence = self._silence
        is_log_due = self._logged_at is None or now - self._logged_at >= _LOG_EVERY_S
        if silence and not silence.is_fresh and is_log_due:
            self._logged_at = now
            logger.warning(silence.words, extra={"action": "no_worker"})
        return silence

    async def _read_silence(self, now: float) -> Silence | None:
        try:
            last = await self._heartbeats.last_beat()
        except Unavailable as error:
            logger.info("heartbeats can't be read", extra={"action": "heartbeats_unread", "reason": str(error)})
            return None
        if last is None:
            return Silence(since=None, seconds=now - self._began)
        seconds = (last.read_at - last.at).total_seconds()
        return Silence(since=last.at, seconds=seconds) if seconds >= SILENT_S else None
