"""Erasing over whole houses of adapters: what one purge deletes is gone from bus, job store and video store."""

import base64
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from infra.adapters import Adapters
from infra.clock import SystemClock
from publisher.context import PublisherContext
from publisher.jobs import cancel
from publisher.purge import purge, purge_old
from publisher.submit import submit
from schemas.domain.job import new_job
from schemas.domain.tombstone import ERASED_PROMPT
from schemas.errors import AlreadyExists, Unavailable
from schemas.ports import DEAD_WORKERS, WORKERS
from schemas.wire.request import VideoRequest
from tests.contract.conftest import ADAPTERS
from tests.gcp.emulated import Project
from tests.images import data_url, png
from tests.worker.test_messages import PIXEL

OTHER = data_url(png(3, 2))
IMAGE = "data:image/png;base64," + base64.b64encode(PIXEL).decode()


@pytest.fixture(params=ADAPTERS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PublisherContext]:
    database = f"sqlite://{tmp_path}/reelbus.db"
    urls = (database, database, f"file://{tmp_path}/videos")
    if request.param == "emulator":
        project = request.getfixturevalue("project")
        assert isinstance(project, Project)
        project.create_bucket()
        urls = (project.bus_url, project.jobs_url, project.videos_url)
    async with Adapters() as adapters:
        desk = PublisherContext(
            bus=await adapters.bus(urls[0]),
            jobs=await adapters.jobs(urls[1]),
            videos=await adapters.videos(urls[2], base_url="http://localhost:8000"),
            clock=SystemClock(),
        )
        for subscription in (WORKERS, DEAD_WORKERS):
            await desk.bus.ensure(subscription)
        await _awake(desk)
        yield desk


async def _awake(desk: PublisherContext) -> None:
    """The first write to an emulator takes as long as its Java takes to load."""
    early = new_job(VideoRequest(job_id="early", prompt="A harbour at dawn"), desk.clock.now())
    while await desk.jobs.get("early") is None:
        with suppress(Unavailable, AlreadyExists):
            await desk.jobs.create(early)


async def test_two_jobs_that_share_an_image_are_erased_one_by_one(desk: PublisherContext) -> None:
    for job_id, images in (("one", {"reference_image": IMAGE, "last_image": OTHER}), ("two", {"last_image": IMAGE})):
        given = {"job_id": job_id, "prompt": "A harbour at dawn", "project_id": "spring", **images}
        await submit(desk, VideoRequest.model_validate(given))
        await desk.videos.put(f"work/{job_id}/0/1/film.mp4", b"film", content_type="video/mp4")
    await _bury(desk, 2)
    for job_id in ("one", "two"):
        await cancel(desk, job_id)

    assert (await purge(desk, ["one"])).erased == ["one"]
    assert await _left(desk) == (["two"], ["work/two/0/1/film.mp4"], 1)
    assert (await purge_old(desk, project_id="spring", older_than=None)).erased == ["two"]
    assert await _left(desk) == ([], [], 0)
    for job_id in ("one", "two"):
        job = await desk.jobs.get(job_id)
        assert job
        assert (job.request.prompt, job.request.images) == (ERASED_PROMPT, {})


async def _bury(desk: PublisherContext, count: int) -> None:
    """Both requests are given up, and lie on the shelf with their prompts."""
    async with desk.bus.subscribe(WORKERS, limit=count) as deliveries:
        for _ in range(count):
            await (await anext(deliveries)).dead_letter("test")


async def _left(desk: PublisherContext) -> tuple[list[str], list[str], int]:
    """Whose dead letters, which work files, and how many images there are."""
    letters = [letter.message.attributes["job_id"] for letter in await desk.bus.dead_letters()]
    work = [file.name for file in await desk.videos.list("work/")]
    return letters, work, len(await desk.videos.list("references/"))
