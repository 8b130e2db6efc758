"""SIGKILL of a facade in the middle of a batch: all of its jobs or none, each one paid once, repeated or not."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.clock import SystemClock
from publisher.batches.order import find_batch, get_batch, order_batch
from publisher.batches.request import Batch, BatchRequest
from publisher.compose import open_context
from publisher.context import PublisherContext
from schemas.domain.states import JobState
from subscriber.reconcile import reconcile
from tests.facade.doors import settings_for
from tests.gcp.emulated import Project
from tests.support.ports import free_port
from tests.support.processes import ROOT, fork_streamed
from tests.worker.bench import Bench

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]
SIZE = 5
ASKED = {
    "batch_id": "night",
    "requests": [{"prompt": f"A harbour at dawn, boat {number}", "duration_seconds": 1} for number in range(SIZE)],
}
POINTS = {
    "before jobs.create_all #1": 0,
    "after jobs.create_all #1": SIZE,
    "after bus.publish video-requests #2": SIZE,
    f"before bus.publish video-requests #{SIZE}": SIZE,
}
"""Each point, and how many jobs a facade leaves that is killed there."""


class LaterClock(SystemClock):
    """The clock of a quarter of an hour later: the checks of all jobs are due."""

    def now(self) -> datetime:
        return super().now() + timedelta(minutes=15)


async def order_from_a_facade_that_dies(folder: Path, point: str, **settings: object) -> None:
    """Call a real facade that is killed at its point, before it has answered."""
    port = free_port()
    process = await fork_streamed(
        "tests.crash.launch",
        *("facade", "--port", str(port)),
        cwd=folder,
        env={
            **{name: os.environ[name] for name in os.environ if "EMULATOR" in name or name == "PATH"},
            "PYTHONPATH": str(ROOT),
            "CRASH_RECORD": str(folder / "points"),
            "CRASH_AT": point,
            **{f"REELBUS_{name.upper()}": str(value) for name, value in {"data_dir": folder, **settings}.items()},
        },
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(120):
            while b"facade_ready" not in (line := await process.stderr.readline()):
                assert line, "the facade ended before it was ready"
            reading = asyncio.create_task(process.stderr.read())
            async with httpx.AsyncClient(timeout=120) as client:
                with pytest.raises(httpx.TransportError):
                    await client.post(f"http://127.0.0.1:{port}/api/videos/batch", json=ASKED)
            assert await process.wait() == -signal.SIGKILL
            await reading
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def desk_in(folder: Path, **settings: Any) -> AsyncIterator[PublisherContext]:
    async with open_context(settings_for(folder, **settings)) as desk:
        yield replace(desk, clock=LaterClock())


async def end_all(bench: Bench, desk: PublisherContext) -> None:
    """Let a worker end all jobs, and check that each was made and paid once."""
    async with bench.working():
        heard = set[str | None]()
        while len(heard) < SIZE:  # a request that was published twice may be answered twice
            heard.add((await bench.hear()).job_id)
    jobs = await get_batch(desk, "night", None)
    assert heard == {job.job_id for job in jobs}
    assert [job.state for job in jobs] == [JobState.SUCCEEDED] * SIZE
    assert len(bench.model.accepted) == SIZE
    assert all(len(job.clips) == 1 and job.clips[0].charges == 1 for job in jobs)


@pytest.mark.parametrize("point", POINTS)
async def test_a_repeat_completes_the_batch_and_pays_nothing_twice(bench: Bench, tmp_path: Path, point: str) -> None:
    await order_from_a_facade_that_dies(tmp_path, point)
    async with desk_in(tmp_path) as desk:
        assert len(await find_batch(desk, "night", None) or ()) == POINTS[point]
        batch = Batch.of(BatchRequest.model_validate(ASKED))
        for _ in range(3):
            jobs = await order_batch(desk, batch, None, traceparent=None)
            assert [job.job_id for job in jobs] == [f"night-{number:03}" for number in range(1, SIZE + 1)]
        await end_all(bench, desk)


@pytest.mark.parametrize("point", [point for point, left in POINTS.items() if left])
async def test_reconcile_completes_a_batch_that_is_not_repeated(bench: Bench, tmp_path: Path, point: str) -> None:
    await order_from_a_facade_that_dies(tmp_path, point)
    await reconcile(replace(bench.ctx, clock=LaterClock()))
    async with desk_in(tmp_path) as desk:
        await end_all(bench, desk)


@pytest.mark.emulator
async def test_on_google_s_emulators_all_jobs_are_stored_or_none(tmp_path: Path, project: Project) -> None:
    await asyncio.to_thread(project.set_up)
    stores = {"bus": project.bus_url, "jobs": project.jobs_url, "videos": project.videos_url}
    async with desk_in(tmp_path, **stores) as desk:
        await order_from_a_facade_that_dies(tmp_path, "before jobs.create_all #1", **stores)
        assert await find_batch(desk, "night", None) is None
        await order_from_a_facade_that_dies(tmp_path, "before bus.publish video-requests #2", **stores)
        known = await get_batch(desk, "night", None)
        assert len(known) == SIZE
        batch = Batch.of(BatchRequest.model_validate(ASKED))
        again = await order_batch(desk, batch, None, traceparent=None)
        assert [job.job_id for job in again] == [job.job_id for job in known]
        assert all(job.checks == 1 for job in again)  # each request was due, and published by this call
