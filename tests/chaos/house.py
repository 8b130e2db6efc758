"""The house of a chaos run: processes, what stands between them, and how to look into it from outside."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from publisher.settings import PublisherSettings
from tests.chaos.journal import Journal
from tests.chaos.part import READY_WITHIN_S, Part
from tests.chaos.proxy import HOST, Proxy
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
WORKERS, FACADES = 3, 2
_WINDOWS = {
    "SUBMIT_WITHIN_S": "1",
    "SUBMIT_TIMEOUT_S": "2",
    "SUBMITTING_HOLD_S": "4",
    "GENERATION_S": "30",
    "SEARCH_EVERY_S": "1",
    "ACK_DEADLINE_S": "3",
    "RECONCILE_EVERY_S": "2",
    "CANCEL_LOOK_S": "5",
    "SUBMITS_PER_MINUTE": "1200",
    "WORKERS": str(WORKERS),
    "IN_FLIGHT": "30",
    "WAIT_S": "10",
    "LOOK_EVERY_S": "2",
}
"""Everything that takes minutes in production takes seconds here."""


@dataclass(frozen=True, kw_only=True)
class House:
    """What trouble is made for, and what is asked afterwards."""

    folder: Path
    journal: Journal
    environment: Mapping[str, str]
    """Of a worker and of a facade, without anything between them and what they need."""
    settings: PublisherSettings
    """For a look into it from outside."""
    workers: Sequence[Part]
    facades: Sequence[Part]
    urls: Sequence[str]
    model: Proxy
    model_url: str
    """The model's own address, past the proxy."""
    stores: Sequence[Proxy] = ()
    forgets: bool = False
    """True where the bus loses sight of messages that a killed worker held."""
    store_pids: Sequence[int] = ()
    """Process groups of the servers behind those."""

    @asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """All processes, kept alive; asked to stop in the end, and killed if an error comes first."""
        parts = (*self.workers, *self.facades)
        keeping = [asyncio.create_task(part.keep()) for part in parts]
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await asyncio.gather(*(part.ready.wait() for part in parts))
            yield
            await asyncio.gather(*(part.end() for part in parts))
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)
            for part in parts:
                part.kill()

    def stop_store(self, slot: int) -> int:
        """SIGSTOP for a whole server: it keeps what it has in memory."""
        pid = self.store_pids[slot % len(self.store_pids)]
        os.killpg(pid, signal.SIGSTOP)
        return pid


def environment_of(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Of one process: nothing of the caller's own reelbus gets in."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("REELBUS_")}
    ours = {f"REELBUS_{name}": value for name, value in {**_WINDOWS, **variables}.items()}
    return {**inherited, "PYTHONPATH": str(ROOT), "REELBUS_DATA_DIR": str(folder / "data"), **ours}


def parts_of(
    folder: Path, journal: Journal, environment: Mapping[str, str], worker: str
) -> tuple[list[Part], list[Part]]:
    """Workers and facades; each facade keeps its port for all its lives."""

    def part(name: str, *command: str) -> Part:
        return Part(name=name, command=command, environment=environment, folder=folder, journal=journal)

    ports = [free_port() for _ in range(FACADES)]
    workers = [part(f"worker{number}", worker) for number in range(WORKERS)]
    return workers, [part(f"facade{port}", "publisher", "serve", "--port", str(port)) for port in ports]


def urls_of(facades: Sequence[Part]) -> list[str]:
    """Where they listen."""
    return [f"http://{HOST}:{facade.command[-1]}" for facade in facades]


@asynccontextmanager
async def model_at(environment: Mapping[str, str], folder: Path, *arguments: str) -> AsyncIterator[int]:
    """The wire-level model as a process of its own; its port."""
    command = [sys.executable, "-m", "tests.chaos.google", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, env=dict(environment), cwd=folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        yield int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


@contextmanager
def with_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """For the client libraries in this process."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
