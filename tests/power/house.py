"""A house whose power is cut: the real facade and worker on one folder, and a paid model that knows nothing of it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx

from infra.adapters import Adapters
from schemas.ports import COMPLETIONS, Subscription
from tests.crash.cases import ASKED
from tests.crash.ground import Embedded
from tests.power.cut import Loss, cut_power
from tests.power.wal import DATABASE
from tests.support.processes import Process, fork
from tests.vertex.server import WireVertex, vertex_at

EAR = Subscription(name="power-ear", topic=COMPLETIONS)
LOOK_EVERY_S = 0.02
ANNOUNCED_WITHIN_S = 60
_FORGOTTEN_S = 10
_SETTINGS = {
    "MODEL": "vertex://acme/us-central1",
    "SUBMIT_WITHIN_S": 1,
    "SUBMIT_TIMEOUT_S": 2,
    "SUBMITTING_HOLD_S": 4,
    "GENERATION_S": 10,
    "SEARCH_EVERY_S": 1,
    "ACK_DEADLINE_S": 2,
    "RECONCILE_EVERY_S": 1,
    "SUBMITS_PER_MINUTE": 6000,
    "LOOK_EVERY_S": 600,
}
"""Times that are over in seconds."""
_STARTED = ("facade", "worker")
_ENDED = frozenset({"succeeded", "failed", "cancelled"})


@dataclass
class Part:
    """One process, and what it says once it is ready."""

    process: Process
    ready: asyncio.Task[str]

    @property
    def is_stopped(self) -> bool:
        """True if none of its threads runs any more: a stop lets system calls come to their end."""
        return all(_state(path) in "TZX" for path in Path(f"/proc/{self.process.pid}/task").glob("*/stat"))


def _state(stat: Path) -> str:
    try:
        return stat.read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def statuses_of(parts: Mapping[str, Part]) -> set[int | None]:
    """None stands for a process that has not ended."""
    return {part.process.returncode for part in parts.values()}


@dataclass
class House:
    """One folder over all its lives."""

    root: Path
    vertex: WireVertex
    random: Random
    data: Path = field(init=False)
    notes: Path = field(init=False)
    orders: dict[str, str] = field(default_factory=dict)
    """What was ordered: which request, by the job's id."""
    promised: set[str] = field(default_factory=set)
    """The jobs that a caller has an answer about."""
    ended: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.data, self.notes = self.root / "house", self.root / "notes"

    @property
    def address(self) -> str:
        """Of the database, for the adapters."""
        return f"sqlite://{self.data / DATABASE}"

    async def listen(self) -> None:
        """Make a durable subscription to the completions. Closing the database flushes all of it."""
        async with Adapters() as adapters:
            await (await adapters.bus(self.address)).ensure(EAR)

    async def list_announced(self) -> set[str]:
        """Return the ids of the completions that the subscription holds."""
        async with Adapters() as adapters:
            bus = await adapters.bus(self.address)
            return {attributes["ce-id"] for attributes in await bus.list_waiting(EAR)}

    async def live(self, stop_at: int, orders: int) -> Loss:
        """Start everything, order, and cut the power: when a process stops at a note, or when all jobs have ended."""
        victim = self.random.choice(_STARTED)
        parts = {kind: self._start(kind, stop_at if kind == victim else 0) for kind in _STARTED}
        living = asyncio.create_task(self._order_and_wait(parts, orders))
        try:
            while not living.done() and not parts[victim].is_stopped:  # noqa: ASYNC110  # the system tells of neither
                await asyncio.sleep(LOOK_EVERY_S)
            if living.done():
                living.result()
            for part in parts.values():
                part.process.send_signal(signal.SIGSTOP)
            while not all(part.is_stopped for part in parts.values()):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_EVERY_S)
            assert statuses_of(parts) == {None}, self._describe(parts)  # one that ended by itself was not cut
        finally:
            living.cancel()
            for part in parts.values():
                part.process.kill()
                await part.process.ended()
            await asyncio.gather(living, *(part.ready for part in parts.values()), return_exceptions=True)
        return cut_power(self.data, self.notes, self.random)

    async def finish(self) -> None:
        """Start everything once more, and end when the end of every job is announced.

        Callers without an answer ask again. A job that had ended before the last cut may be announced only now.
        One more job is ordered, which no cut meets: a house that makes no video at all would show nothing.
        """
        parts = {kind: self._start(kind, 0) for kind in _STARTED}
        try:
            await self._order_and_wait(parts, 1)
            with suppress(TimeoutError):  # the checks of the end say what is missing
                await asyncio.wait_for(self._hear_all(), ANNOUNCED_WITHIN_S)
        finally:
            for part in parts.values():
                part.process.terminate()
                await part.process.ended()
            await asyncio.gather(*(part.ready for part in parts.values()))
        assert statuses_of(parts) == {0}, self._describe(parts)

    async def _hear_all(self) -> None:
        """Wait until the subscription holds as many completions as jobs were ordered."""
        async with Adapters() as adapters:
            bus = await adapters.bus(self.address)
            while len(await bus.list_waiting(EAR)) < len(self.orders):  # noqa: ASYNC110  # another process announces
                await asyncio.sleep(LOOK_EVERY_S)

    async def _order_and_wait(self, parts: Mapping[str, Part], orders: int) -> None:
        """Order, and wait until every job has ended that a caller knows of."""
        url, worker = await asyncio.gather(*(part.ready for part in parts.values()))
        assert all((url, worker)), self._describe(parts)
        for _ in range(orders):
            self.orders[f"job-{len(self.orders)}"] = self.random.choice(("omni", "omni", "image"))
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            for job_id in sorted(self.orders.keys() - self.promised):
                request = {"prompt": "A harbour at dawn", "job_id": job_id, **ASKED[self.orders[job_id]]}
                headers = {"Prefer": "respond-async"}
                answer = await client.post("/api/videos/generate", json=request, headers=headers)
                if answer.status_code < 300 or answer.json().get("video_id") == job_id:
                    self.promised.add(job_id)
            while waiting := sorted(self.promised - self.ended):
                for job_id in waiting:
                    answer = await client.get(f"/api/videos/{job_id}")
                    if answer.status_code == 200 and answer.json()["state"] in _ENDED:
                        self.ended.add(job_id)
                await asyncio.sleep(LOOK_EVERY_S)

    def _describe(self, parts: Mapping[str, Part]) -> str:
        """The exit statuses, and the end of the log."""
        statuses = {kind: part.process.returncode for kind, part in parts.items()}
        return f"{statuses}\n{(self.root / 'log').read_text()[-3000:]}"

    def _start(self, kind: str, stop_at: int) -> Part:
        ground = Embedded(self.root)
        settings = {
            **_SETTINGS,
            **ground.addresses("house"),
            "DATA_DIR": self.data,
            "VERTEX_BASE_URL": self.vertex.url,
        }
        reading, writing = os.pipe()
        with (self.root / "log").open("ab") as log:
            process = fork(
                "tests.power.launch",
                kind,
                *("--ready-fd", str(writing)),
                *(("--port", "0") if kind == "facade" else ()),
                env={
                    "PATH": os.environ["PATH"],
                    **ground.environment("house"),
                    **{f"REELBUS_{name.upper()}": str(value) for name, value in settings.items()},
                    "POWER_NOTES": str(self.notes),
                    "POWER_STOP_AT": str(stop_at),
                },
                cwd=self.root,
                pass_fds=[writing],
                stderr=log.fileno(),
            )
        os.close(writing)
        return Part(process, asyncio.create_task(_line(reading)))


async def _line(reading: int) -> str:
    """The line that the process writes; nothing if it ends before."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(reading, "rb", 0))
    try:
        return (await reader.readline()).decode().strip()
    finally:
        transport.close()


@asynccontextmanager
async def house_at(root: Path, seed: int) -> AsyncIterator[House]:
    """An empty one."""
    with suppress(FileExistsError):
        (root / "log").touch()
    async with vertex_at(Embedded(root).depot()) as vertex:
        yield House(root, vertex, Random(seed))
