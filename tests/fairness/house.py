"""A facade's desk in this process, and workers as processes of their own."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from publisher.compose import open_context
from publisher.context import PublisherContext
from publisher.settings import PublisherSettings
from publisher.submit import submit
from schemas.domain.job import Job
from schemas.ports import JobQuery
from schemas.services.job_pages import read_pages
from schemas.wire.request import VideoRequest
from tests.e2e.processes import House, Part

AT_ONCE = 64
LOOK_S = 0.05
PATIENCE_S = 240.0


@dataclass
class FairHouse:
    """One folder, or one project of the emulators."""

    desk: PublisherContext
    folder: Path
    environment: dict[str, str]
    started: int = 0
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def order_file(self) -> Path:
        return self.folder / "order"

    @property
    def order(self) -> list[str]:
        """The jobs in the order in which the model was asked for them."""
        return self.order_file.read_text().splitlines() if self.order_file.exists() else []

    @property
    def gate(self) -> Path:
        """While this file exists, the model answers no submit."""
        return self.order_file.with_suffix(".closed")

    @contextmanager
    def worker(self, **environment: str) -> Iterator[Part]:
        """A worker that takes requests. It is killed at the end if it still runs."""
        self.started += 1
        part = self.house(**environment).start("tests.fairness.launch")
        try:
            yield part
        finally:
            if part.process.poll() is None:
                part.kill()

    def house(self, **environment: str) -> House:
        ours = {**self.environment, "FAIR_ORDER": str(self.order_file), **self.settings, **environment}
        return House(self.folder, self.folder / "log", ours)

    async def submit(self, project: str, numbers: range, *, priority: str = "interactive") -> list[str]:
        """Jobs of one project, published one after the other in groups."""
        names = [f"{project}-{number}" for number in numbers]
        for first in range(0, len(names), AT_ONCE):
            await asyncio.gather(*(self._submit(project, name, priority) for name in names[first : first + AT_ONCE]))
        return names

    async def _submit(self, project: str, name: str, priority: str) -> None:
        fields = {"job_id": name, "prompt": "A harbour at dawn, gulls", "project_id": project, "priority": priority}
        await submit(self.desk, VideoRequest.model_validate(fields))

    async def jobs(self) -> list[Job]:
        return [job async for page in read_pages(self.desk.jobs, JobQuery(limit=500)) for job in page]

    async def until_submitted(self, names: Sequence[str]) -> list[str]:
        """The order, once the model was asked for all of these."""
        await self.until(lambda: set(names) <= set(self.order))
        return self.order

    async def until_ended(self, count: int) -> list[Job]:
        """All jobs, once so many have ended."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                jobs = await self.jobs()
                if sum(job.ended for job in jobs) >= count:
                    return jobs
                await asyncio.sleep(LOOK_S * 4)

    async def until_logged(self, action: str, count: int) -> None:
        """Until the workers have logged an action so often."""
        await self.until(lambda: self.logged()[action] >= count)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """The other processes say nothing to this one: look often."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if is_so():
                    return
                await asyncio.sleep(LOOK_S)

    def logged(self) -> Counter[str]:
        """How often the workers logged each action."""
        return Counter(line.get("action", "") for line in self.house().logged())


@asynccontextmanager
async def fair_house(folder: Path, *, bus: str = "", jobs: str = "", videos: str = "") -> AsyncIterator[FairHouse]:
    """The embedded default in a folder, or what the addresses name."""
    addresses = {"bus": bus, "jobs": jobs, "videos": videos} if bus else {}
    environment = {f"REELBUS_{name.upper()}": url for name, url in addresses.items()}
    settings = PublisherSettings.model_validate({"data_dir": folder, **addresses})
    async with open_context(settings) as desk:
        yield FairHouse(desk, folder, environment)
