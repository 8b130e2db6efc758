"""One data folder, or one project on the emulators, and processes of both versions on it."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from google.cloud.firestore import Client as Firestore

from infra.adapters import Adapters
from schemas.ports import COMPLETIONS, DEAD_WORKERS, WORKERS, Bus, Subscription
from schemas.wire.message import Message
from tests.crash.ground import Embedded, Ground
from tests.crash.house import SETTINGS
from tests.mixed.release import Side
from tests.vertex.server import WireVertex, vertex_at

EAR = Subscription(name="mixed-ear", topic=COMPLETIONS)
GENERATE = "/api/videos/generate"
ORDER = {"prompt": "A paper boat on a city river", "duration_seconds": 5}
LOOK_EVERY_S = 0.05


@dataclass
class Part:
    """One process, the leader of its own group."""

    process: subprocess.Popen[bytes]
    ready: str

    def kill(self) -> None:
        """SIGKILL for it and everything that it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)


@dataclass(frozen=True)
class House:
    """Open for as long as its context lasts."""

    name: str
    ground: Ground
    vertex: WireVertex
    bus: Bus
    settings: dict[str, str] = field(default_factory=dict)
    heard: list[Message] = field(default_factory=list)
    """Every completion so far."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def folder(self) -> Path:
        """Its data folder."""
        return self.ground.root / self.name

    @contextmanager
    def running(self, side: Side, kind: str) -> Iterator[Part]:
        """A worker or a facade of this side that is ready; it is killed at the end."""
        part = self._start(side, kind)
        try:
            yield part
        finally:
            part.kill()

    @contextmanager
    def all_running(self, *parts: tuple[Side, str]) -> Iterator[list[Part]]:
        """Several of them."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.running(side, kind)) for side, kind in parts]

    async def command(self, side: Side, *arguments: str) -> Any:
        """What a command of this side says in JSON."""
        module = ("tests.crash.launch", "worker") if arguments[0] == "reconcile" else ("publisher",)
        process = await asyncio.create_subprocess_exec(
            str(side.python), "-m", *module, *arguments, "--json", env=self._environment(side), cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        said, told = await process.communicate()
        assert process.returncode == 0, f"{side.name}: {' '.join(arguments)}\n{told.decode()[-3000:]}"
        return json.loads(said)

    async def hear(self, count: int) -> list[dict[str, Any]]:
        """So many different completions, once they came."""
        async with asyncio.timeout(120):
            while len({each.attributes["ce-id"] for each in self.heard}) < count:
                self.news.clear()
                await self.news.wait()
        return [json.loads(each.data) for each in {each.attributes["ce-id"]: each for each in self.heard}.values()]

    async def records(self) -> list[bytes]:
        """The records as they are stored."""
        if isinstance(self.ground, Embedded):
            with closing(sqlite3.connect(self.folder / "reelbus.db")) as database:
                return [record.encode() for (record,) in database.execute("SELECT record FROM jobs")]
        project = self.ground.addresses(self.name)["jobs"].removeprefix("firestore://").partition("/")[0]
        with closing(Firestore(project=project)) as firestore:
            return [each.get("record").encode() for each in firestore.collection("jobs").stream()]

    async def accepted(self, count: int = 1) -> None:
        """The model took so many submits."""
        async with asyncio.timeout(60):
            while len(self.vertex.books.accepted) < count:  # noqa: ASYNC110  # the books are a plain list
                await asyncio.sleep(LOOK_EVERY_S)

    def _environment(self, side: Side) -> dict[str, str]:
        own = {
            **SETTINGS,
            **self.ground.addresses(self.name),
            "DATA_DIR": self.folder,
            "MODEL": "vertex://acme/us-central1",
            "VERTEX_BASE_URL": self.vertex.url,
            "RECONCILE_EVERY_S": 1,
        }
        named = {f"REELBUS_{name.upper()}": str(value) for name, value in own.items()}
        return {**side.environment(), **self.ground.environment(self.name), **named, **self.settings}

    def _start(self, side: Side, kind: str) -> Part:
        reading, writing = os.pipe()
        port = ["--port", "0"] if kind == "facade" else []
        command = [str(side.python), "-m", "tests.crash.launch", kind, *port, "--ready-fd", str(writing)]
        log = self.folder / f"{side.name}-{kind}.log"
        with log.open("ab") as lines:
            process = subprocess.Popen(
                command, env=self._environment(side), cwd=self.folder, pass_fds=[writing], stderr=lines,
                start_new_session=True,
            )  # fmt: skip
        os.close(writing)
        with os.fdopen(reading) as pipe:
            ready = pipe.readline().strip()
        assert ready, f"the {kind} of the {side.name} side did not start:\n{log.read_text()[-3000:]}"
        return Part(process, ready)


@asynccontextmanager
async def house_on(ground: Ground, name: str) -> AsyncIterator[House]:
    """With a paid model on the wire, and an ear on the completions."""
    (ground.root / name).mkdir()
    async with Adapters() as adapters, vertex_at(ground.depot()) as vertex:
        bus = await adapters.bus(ground.addresses(name)["bus"])
        for subscription in (WORKERS, DEAD_WORKERS, EAR):
            await bus.ensure(subscription)
        house = House(name, ground, vertex, bus)
        async with _listening(house):
            yield house


@asynccontextmanager
async def _listening(house: House) -> AsyncIterator[None]:
    async def listen() -> None:
        async with house.bus.subscribe(EAR, limit=100) as deliveries:
            async for delivery in deliveries:
                house.heard.append(delivery.message)
                house.news.set()
                await delivery.ack()

    ear = asyncio.create_task(listen())
    try:
        yield
    finally:
        ear.cancel()
        await asyncio.gather(ear, return_exceptions=True)


def client_of(facade: Part, **headers: str) -> httpx.AsyncClient:
    """A patient client."""
    return httpx.AsyncClient(base_url=facade.ready, timeout=httpx.Timeout(200), headers=headers, trust_env=False)
