"""Adjust the times in the file when the wall clock is set: by hand, by NTP or after a machine was resumed.

The file stores wall-clock times: when a lease ends, when a message is visible, when a job is checked. If that clock is
set, each future time would come hours too late or too early. So the file notes how far the wall clock is ahead of the
boot-time clock. The first process that finds another offset moves all times by the difference. After a restart of the
machine the boot-time clock begins anew, and the offsets can't be compared.
"""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.clock import SystemClock

logger = logging.getLogger(__name__)

STEP_MS = 5_000
"""A smaller step is drift that NTP corrects smoothly, and no time here is that exact."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MOVES = (
    "UPDATE deliveries SET visible_at = visible_at + ?",
    "UPDATE subscriptions SET expires_at = expires_at + ? WHERE expires_at > 0",
    "UPDATE jobs SET next_check_at = next_check_at + ? WHERE next_check_at IS NOT NULL",
    "UPDATE worker_beats SET at = at + ?",
)
_NOTE = """
    INSERT INTO wall_clock (id, boot_id, ahead_ms) VALUES (1, ?, ?)
    ON CONFLICT (id) DO UPDATE SET boot_id = excluded.boot_id, ahead_ms = excluded.ahead_ms
"""


@dataclass(slots=True)
class WallClock:
    """The offset of the wall clock that this process read last."""

    ahead_ms: int | None = None

    @contextmanager
    def restore_on_error(self) -> Iterator[None]:
        """Keep the offset that `follow` found only if its transaction was committed."""
        before = self.ahead_ms
        try:
            yield
        except BaseException:
            self.ahead_ms = before
            raise

    def is_set(self) -> bool:
        """Return True if the clock was set since the last call of `follow`, or if there was none."""
        return self.ahead_ms is None or abs(_ahead_ms() - self.ahead_ms) >= STEP_MS

    def follow(self, connection: sqlite3.Connection) -> None:
        """Move the file's times if the clock was set since the last call. Runs in a write transaction."""
        if not self.is_set():
            return
        ahead_ms = _ahead_ms()
        boot_id = _boot_id()
        if boot_id is None:
            self.ahead_ms = ahead_ms
            return
        noted = connection.execute("SELECT boot_id, ahead_ms FROM wall_clock").fetchone()
        step_ms = ahead_ms - noted[1] if noted and noted[0] == boot_id else 0
        if abs(step_ms) >= STEP_MS:
            extra = {"action": "clock_set", "seconds": round(step_ms / 1000)}
            logger.warning("the wall clock was set; all moments of the file move with it", extra=extra)
            for statement in _MOVES:
                connection.execute(statement, (step_ms,))
        if noted is None or noted[0] != boot_id or abs(step_ms) >= STEP_MS:
            connection.execute(_NOTE, (boot_id, ahead_ms))
        self.ahead_ms = ahead_ms


def _ahead_ms() -> int:
    return time.time_ns() // 1_000_000 - int(SystemClock().boot() * 1000)


def _boot_id() -> str | None:
    """Return the id of this boot of the machine; None on a system that has none."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return None
