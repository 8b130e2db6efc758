"""A facade and workers as real processes on one folder, to be watched and killed."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.processes import Process, fork

READY_WITHIN_S = 30


@dataclass
class Part:
    """One process, the leader of its own group."""

    process: Process
    ready: str

    def kill(self) -> None:
        """SIGKILL for it and everything that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@dataclass(frozen=True)
class House:
    """One folder, one port, and the processes on them."""

    folder: Path
    log: Path
    settings: dict[str, str] = field(default_factory=dict)
    """Beside the defaults, for all of them: `REELBUS_…`."""

    @contextmanager
    def facade(self) -> Iterator[tuple[Part, str]]:
        """A facade that answers, and its address."""
        with self._part("publisher", "serve", "--port", "0") as part:
            yield part, part.ready

    @contextmanager
    def worker(self) -> Iterator[Part]:
        """A worker that takes requests."""
        with self._part("subscriber") as part:
            yield part

    def finals(self) -> list[Path]:
        """The finished files."""
        return sorted((self.folder / "videos" / "generated-videos").glob("*.mp4"))

    def logged(self) -> list[dict[str, str]]:
        """The log lines of the workers so far."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    @contextmanager
    def _part(self, module: str, *arguments: str) -> Iterator[Part]:
        part = self.start(module, *arguments)
        try:
            yield part
        finally:
            if part.process.poll() is None:
                part.kill()

    def start(self, module: str, *arguments: str) -> Part:
        """A process that said it is ready."""
        reading, writing = os.pipe()
        ours = {
            "REELBUS_DATA_DIR": str(self.folder),
            "REELBUS_ACK_DEADLINE_S": "2",
            "REELBUS_RENDERERS": "1",  # a start costs half as much
            "REELBUS_IN_FLIGHT": "4",
            **self.settings,
        }
        with self.log.open("ab") as log:
            process = fork(
                module,
                *arguments,
                "--ready-fd",
                str(writing),
                env={**os.environ, **ours},
                cwd=self.folder,
                pass_fds=[writing],
                stderr=log.fileno(),
            )
        os.close(writing)
        with os.fdopen(reading) as pipe:
            ready = pipe.readline().strip()
        assert ready, f"{module} did not start:\n{self.log.read_text()[-3000:]}"
        return Part(process, ready)


def client_of(url: str) -> httpx.AsyncClient:
    """A patient client of a facade."""
    return httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(290), limits=httpx.Limits(max_connections=None))


async def until_generating(client: httpx.AsyncClient, job_id: str) -> None:
    """Until the job's events say that its model is at work."""
    async with asyncio.timeout(60), client.stream("GET", f"/api/videos/{job_id}/events") as stream:
        async for line in stream.aiter_lines():
            if '"generating"' in line:
                return
    raise AssertionError(f"{job_id} was never generated")
