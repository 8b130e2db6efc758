"""The clients of the commands: `JobClient`, which `HttpClient` implements too, and `LocalClient`.

`LocalClient` works on the stores that the settings name. `open_local_pipeline` also runs a worker for as long as the
command lasts.
"""

import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Protocol

from publisher.access import Access
from publisher.batches.order import get_batch, order_batch
from publisher.batches.request import Batch, BatchRequest
from publisher.batches.views import BatchPlan, BatchView, plan_batch, view_batch
from publisher.cli.configuration import configuration
from publisher.cli.output import JobUpdate, to_update
from publisher.cli.processes import Child, Program, open_child, open_parent_pipe
from publisher.compose import open_context
from publisher.context import PublisherContext, status, view
from publisher.jobs import JobFilter, Listing, cancel, list_jobs
from publisher.refusals import OverBudget, OverMaxCost
from publisher.submit import submit
from schemas.domain.job import Job
from schemas.domain.projections import JobView
from schemas.errors import Invalid, NotFound, Unavailable
from schemas.wire.request import VideoRequest


class JobClient(Protocol):
    """What a command can do with jobs. All methods raise `Unavailable` if the facade or the stores do not answer."""

    async def submit(self, request: VideoRequest) -> None:
        """Create the job of this request if it does not exist. Raises `Invalid` and `Conflict`."""

    def follow(self, job_id: str) -> AsyncGenerator[JobUpdate, None]:
        """Yield an update whenever the job changes, until it has ended. Raises `NotFound`."""

    async def status(self, job_id: str) -> JobView:
        """Return the job. Raises `NotFound`."""

    async def list(self, filters: JobFilter) -> Listing:
        """Return a page of jobs. Raises `Invalid`."""

    async def cancel(self, job_id: str) -> JobView:
        """Cancel the job and return it. Raises `NotFound`."""

    async def plan_batch(self, asked: BatchRequest) -> BatchPlan:
        """Return what the batch would cost. Raises `Invalid` and `Conflict`."""

    async def order_batch(self, asked: BatchRequest) -> BatchView:
        """Order the batch if it does not exist. The request has its id. Raises `Invalid` and `Conflict`."""

    async def show_batch(self, batch_id: str) -> BatchView:
        """Return the batch. Raises `NotFound`."""

    async def fetch(self, view: JobView, to: Path) -> None:
        """Write the finished video to a local file."""


_READ_EVERY_S = 0.25
_READ_EVERY_AT_MOST_S = 2.0


class LocalClient:
    """Calls the use cases in this process. `check` raises if the worker has ended."""

    def __init__(self, ctx: PublisherContext, check: Callable[[], None] = lambda: None) -> None:
        self.ctx = ctx
        self.check = check
        self._submitted: Job | None = None

    async def submit(self, request: VideoRequest) -> None:
        """Store the job and publish its request."""
        self._submitted = await submit(self.ctx, request)

    async def follow(self, job_id: str) -> AsyncGenerator[JobUpdate, None]:
        """Read the record, often at first and less often later. The first update shows the job as it was submitted."""
        if self._submitted and self._submitted.job_id == job_id and not self._submitted.state.ended:
            yield JobUpdate(state=self._submitted.state)
        pause_s = _READ_EVERY_S
        while True:
            update = to_update(await self.status(job_id))
            yield update
            if update.end:
                return
            self.check()
            await self.ctx.clock.sleep(pause_s)
            pause_s = min(pause_s * 1.02, _READ_EVERY_AT_MOST_S)

    async def status(self, job_id: str) -> JobView:
        """Read the record."""
        return await status(self.ctx, job_id)

    async def list(self, filters: JobFilter) -> Listing:
        """Read the records."""
        return await list_jobs(self.ctx, filters)

    async def cancel(self, job_id: str) -> JobView:
        """Cancel the job in its record, and send a message to the worker that runs it."""
        return await view(self.ctx, await cancel(self.ctx, job_id))

    async def plan_batch(self, asked: BatchRequest) -> BatchPlan:
        """Plan it with the models and budgets of the settings."""
        return await plan_batch(self.ctx, Batch.of(asked), Access())

    async def order_batch(self, asked: BatchRequest) -> BatchView:
        """Store the jobs and publish their requests."""
        batch = Batch.of(asked)
        try:
            jobs = await order_batch(self.ctx, batch, None, traceparent=None)
        except (OverMaxCost, OverBudget) as error:
            raise Invalid(str(error)) from error
        return await view_batch(self.ctx, batch.batch_id, jobs, Access())

    async def show_batch(self, batch_id: str) -> BatchView:
        """Read the records. The worker must be running, if there is one."""
        self.check()
        return await view_batch(self.ctx, batch_id, await get_batch(self.ctx, batch_id, None), Access())

    async def fetch(self, view: JobView, to: Path) -> None:
        """Copy the video from the video store."""
        if view.gcs_path is None or view.erased_at:
            raise NotFound(f"job {view.video_id} has no video")
        await self.ctx.videos.fetch(view.gcs_path, to)


@asynccontextmanager
async def open_local_client() -> AsyncIterator[LocalClient]:
    """Open the stores of the settings, and close them at the end."""
    async with open_context(configuration(), make=False) as ctx:
        yield LocalClient(ctx)


_WORKER = Program(name="worker", module="subscriber")
_TAIL_BYTES = 600


@asynccontextmanager
async def open_local_pipeline() -> AsyncIterator[LocalClient]:
    """Open the stores and run a worker. Raises `Unavailable` if the worker does not start."""
    with open_parent_pipe() as fd, tempfile.TemporaryFile() as log:
        async with open_context(configuration()) as ctx, open_child(_WORKER, parent_fd=fd, output=log) as worker:
            if await worker.ready() is None:
                await worker.wait()
            _check_running(worker, log)
            yield LocalClient(ctx, lambda: _check_running(worker, log))


def _check_running(worker: Child, log: IO[bytes]) -> None:
    if worker.status is None:
        return
    log.seek(0)
    lines = log.read()[-_TAIL_BYTES:].decode(errors="replace").strip().splitlines()
    last_line = lines[-1] if lines else "nothing"
    raise Unavailable(f"the worker ended by itself with status {worker.status}; its last log line: {last_line}")
