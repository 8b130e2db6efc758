"""Keeps callers from filling the disk with log lines: what they can cause at will is logged some times, and counted."""

import logging
import time

LINES_AT_MOST = 5
WINDOW_S = 10.0
_EVENTS_AT_MOST = 1_000
NOISY = ("asyncio", "uvicorn.error", "publisher.facade.connections", "publisher.facade.unexpected")
"""Each line that these write is about a connection or a request that went wrong."""


class LogLimit(logging.Filter):
    """Lets `LINES_AT_MOST` lines about one event through in `WINDOW_S`; the next one says how many it left out."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written. The first line of a message tells which event it is about."""
        event = (record.name, str(record.msg).partition("\n")[0][:200])
        now = time.monotonic()
        began, count = self._seen.get(event, (now, 0))
        if now - began >= WINDOW_S:
            if count > LINES_AT_MOST:
                record.left_out = count - LINES_AT_MOST
            began, count = now, 0
        if len(self._seen) >= _EVENTS_AT_MOST:
            self._seen.clear()
        self._seen[event] = (began, count + 1)
        return count < LINES_AT_MOST


def limit_logs() -> None:
    """Once per process."""
    limit = LogLimit()
    for name in NOISY:
        logging.getLogger(name).addFilter(limit)
