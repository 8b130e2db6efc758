"""A folder with a paid model on the wire, and real workers and facades on it."""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from publisher.compose import open_context
from publisher.context import PublisherContext
from publisher.settings import PublisherSettings
from publisher.submit import submit
from schemas.domain.job import Job
from schemas.ports import JobQuery
from schemas.services.job_pages import read_pages
from schemas.wire.request import VideoRequest
from tests.crash.ground import Embedded
from tests.crash.parts import Part, start
from tests.vertex.server import WireVertex, vertex_at

LOOK_S = 0.02
PATIENCE_S = 90
MODEL = "veo-3.1-lite-generate-001"
_NAME = "house"


@dataclass
class WireHouse:
    """One folder."""

    root: Path
    vertex: WireVertex
    desk: PublisherContext
    environment: dict[str, str]
    parts: list[Part] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.root / _NAME

    async def start(self, kind: str, **settings: str) -> Part:
        """A process that said it is ready."""
        arguments = ["--port", "0"] if kind == "facade" else []
        part = await start(kind, arguments, {**self.environment, **settings}, self.folder)
        assert part.ready, (self.folder / "log").read_text()[-3000:]
        self.parts.append(part)
        return part

    async def submit(self, job_id: str, **fields: Any) -> None:
        """A job of one clip of four seconds."""
        given = {
            "job_id": job_id,
            "prompt": "A harbour at dawn, gulls",
            "duration_seconds": 4,
            "model": MODEL,
            **fields,
        }
        await submit(self.desk, VideoRequest.model_validate(given))

    async def jobs(self) -> list[Job]:
        return [job async for page in read_pages(self.desk.jobs, JobQuery(limit=500)) for job in page]

    async def ended(self, count: int) -> list[Job]:
        """All jobs, once so many have ended."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                jobs = await self.jobs()
                if sum(job.ended for job in jobs) >= count:
                    return jobs
                await asyncio.sleep(LOOK_S * 5)

    def logged(self) -> Counter[str]:
        """How often the processes logged each action."""
        lines = (self.folder / "log").read_text().splitlines()
        return Counter(json.loads(line).get("action", "") for line in lines if line.startswith("{"))

    async def until(self, is_so: Callable[[], bool]) -> None:
        """The other processes say nothing to this one: look often."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def wire_house(root: Path, **environment: str) -> AsyncIterator[WireHouse]:
    """The embedded default in a folder of `root`. What still runs at the end is killed."""
    ground = Embedded(root)
    (root / _NAME).mkdir()
    addresses = ground.addresses(_NAME)
    async with vertex_at(ground.depot()) as vertex:
        settings = {
            **addresses,
            "DATA_DIR": str(root / _NAME),
            "MODEL": "vertex://acme/us-central1",
            "VERTEX_BASE_URL": vertex.url,
            "ACK_DEADLINE_S": "2",
            "SUBMITS_PER_MINUTE": "6000",
        }
        named = {f"REELBUS_{name.upper()}": str(value) for name, value in settings.items()}
        ours = {"PATH": os.environ["PATH"], **ground.environment(_NAME), **named, **environment}
        own = PublisherSettings.model_validate({"data_dir": root / _NAME, **addresses})
        async with open_context(own) as desk:
            house = WireHouse(root, vertex, desk, ours)
            try:
                yield house
            finally:
                for part in house.parts:
                    part.signal(signal.SIGKILL)
                    await part.gone()
