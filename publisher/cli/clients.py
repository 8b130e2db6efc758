"""The way to the jobs: a running facade (`http_door`) or the stores themselves (`desk_door`), with the same verbs.

The stores themselves: what the settings name, opened by this process.

The whole pipeline for one command: the stores, and a worker beside this process for as long as it is needed.
"""

import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from publisher.cli.configuration import configuration
from publisher.cli.output import JobUpdate, to_update
from publisher.cli.processes import Child, Program, open_children, open_parent_pipe
from publisher.compose import open_context
from publisher.context import PublisherContext, status, view
from publisher.jobs import Listing, cancel, list_jobs
from publisher.submit import submit
from schemas.domain.projections import JobView
from schemas.errors import NotFound, Unavailable
from schemas.wire.request import VideoRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """Which jobs to list."""

    state: str | None
    project_id: str | None
    cursor: str | None
    limit: int
    jobs_of: str | None = None
    """Only jobs of this caller; an operator asks for that, in the stores."""


class JobClient(Protocol):
    """All verbs raise `Unavailable` where what is behind the door does not answer."""

    async def submit(self, request: VideoRequest) -> None:
        """The job exists after this, once, however often it is repeated. Raises `Invalid` and `Conflict`."""

    def follow(self, job_id: str) -> AsyncGenerator[JobUpdate, None]:
        """Where the job stands, whenever that changes, until it ends. Raises `NotFound`."""

    async def status(self, job_id: str) -> JobView:
        """The job. Raises `NotFound`."""

    async def list(self, filters: Filters) -> Listing:
        """A page of jobs. Raises `Invalid`."""

    async def cancel(self, job_id: str) -> JobView:
        """The job after the wish to end it. Raises `NotFound`."""

    async def fetch(self, view: JobView, to: Path) -> None:
        """The finished video as a local file."""


_LOOK_EVERY_S = 0.25
_LOOK_AT_MOST_EVERY_S = 2.0


class LocalClient:
    """The use cases, called directly."""

    def __init__(self, desk: PublisherContext, check: Callable[[], None] = lambda: None) -> None:
        """`check` raises where nobody works any more."""
        self._desk = desk
        self._check = check

    async def submit(self, request: VideoRequest) -> None:
        """Puts the request on the bus."""
        await submit(self._desk, request)

    async def follow(self, job_id: str) -> AsyncGenerator[JobUpdate, None]:
        """Looks at the record, often at first and less often later."""
        pause_s = _LOOK_EVERY_S
        while True:
            news = to_update(await self.status(job_id))
            yield news
            if news.end:
                return
            self._check()
            await self._desk.clock.sleep(pause_s)
            pause_s = min(pause_s * 1.02, _LOOK_AT_MOST_EVERY_S)

    async def status(self, job_id: str) -> JobView:
        """From the record."""
        return await status(self._desk, job_id)

    async def list(self, filters: Filters) -> Listing:
        """From the records."""
        return await list_jobs(
            self._desk,
            state=filters.state,
            project_id=filters.project_id,
            cursor=filters.cursor,
            limit=filters.limit,
            jobs_of=filters.jobs_of,
        )

    async def cancel(self, job_id: str) -> JobView:
        """In the record, and by a message for the worker that has it."""
        return await view(self._desk, await cancel(self._desk, job_id))

    async def fetch(self, view: JobView, to: Path) -> None:
        """From the video store."""
        if view.gcs_path is None or view.erased_at:
            raise NotFound(f"job {view.video_id} has no video")
        await self._desk.videos.fetch(view.gcs_path, to)


@asynccontextmanager
async def open_local_client() -> AsyncIterator[LocalClient]:
    """Opened from the settings, closed at the end."""
    async with open_context(configuration(), make=False) as desk:
        yield LocalClient(desk)


_WORKER = Program(name="worker", module="subscriber")
_TAIL_BYTES = 600


@asynccontextmanager
async def open_local_pipeline() -> AsyncIterator[LocalClient]:
    """A door behind which somebody works. Raises `Unavailable` where the worker does not start."""
    with open_parent_pipe() as line, tempfile.TemporaryFile() as said:
        async with open_context(configuration()) as desk, open_children(_WORKER, lifeline=line, output=said) as worker:
            if await worker.ready() is None:
                await worker.exited()
            _check(worker, said)
            yield LocalClient(desk, lambda: _check(worker, said))


def _check(worker: Child, said: IO[bytes]) -> None:
    if worker.status is not None:
        raise Unavailable(f"the worker ended by itself with status {worker.status}; it said: {_last_words(said)}")


def _last_words(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read()[-_TAIL_BYTES:].decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing"
