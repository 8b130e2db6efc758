"""The worker's composition root: the only module of the subscriber that opens `infra`."""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from infra.adapters import Adapters
from infra.clock import SystemClock
from infra.gcp.vertex_settings import VertexSettings
from infra.logs import configure_logs
from subscriber.guard import Guard
from subscriber.pace import Pace
from subscriber.settings import WorkerSettings
from subscriber.workshop import Workshop

__all__ = ["configure_logs", "open_workshop"]

SCRATCH_KEPT_S = 86_400.0


@asynccontextmanager
async def open_workshop(settings: WorkerSettings) -> AsyncIterator[Workshop]:
    """Every port of a worker, opened by its address and closed in reverse."""
    await asyncio.to_thread(_swept, settings.scratch_dir)
    async with Adapters() as adapters, _guard(adapters, settings) as guard:
        videos = await adapters.videos(
            settings.videos_url, base_url=settings.facade_url, reference_buckets=settings.reference_buckets
        )
        yield Workshop(
            bus=await adapters.bus(settings.bus_url, ack_deadline_s=settings.ack_deadline_s),
            jobs=await adapters.jobs(settings.jobs_url),
            videos=videos,
            model=await adapters.model(
                settings.model,
                videos=videos,
                scratch=settings.scratch_dir,
                renderers=settings.renderers,
                vertex=_vertex(settings),
            ),
            editor=await adapters.editor(),
            clock=SystemClock(),
            owner=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
            scratch=settings.scratch_dir,
            pace=Pace(SystemClock(), settings.submits_per_minute / settings.workers),
            guard=guard,
            windows=settings.windows,
            search_every_s=settings.search_every_s,
            cancel_look_s=settings.cancel_look_s,
        )


@asynccontextmanager
async def _guard(adapters: Adapters, settings: WorkerSettings) -> AsyncIterator[Guard]:
    """The budget guard. What it has still to write at the end is written before the stores close."""
    if not settings.budgets:
        yield Guard()
        return
    guard = Guard(settings.budgets, await adapters.budgets(settings.jobs_url))
    async with guard.writing_back():
        yield guard


def _vertex(settings: WorkerSettings) -> VertexSettings:
    return VertexSettings(
        videos_url=settings.videos_url,
        base_url=settings.vertex_base_url,
        fast_models=settings.fast_models,
        quality_models=settings.quality_models,
    )


def _swept(scratch: Path) -> None:
    """A killed worker leaves half-made files behind; nobody needs them a day later."""
    scratch.mkdir(parents=True, exist_ok=True)
    for path in tuple(_stale(scratch)):  # all are told before one goes: a folder that loses a file looks new again
        with suppress(OSError):  # another worker may sweep as well, or still use it
            path.rmdir() if path.is_dir() else path.unlink()


def _stale(scratch: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(scratch, topdown=False):  # folders that vanish meanwhile are passed over
        for path in (Path(folder, name) for name in (*files, *folders)):
            with suppress(OSError):
                if path.lstat().st_mtime < time.time() - SCRATCH_KEPT_S:
                    yield path
