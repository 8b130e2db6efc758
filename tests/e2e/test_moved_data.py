"""The data folder is moved or deleted under a facade and a worker: they take no job, say so, and pay nothing."""

import asyncio
import shutil
from pathlib import Path

import httpx
import pytest

from schemas.errors import Moved
from tests.facade.doors import ASYNC, GENERATE, PROMPT, door_to, settings_for
from tests.facade.process import server_at
from tests.support.processes import Streamed, fork_streamed

EXIT_UNAVAILABLE = 4


async def test_a_facade_takes_no_job_until_its_folder_is_back(tmp_path: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    async with door_to(settings_for(data)) as door:
        before = await door.queued(job_id="before")
        data.rename(elsewhere)
        for _ in range(2):
            refused = await door.post(ASYNC, job_id="lost")
            assert (refused.status_code, refused.json()["error"]["retryable"]) == (503, True)
            assert "moved or deleted" in refused.json()["detail"]
            assert str(tmp_path) not in refused.text
        ready = await door.client.get("/readyz")
        assert (ready.status_code, ready.json()["missing"]) == (503, "data")
        assert (await door.client.get("/livez")).status_code == 200
        assert not data.exists(), "a folder that was deleted is not made again"
        elsewhere.rename(data)
        assert (await door.client.get("/readyz")).status_code == 200
        assert (await door.client.get(f"/api/videos/{before}")).status_code == 200
        assert (await door.client.get("/api/videos/lost")).status_code == 404
        assert (await door.post(ASYNC, job_id="lost")).status_code == 202


async def test_a_folder_that_was_replaced_is_not_written_to(tmp_path: Path) -> None:
    """As where a backup is put back under a running service."""
    data = tmp_path / "data"
    async with door_to(settings_for(data)) as door:
        await door.queued(job_id="before")
        data.rename(tmp_path / "elsewhere")
        shutil.copytree(tmp_path / "elsewhere", data, ignore=lambda *_: ["wake"])
        assert (await door.post(ASYNC, job_id="lost")).status_code == 503
        with pytest.raises(Moved):
            await door.desk.jobs.get("before")


async def test_a_worker_stops(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    async with server_at(data) as server, httpx.AsyncClient(base_url=server.url) as client:
        worker = await _worker(data)
        shutil.rmtree(data)
        said = await asyncio.wait_for(worker.communicate(), 60)
        assert worker.returncode == EXIT_UNAVAILABLE
        assert b"moved or deleted" in said[1].splitlines()[-1]
        assert (await client.post(GENERATE, json={"prompt": PROMPT}, headers=ASYNC)).status_code == 503
        assert (await client.get("/readyz")).status_code == 503


async def _worker(data: Path) -> Streamed:
    environment = {"PATH": "/usr/bin:/bin", "REELBUS_DATA_DIR": str(data), "REELBUS_RENDERERS": "1"}
    worker = await fork_streamed("subscriber", env=environment, cwd=Path.cwd(), stderr=asyncio.subprocess.PIPE)
    assert worker.stderr is not None
    while line := await worker.stderr.readline():
        if b"worker_ready" in line:
            return worker
    raise AssertionError("the worker ended before it was ready")
