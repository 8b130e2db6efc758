"""The adapters under contract: one fixture per port, and one parameter per adapter.

`open` called twice gives what two processes would have: two clients on the same data.
"""

import sqlite3
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.adapters import Adapters
from schemas.ports import Bus, JobStore, VideoStore


@dataclass(frozen=True, kw_only=True)
class BusBackend:
    """A bus as several processes see it."""

    open: Callable[[], Awaitable[Bus]]
    close: Callable[[Bus], Awaitable[None]]
    ack_deadline_s: float
    """The shortest that it can keep."""


@dataclass(frozen=True, kw_only=True)
class JobsBackend:
    """A job store as several processes see it."""

    open: Callable[[], Awaitable[JobStore]]


@pytest.fixture
def unique() -> str:
    """Part of a name that no other test uses, for backends that outlive a test."""
    return uuid.uuid4().hex[:12]


@pytest.fixture(params=["embedded"])
async def backend(tmp_path: Path) -> AsyncIterator[BusBackend]:
    deadline_s = 0.6
    opened: dict[int, Adapters] = {}

    async with AsyncExitStack() as stack:

        async def open_bus() -> Bus:
            adapters = await stack.enter_async_context(Adapters())
            bus = await adapters.bus(f"sqlite://{tmp_path}/bus.db", ack_deadline_s=deadline_s)
            opened[id(bus)] = adapters
            return bus

        async def close_bus(bus: Bus) -> None:
            await opened[id(bus)].__aexit__(None, None, None)

        yield BusBackend(open=open_bus, close=close_bus, ack_deadline_s=deadline_s)
    assert _leased(tmp_path / "bus.db") == 0


def _leased(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM deliveries WHERE lease IS NOT NULL").fetchone()[0])


@pytest.fixture
async def bus(backend: BusBackend) -> Bus:
    return await backend.open()


@pytest.fixture(params=["embedded"])
async def jobs_backend(tmp_path: Path) -> AsyncIterator[JobsBackend]:
    async with AsyncExitStack() as stack:

        async def open_jobs() -> JobStore:
            adapters = await stack.enter_async_context(Adapters())
            return await adapters.jobs(f"sqlite://{tmp_path}/jobs.db")

        yield JobsBackend(open=open_jobs)


@pytest.fixture
async def jobs(jobs_backend: JobsBackend) -> JobStore:
    return await jobs_backend.open()


@pytest.fixture(params=["embedded"])
async def videos(tmp_path: Path) -> AsyncIterator[VideoStore]:
    async with Adapters() as adapters:
        yield await adapters.videos(f"file://{tmp_path}/videos", base_url="http://localhost:8000")
