"""The wire-level Vertex AI as a process of its own, as a demo has it, written to and read by others over HTTP."""

import os
import signal
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from infra.embedded.videos import FolderVideos
from infra.media.probe import probe
from tests.support.processes import ROOT, fork_streamed
from tests.vertex.rig import BUCKET, Rig, a_request, adapter
from tests.vertex.script import Books


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    arguments = ("--bucket", BUCKET, "--folder", str(tmp_path))
    process = await fork_streamed("tests.vertex.server", *arguments, env=os.environ, cwd=ROOT, stdout=PIPE)
    assert process.stdout
    yield (await process.stdout.readline()).decode().strip()
    process.send_signal(signal.SIGTERM)
    await process.wait()


async def test_another_process_can_use_it_and_look_into_its_books(url: str, rig: Rig, tmp_path: Path) -> None:
    model = adapter(url, await FolderVideos.open(tmp_path, "http://facade"))
    name = await Rig(rig.vertex, model, rig.videos, tmp_path).made(a_request(duration_seconds=4))
    await model.aclose()
    assert probe(tmp_path / name).duration_seconds == 4
    async with httpx.AsyncClient(base_url=url) as client:
        books = Books.model_validate_json((await client.get("/_accepted")).content)
        assert (books.posts, [each.labels["reelbus_job"] for each in books.accepted]) == (1, ["job_1"])
        assert (await client.post("/_script", json=[{"status": 429}, {"drop": True}])).json() == {"steps": 2}
        assert (await client.post("/_retired", json=["veo-3.1-generate-001"])).json()["retired"]
        operation = "/v1/projects/acme/locations/l/publishers/google/models/m/operations/7"
        assert (await client.get(operation)).status_code == 404
