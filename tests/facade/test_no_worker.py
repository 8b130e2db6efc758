"""Where no worker is seen: the job, its event stream, `/readyz` and the log say so, and no progress is made up."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from publisher.facade.call import State
from publisher.worker_watch import WorkerWatch
from schemas.ports import LastBeat
from tests.contract.test_heartbeats import Still
from tests.facade.doors import ASYNC, Door, door_over, door_to, settings_for
from tests.facade.hand import Hand, hand_at

WORDS = "no worker has been seen for 7 minutes"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """The last worker was seen seven minutes ago."""
    async with door_to(settings_for(tmp_path, events_look_every_s=0.02)) as door:
        now = door.desk.clock.now()
        watch = WorkerWatch(Still(LastBeat(owner="w", at=now, read_at=now), 420), door.desk.clock)
        state: State = {**door.state, "ctx": replace(door.desk, workers=watch)}
        async with door_over(state) as deserted:
            yield deserted


@pytest.fixture
async def hand(door: Door) -> AsyncIterator[Hand]:
    async with hand_at(door.desk) as hand:
        yield hand


async def test_a_job_and_the_facade_say_so(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        taken = await door.post(ASYNC, job_id="order-1")
    assert (taken.status_code, taken.json()["notice"]) == (202, WORDS)
    assert [record.message for record in caplog.records if getattr(record, "action", "") == "no_worker"] == [WORDS]
    assert (await door.client.get("/api/videos/order-1")).json()["notice"] == WORDS
    ready = await door.client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "notice": WORDS})


async def test_an_event_stream_says_so(door: Door) -> None:
    await door.queued(job_id="order-1")
    streaming = asyncio.create_task(door.client.get("/api/videos/order-1/events"))
    while not door.state["waiters"].waiting:
        await door.desk.clock.sleep(0.01)
    await door.client.delete("/api/videos/order-1")
    lines = (await streaming).text.splitlines()
    told = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert [event["notice"] for event in told if "queue_position" in event] == [WORDS, None]
    assert told[-1]["state"] == "cancelled", "an ended job waits for no worker"


async def test_progress_stands_still_where_the_last_worker_was_seen(door: Door, hand: Hand) -> None:
    await door.queued(job_id="order-1")
    job = await hand.start("order-1")
    job = await hand.accept("order-1")
    long_ago = job.created_at - timedelta(minutes=10)
    clip = job.clips[0].model_copy(update={"accepted_at": long_ago})
    await door.desk.jobs.save(job.model_copy(update={"clips": (clip,)}))
    shown = (await door.client.get("/api/videos/order-1")).json()
    assert shown["progress"] == 0.95, "the hand's clips take ten seconds"
    clip = clip.model_copy(update={"accepted_at": job.created_at})
    stored = await door.desk.jobs.get("order-1")
    assert stored is not None
    await door.desk.jobs.save(stored.model_copy(update={"clips": (clip,)}))
    assert (await door.client.get("/api/videos/order-1")).json()["progress"] == 0.0


async def test_where_none_was_ever_seen_a_job_says_so_at_once(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path)) as door:
        await door.queued(job_id="order-1")
        assert (await door.client.get("/api/videos/order-1")).json()["notice"] == "no worker has been seen yet"
        assert (await door.client.get("/readyz")).json() == {"status": "ready"}, "one may be about to start"
