"""The adapters under contract: one fixture per port, and one parameter per adapter.

`open` called twice gives what two processes would have: two clients on the same data. `emulator` means Google's
adapters on Google's own emulators: skipped where those are not installed, a failure in CI.
"""

import sqlite3
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pytest

from infra.adapters import Adapters
from schemas.ports import Bus, JobStore, VideoStore
from tests.contract.consumer import REAL, open_real
from tests.gcp.emulated import Project

Port = TypeVar("Port")
ADAPTERS = ["embedded", pytest.param("emulator", marks=pytest.mark.emulator)]


@dataclass(frozen=True, kw_only=True)
class Traits:
    """In what a bus may differ from another and still keep its promises."""

    ack_deadline_s: float
    """The shortest that it can keep."""
    held_for_s: float
    """Longer than a lease lasts that nobody renews."""
    owned_for_s: float
    """Longer than an ephemeral subscription lasts whose process is gone, where a test can wait for that."""
    max_deliveries: int
    """The fewest after which it can give a message up."""
    fair: bool = True
    """What is beyond one consumer's limit is left to the others."""
    counts_unread: bool = False
    """Whether a message that was sent to a client, and not handed out, counts as delivered."""


EMBEDDED = Traits(ack_deadline_s=0.6, held_for_s=1.5, owned_for_s=3.0, max_deliveries=3)
PUBSUB = Traits(
    ack_deadline_s=10,
    held_for_s=13,
    owned_for_s=1,  # Pub/Sub expires one after a day at the soonest
    max_deliveries=5,
    fair=False,  # the emulator sends all that it has; that Pub/Sub is told the limit is seen in tests/gcp
    counts_unread=True,
)


LOCAL_BUSES = {
    "sqlite": ("sqlite://{folder}/bus.db", EMBEDDED),
}
"""The buses that need no emulator, by the scheme of their address."""


@dataclass(frozen=True, kw_only=True)
class BusBackend:
    """A bus as several processes see it."""

    open: Callable[[], Awaitable[Bus]]
    close: Callable[[Bus], Awaitable[None]]
    traits: Traits
    url: str
    opener: str = REAL
    """How `tests.contract.consumer` opens it in a process of its own."""
    lose_hints: Callable[[], None] = lambda: None
    """Breaks the wake-up hints between processes, if the bus has any."""
    disconnect: Callable[[], None] | None = None
    """Puts the data out of reach of every client; None if a test can't do that."""


@dataclass(frozen=True, kw_only=True)
class JobsBackend:
    """A job store as several processes see it."""

    open: Callable[[], Awaitable[JobStore]]


@pytest.fixture
def unique() -> str:
    """Part of a name that no other test uses, for backends that outlive a test."""
    return uuid.uuid4().hex[:12]


def _project(request: pytest.FixtureRequest) -> Project | None:
    """Where the test runs; None for the embedded adapters, which need no emulators."""
    if request.param == "embedded":
        return None
    found = request.getfixturevalue("project")
    assert isinstance(found, Project)
    return found


@pytest.fixture(params=[*LOCAL_BUSES, ADAPTERS[-1]])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BusBackend]:
    if request.param in LOCAL_BUSES:
        project = None
        url, traits = LOCAL_BUSES[request.param]
        url = url.format(folder=tmp_path)
    else:
        project = _project(request)
        assert project
        url, traits = project.bus_url, PUBSUB
    async with each_port(lambda adapters: open_real(adapters, url, traits.ack_deadline_s)) as (
        open_bus,
        close_bus,
    ):
        yield bus_backend(url, traits, open_bus, close_bus, folder=None if project else tmp_path)
    if not project and (tmp_path / "bus.db").exists():
        assert _leased(tmp_path / "bus.db") == 0


def bus_backend(
    url: str,
    traits: Traits,
    open_bus: Callable[[], Awaitable[Bus]],
    close_bus: Callable[[Bus], Awaitable[None]],
    *,
    folder: Path | None,
    opener: str = REAL,
) -> BusBackend:
    """The backend at this URL; `folder` holds its data if it is an embedded one."""
    backend = BusBackend(open=open_bus, close=close_bus, traits=traits, url=url, opener=opener)
    if folder is None:
        return backend

    def lose_hints() -> None:
        for fifo in (folder / "wake").iterdir():
            fifo.unlink()

    def disconnect() -> None:
        (folder / "bus.db").rename(folder / "moved.db")

    return replace(backend, lose_hints=lose_hints, disconnect=disconnect)


@asynccontextmanager
async def each_port(
    open_port: Callable[[Adapters], Awaitable[Port]],
) -> AsyncIterator[tuple[Callable[[], Awaitable[Port]], Callable[[Port], Awaitable[None]]]]:
    """Opens one in adapters of its own, as often as wanted, and closes them."""
    opened: dict[int, Adapters] = {}

    async with AsyncExitStack() as stack:

        async def open_one() -> Port:
            adapters = await stack.enter_async_context(Adapters())
            port = await open_port(adapters)
            opened[id(port)] = adapters
            return port

        async def close_one(port: Port) -> None:
            await opened[id(port)].__aexit__(None, None, None)

        yield open_one, close_one


def _leased(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM deliveries WHERE lease IS NOT NULL").fetchone()[0])


@pytest.fixture
async def bus(backend: BusBackend) -> Bus:
    return await backend.open()


@asynccontextmanager
async def store_of_each(
    request: pytest.FixtureRequest, folder: Path, open_store: Callable[[Adapters, str], Awaitable[Port]]
) -> AsyncIterator[Callable[[], Awaitable[Port]]]:
    """Yields what each of several processes would call for its client of what is stored with the jobs."""
    project = _project(request)
    url = project.jobs_url if project else f"sqlite://{folder}/jobs.db"
    async with each_port(lambda adapters: open_store(adapters, url)) as (open_one, _):
        yield open_one


@pytest.fixture(params=ADAPTERS)
async def jobs_backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JobsBackend]:
    async with store_of_each(request, tmp_path, Adapters.jobs) as open_jobs:
        yield JobsBackend(open=open_jobs)


@pytest.fixture
async def jobs(jobs_backend: JobsBackend) -> JobStore:
    return await jobs_backend.open()


@pytest.fixture(params=ADAPTERS)
async def videos(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VideoStore]:
    project = _project(request)
    if project:
        project.create_bucket()
    url = project.videos_url if project else f"file://{tmp_path}/videos"
    async with Adapters() as adapters:
        yield await adapters.videos(url, base_url="http://localhost:8000")
