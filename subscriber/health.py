"""The probes of a worker or an evaluator over HTTP, `/livez` and `/readyz`, for what replaces a process that hangs.

Off unless REELBUS_HEALTH_PORT is set. They answer in the loop that handles the deliveries: an answer says that it
turns. One `/readyz` costs a read of the job store, a listing of the bucket and a look at a subscription.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from schemas.errors import Invalid, Unavailable
from schemas.ports import WORKERS, Bus, JobStore, Subscription, VideoStore

LOOK_AT_MOST_S = 2.0


class Watched(Protocol):
    """The ports that the probes look at, in the context of a worker or an evaluator."""

    @property
    def bus(self) -> Bus: ...
    @property
    def jobs(self) -> JobStore: ...
    @property
    def videos(self) -> VideoStore: ...


@dataclass(slots=True)
class Health:
    """What the probes of one process answer. It takes the messages of `subscription`."""

    ctx: Watched
    subscription: Subscription
    stopping: asyncio.Event
    is_ready: bool = False

    def show_ready(self) -> None:
        """Answer that the process takes messages, from now on."""
        self.is_ready = True

    async def livez(self, _: Request) -> JSONResponse:
        """Answer 200: the loop turns."""
        return JSONResponse({"status": "alive"})

    async def readyz(self, _: Request) -> JSONResponse:
        """Answer 200 if the process takes messages, and the stores and the bus answer."""
        if self.stopping.is_set():
            return JSONResponse({"status": "draining"}, status_code=503)
        missing = await self._find_missing() if self.is_ready else "start"
        if missing:
            return JSONResponse({"status": "unavailable", "missing": missing}, status_code=503)
        return JSONResponse({"status": "ready"})

    async def _find_missing(self) -> str | None:
        looks: Mapping[str, Callable[[], Awaitable[object]]] = {
            "jobs": lambda: self.ctx.jobs.get("readyz"),
            "bus": lambda: self.ctx.bus.check(self.subscription),
            "videos": lambda: self.ctx.videos.list("work/readyz/"),
        }
        for name, look in looks.items():
            try:
                async with asyncio.timeout(LOOK_AT_MOST_S):
                    await look()
            except (TimeoutError, Unavailable, Invalid):
                return name
        return None


@asynccontextmanager
async def open_health(
    ctx: Watched, host: str, port: int, *, stopping: asyncio.Event, subscription: Subscription = WORKERS
) -> AsyncIterator[Health]:
    """Serve the probes until the context ends; 503 once `stopping` is set. Raises `Invalid` if the port is taken."""
    health = Health(ctx, subscription, stopping)
    listener = _listen(host, port)
    app = Starlette(routes=[Route("/livez", health.livez), Route("/readyz", health.readyz)])
    server = _Server(uvicorn.Config(app, loop="none", lifespan="off", ws="none", log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield health
    finally:
        server.should_exit = server.force_exit = True
        await serving


class _Server(uvicorn.Server):
    """Uvicorn, except that the process itself handles the signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        words = f"REELBUS_HEALTH_PORT: can't listen on {host} port {port}: {error.strerror}"
        raise Invalid(words, field="REELBUS_HEALTH_PORT") from error
