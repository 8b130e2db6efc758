"""Stores with so many jobs in them, and with as many requests that wait on the bus beside them."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.growth_firestore import fill_firestore
from bench.growth_seed import Seeded, fill_bus, fill_jobs
from infra.adapters import Adapters
from infra.animatic.model import Animatic
from infra.animatic.pool import RenderPool
from infra.clock import SystemClock
from schemas.ports import WORKERS, Bus, JobStore
from subscriber.context import WorkerContext
from subscriber.rate_limit import SubmitRateLimiter


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What an operation is measured on."""

    jobs: JobStore
    bus: Bus
    ctx: WorkerContext
    """A worker's view of both."""
    sample: list[Seeded]
    """Some of its jobs, the oldest first."""


@asynccontextmanager
async def sqlite_place(count: int) -> AsyncIterator[Place]:
    """So many jobs, and so many requests waiting, in one file as the embedded default has it."""
    with tempfile.TemporaryDirectory(prefix="reelbus-bench-") as folder:
        path = Path(folder) / "reelbus.db"
        async with Adapters() as adapters:
            await (await adapters.bus(f"sqlite://{path}")).ensure(WORKERS)
        sample = fill_jobs(path, count)
        fill_bus(path, WORKERS.name, count)
        async with _opened(path, f"sqlite://{path}", sample) as place:
            yield place


@asynccontextmanager
async def firestore_place(project: str, count: int) -> AsyncIterator[Place]:
    """So many jobs in a Firestore emulator, to which the environment leads; the bus beside it is the embedded one."""
    sample = await fill_firestore(project, count)
    with tempfile.TemporaryDirectory(prefix="reelbus-bench-") as folder:
        async with _opened(Path(folder) / "reelbus.db", f"firestore://{project}/(default)", sample) as place:
            yield place


@asynccontextmanager
async def _opened(path: Path, jobs_url: str, sample: list[Seeded]) -> AsyncIterator[Place]:
    async with Adapters() as adapters:
        jobs, bus = await adapters.jobs(jobs_url), await adapters.bus(f"sqlite://{path}")
        videos = await adapters.videos(f"file://{path.parent}/videos", base_url="http://127.0.0.1")
        model = Animatic(videos, RenderPool(1), path.parent)
        adapters.close_at_exit(model.aclose)
        ctx = WorkerContext(
            bus=bus,
            jobs=jobs,
            videos=videos,
            model=model,
            editor=await adapters.editor(),
            clock=SystemClock(),
            owner="bench",
            scratch=path.parent,
            rate_limiter=SubmitRateLimiter(SystemClock()),
        )
        yield Place(jobs=jobs, bus=bus, ctx=ctx, sample=sample)
