"""Each page of docs/runbook is walked through: its trouble is provoked on the emulators, its commands are run."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from publisher import resolve
from publisher.compose import open_context as open_publisher
from publisher.context import PublisherContext
from publisher.settings import PublisherSettings
from publisher.submit import submit
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.ports import WORKERS
from subscriber.compose import open_context as open_worker
from subscriber.settings import WorkerSettings
from subscriber.worker import Worker
from tests.cli.commands import Shell
from tests.gcp.emulated import Project
from tests.runbook import PAGES, commands_to_look
from tests.vertex.depot import BucketDepot
from tests.vertex.rig import VEO_FAST, a_request
from tests.vertex.script import Step
from tests.vertex.server import vertex_at

pytestmark = [pytest.mark.emulator, pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE_S = 60.0
JOBS: Mapping[str, tuple[Step, Callable[[Job], bool]]] = {
    "made": (Step(shrink=8), lambda job: job.state is JobState.SUCCEEDED),
    "refused": (Step(status=403), lambda job: job.state is JobState.FAILED),
    "lost": (Step(ending="nothing"), lambda job: job.state is JobState.FAILED),
    "unclear": (Step(drop=True), lambda job: job.waiting_for == "submit_outcome"),
    "busy": (Step(status=429), lambda job: job.waiting_for == "quota"),
}
"""What the model does with the job of this name, and when that has happened."""
SHOWS: Mapping[str, tuple[str, str, str]] = {
    "RequestsWait": ("busy", "status", "waiting for quota"),
    "NoWorker": ("waits", "list", "waits"),
    "DeadLetters": ("buried", "dead", "it broke every worker"),
    "MoneyUnclear": ("unclear", "resolve", "unknown"),
    "PaidAndLost": ("lost", "status", "video"),
    "SpendFast": ("made", "spend", "veo-3.1-fast-generate-001"),
    "JobsFail": ("refused", "list", "refused"),
    "Quota": ("busy", "status", "waiting for quota"),
    "Facade": ("made", "doctor", "settings of a facade"),
    "CompletionsLate": ("made", "list", "made"),
    "Broken": ("buried", "dead", "it broke every worker"),
    "NoTelemetry": ("made", "doctor", "settings of a facade"),
    "FilmsWait": ("made", "doctor", "film-workers"),
    "WebhooksLate": ("made", "doctor", "video-webhooks"),
    "ScoresLate": ("made", "doctor", "video-evaluators"),
}
"""For each page: its job, and the command that must show these words."""


@dataclass(frozen=True)
class House:
    """The settings of a deployment in which everything has gone wrong, without a worker, and its dead letter."""

    variables: Mapping[str, str]
    letter: str
    shell: Shell

    def run(self, words: list[str]) -> tuple[int, str]:
        """What a command says, and its exit code. `reconcile` becomes another program, so that it needs a process."""
        if words[0] != "reconcile":
            result = self.shell(*words, **self.variables)
            return result.exit_code, result.output
        program = [sys.executable, "-P", "-m", "subscriber", *words]
        done = subprocess.run(program, capture_output=True, text=True, timeout=100, check=False)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def monkeypatch_of_the_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def house(
    emulators: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch_of_the_module: pytest.MonkeyPatch,
) -> House:
    folder = tmp_path_factory.mktemp("house")
    project = Project(id="runbook", bucket="runbook", environment=emulators)
    variables = {
        "REELBUS_BUS": project.bus_url,
        "REELBUS_JOBS": project.jobs_url,
        "REELBUS_VIDEOS": project.videos_url,
        "REELBUS_PROVIDER": "vertex://acme/us-central1",
        "REELBUS_DATA_DIR": str(folder / "data"),
        **emulators,
    }
    for name, value in variables.items():
        monkeypatch_of_the_module.setenv(name, value)
    monkeypatch_of_the_module.setattr(resolve, "MIN_SUBMIT_AGE_S", 0.0)  # as if 90 s had passed
    shell = Shell(folder / "data")
    assert shell("setup", **variables).exit_code == 0
    letter, url = asyncio.run(_provoke(folder, project, emulators))
    variables["REELBUS_VERTEX_BASE_URL"] = url
    monkeypatch_of_the_module.setenv("REELBUS_VERTEX_BASE_URL", url)
    return House(variables, letter, shell)


async def _provoke(folder: Path, project: Project, emulators: Mapping[str, str]) -> tuple[str, str]:
    """Let a worker run each job into its trouble, then stop it, and leave a dead letter and a queued job."""
    depot = BucketDepot(emulators["STORAGE_EMULATOR_HOST"], project.bucket)
    async with vertex_at(depot) as vertex, open_publisher(PublisherSettings(data_dir=folder / "data")) as ctx:
        async with _working(WorkerSettings(data_dir=folder / "data", vertex_base_url=vertex.url, drain_s=0)):
            for job_id, (step, has_happened) in JOBS.items():
                vertex.then(step)
                await submit(ctx, a_request(job_id=job_id, model=VEO_FAST, duration_seconds=4))
                await _wait_until(ctx, job_id, has_happened)
        await submit(ctx, a_request(job_id="buried"))
        await _bury(ctx, "buried")
        await submit(ctx, a_request(job_id="waits"))
        (letter,) = await ctx.bus.dead_letters()
        return letter.id, vertex.url


async def _bury(ctx: PublisherContext, job_id: str) -> None:
    async with asyncio.timeout(PATIENCE_S), ctx.bus.subscribe(WORKERS, limit=10) as deliveries:
        async for delivery in deliveries:
            if json.loads(delivery.message.data).get("job_id") == job_id:
                await delivery.dead_letter("it broke every worker")
                return


async def _wait_until(ctx: PublisherContext, job_id: str, has_happened: Callable[[Job], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            job = await ctx.jobs.get(job_id)
            if job and has_happened(job):
                return
            await asyncio.sleep(0.1)


class _working:  # noqa: N801
    """A worker as its process runs it."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()

    async def __aenter__(self) -> None:
        ready = asyncio.Event()
        self._task = asyncio.create_task(self._run(ready))
        await ready.wait()

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._task

    async def _run(self, ready: asyncio.Event) -> None:
        async with open_worker(self._settings) as ctx:
            settings = self._settings
            worker = Worker(
                ctx=ctx,
                in_flight=settings.jobs_at_once,
                prefetch=settings.messages_beside,
                drain_s=settings.drain_s,
                reconcile_every_s=settings.reconcile_every_s,
            )
            await worker.run(self._stop, ready=ready.set)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_what_it_promises(page: Path, house: House) -> None:
    job_id, shows, words = SHOWS[page.stem]
    said: dict[str, str] = {}
    for line in commands_to_look(page):
        command = [{"ID": job_id, "LETTER": house.letter}.get(word, word) for word in line]
        code, output = house.run(command)
        assert code in ((0, 1) if command[0] == "doctor" else (0,)), (command, output)
        said[command[0]] = said.get(command[0], "") + output
    assert words in said[shows], said[shows]
