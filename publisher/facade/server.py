"""Runs the facade. On a signal it answers all callers that wait before the server closes.

`LogLimit` keeps callers from filling the disk with log lines. Of the lines that they can cause at will, some are
written and the others are counted.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from types import FrameType
from typing import Any

import uvicorn

from publisher.compose import freeze_loaded, open_logs, run_service
from publisher.facade.app import build_app, open_state
from publisher.facade.call import State
from publisher.facade.connections import Connections, LimitedProtocol
from publisher.facade.hosts import check_exposure
from publisher.settings import PublisherSettings

logger = logging.getLogger(__name__)


LINES_AT_MOST = 5
WINDOW_S = 10.0
_EVENTS_AT_MOST = 1_000
_FIRST_ERROR = 400
NOISY = (
    "asyncio",
    "uvicorn.error",
    "publisher.facade.connections",
    "publisher.facade.middleware",
    "publisher.mcp.server",
)
"""The loggers of connections and requests that failed."""


class LogLimit(logging.Filter):
    """Passes `LINES_AT_MOST` lines about one event in `WINDOW_S`. The next line then says how many were left out.

    A request that was answered as it should be is always logged.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is written. The status and the first line of its message identify the event."""
        status = getattr(record, "status", None)
        if status is not None and status < _FIRST_ERROR:
            return True
        event = (record.name, f"{status} {str(record.msg).partition(chr(10))[0][:200]}")
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
    """Limit the loggers of this process. To be called once."""
    limit = LogLimit()
    for name in NOISY:
        logging.getLogger(name).addFilter(limit)


_ACCEPTED_AT_ONCE = 64
"""Connections accepted in one turn of the loop. They are counted a turn later, and must not use up all files before."""
_BACKLOG = 2048
_CLOSE_WITHIN_S = 5
"""The time for downloads and slow callers to end, after the callers that wait have been answered."""


class _Server(uvicorn.Server):
    """Uvicorn, except that a signal first answers the callers that wait, and that the exit status is 0."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], None], ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._drain = drain
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started:
            for server in self.servers:
                for listener in server.sockets:
                    # asyncio has one number for accepting and for the kernel's queue, where a burst may wait.
                    with closing(socket.socket(fileno=os.dup(listener.fileno()))) as own:
                        own.listen(_BACKLOG)
            freeze_loaded()
            logger.info("facade listens", extra={"action": "facade_ready", "port": self.config.port})
            if self._ready:
                self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Uvicorn would note the signal and raise it again at the end. A graceful exit has the status 0.
        self.force_exit = self.should_exit
        self.should_exit = True

        def drain() -> None:
            logger.info("facade drains", extra={"action": "facade_drain"})
            self._drain()

        if self.started:
            self._loop.call_soon_threadsafe(drain)


async def serve(
    settings: PublisherSettings, *, ready: Callable[[], None] | None = None, listener: socket.socket | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, on `listener` or else on the port of the settings. Call `ready` when it is open.

    Raises `Invalid` and `Unavailable` if the settings name adapters that can't be opened.
    """
    check_exposure(settings)
    limit_logs()
    async with open_state(settings) as state:
        server = _Server(_config(state), state["waiters"].drain, ready)
        await server.serve(sockets=[listener] if listener else None)


def _config(state: State) -> uvicorn.Config:
    protocol: Any = partial(LimitedProtocol, Connections.of(state["settings"]))
    return uvicorn.Config(
        build_app(state),
        host=state["settings"].host,
        port=state["settings"].port,
        loop="none",  # it runs in a loop that exists already
        http=protocol,
        backlog=_ACCEPTED_AT_ONCE,
        proxy_headers=False,  # nothing depends on the address of the caller that a proxy reports
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_CLOSE_WITHIN_S,
    )


def main() -> None:
    """`python -m publisher.facade.server`."""
    settings = PublisherSettings()
    open_logs(settings)
    run_service(serve(settings), settings.event_loop)


if __name__ == "__main__":
    main()
