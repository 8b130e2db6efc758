"""What a model reports of a clip is its progress: in the job, in the listing and in the event stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from infra.animatic.frame_reports import FrameReport, FrameReports
from publisher.facade.call import State
from publisher.settings import PublisherSettings
from tests.facade.doors import Door, door_over, door_to
from tests.facade.hand import Hand


@pytest.fixture
async def door(settings: PublisherSettings) -> AsyncIterator[Door]:
    async with door_to(settings.model_copy(update={"events_look_every_s": 0.02})) as door:
        yield door


@pytest.fixture
def report(settings: PublisherSettings) -> FrameReport:
    reports = FrameReports(settings.reports_dir)
    reports.prepare()
    return reports.of("operation")


async def shown(door: Door, job_id: str) -> float:
    progress = (await door.client.get(f"/api/videos/{job_id}")).json()["progress"]
    [listed] = (await door.client.get("/api/videos")).json()["videos"]
    assert listed["progress"] == progress
    return float(progress)


async def test_a_job_shows_the_frames_that_are_written(door: Door, hand: Hand, report: FrameReport) -> None:
    job_id = await door.queued()
    await hand.start(job_id)
    report.write(0, 1)
    await hand.accept(job_id)
    assert await shown(door, job_id) == 0
    report.write(47, 120)
    assert [await shown(door, job_id) for _ in range(3)] == [0.392] * 3
    report.write(120, 120)
    assert await shown(door, job_id) == 0.95
    await hand.render(job_id)
    report.delete()
    assert await shown(door, job_id) == 0.95
    await hand.store(job_id)
    assert await shown(door, job_id) == 1


class Script:
    """Reports one share at each look, and then the last one again."""

    def __init__(self, *shares: float) -> None:
        self._shares = list(shares)
        self.was_read = asyncio.Event()

    async def progress_of(self, operation: str) -> float | None:
        assert operation == "operation"
        if len(self._shares) > 1:
            return self._shares.pop(0)
        self.was_read.set()
        return self._shares[0]


async def test_an_event_stream_tells_the_frames_and_never_goes_back(door: Door, hand: Hand) -> None:
    script = Script(0.1, 0.5, 0.3, 0.75)
    state: State = {**door.state, "ctx": replace(door.desk, reports=script)}
    job_id = await door.queued()
    await hand.start(job_id)
    await hand.accept(job_id)
    async with door_over(state) as watched:
        watching = asyncio.create_task(watched.client.get(f"/api/videos/{job_id}/events"))
        async with asyncio.timeout(30):
            await script.was_read.wait()
        await hand.render(job_id)
        await hand.announce(await hand.store(job_id))
        lines = (await watching).text.splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    told = [event["progress"] for event in events if event["state"] == "generating"]
    assert told[-4:] == [0.1, 0.5, 0.5, 0.75]
    assert [event["progress"] for event in events] == sorted(event["progress"] for event in events)
