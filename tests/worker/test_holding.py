"""What is of a newer version is left to a newer worker: neither rejected, nor given up, nor carried by this one."""

import asyncio
import json
import logging
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.context import PublisherContext
from publisher.dead_letters import replay
from publisher.jobs import cancel
from schemas.domain.job import Job, new_job
from schemas.domain.states import JobState
from schemas.errors import NewerRecord
from schemas.ports import BATCH_REQUESTS, BATCH_WORKERS, MAX_DELIVERIES, REQUESTS, WORKERS, Delivery
from schemas.versioning import STORED
from schemas.wire.completion import Outcome
from schemas.wire.message import HELD_SINCE, Message, encode_cancel, encode_request
from schemas.wire.request import CancelRequest, VideoRequest
from subscriber import handler as holding
from subscriber.fair_slots import FairSlots
from subscriber.handler import Handler, InFlightJobs
from subscriber.reconcile import reconcile
from subscriber.runner import JobRunner
from tests.worker.bench import Bench

OF_TOMORROW = {"job_id": "job-9", "prompt": "A harbour at dawn, gulls", "duration_seconds": 1, "fps": 60}


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "HOLD_AT_MOST_S", 0)


async def _send(bench: Bench, **more: Any) -> None:
    await bench.send_raw(json.dumps({**OF_TOMORROW, **more}).encode(), job_id="job-9")


async def _stored(bench: Bench, **more: Any) -> Job:
    """As a newer facade stores it and publishes it."""
    request = VideoRequest.model_validate({**OF_TOMORROW, **more}, context=STORED)
    job = await bench.ctx.jobs.create(new_job(request, bench.ctx.clock.now()))
    await bench.ctx.bus.publish(REQUESTS, encode_request(request, at=job.created_at))
    return job


async def _look(bench: Bench, times: int) -> list[Delivery]:
    """Deliveries that an own handler settled, one after the other."""
    handler = Handler(bench.ctx, InFlightJobs(FairSlots(1)))
    seen = []
    async with bench.ctx.bus.subscribe(WORKERS, limit=1) as deliveries, asyncio.timeout(20):
        for _ in range(times):
            seen.append(await anext(deliveries))
            await handler(seen[-1])
    return seen


def _desk(bench: Bench) -> PublisherContext:
    return PublisherContext(bus=bench.ctx.bus, jobs=bench.ctx.jobs, videos=bench.ctx.videos, clock=bench.ctx.clock)


def _write(path: Path, job_id: str, change: str) -> None:
    """As a newer version writes a record that this one can't read."""
    with closing(sqlite3.connect(path / "reelbus.db")) as database, database:
        database.execute(f"UPDATE jobs SET record = {change} WHERE job_id = ?", (job_id,))


async def test_a_held_batch_request_stays_in_its_lane(bench: Bench) -> None:
    body = json.dumps({**OF_TOMORROW, "priority": "batch"}).encode()
    await bench.ctx.bus.publish(BATCH_REQUESTS, Message(data=body, attributes={"job_id": "job-9"}))
    handler = Handler(bench.ctx, InFlightJobs(FairSlots(1)))
    async with bench.ctx.bus.subscribe(BATCH_WORKERS, limit=1) as deliveries, asyncio.timeout(20):
        for _ in range(MAX_DELIVERIES + 1):
            await handler(await anext(deliveries))
    assert len(await bench.ctx.bus.list_waiting(BATCH_WORKERS)) == 1
    assert await bench.ctx.bus.list_waiting(WORKERS) == []


@pytest.mark.parametrize("more", [{}, {"resolution": "8k"}, {"scene": {"title": "Dawn", "mood": "calm"}}])
async def test_a_message_with_unknown_content_is_held_in_sight_and_not_rejected(
    bench: Bench, caplog: pytest.LogCaptureFixture, more: dict[str, Any]
) -> None:
    await _send(bench, **more)
    looks = await _look(bench, 2 * MAX_DELIVERIES)
    assert [HELD_SINCE in each.message.attributes for each in looks] == [False, *[True] * (2 * MAX_DELIVERIES - 1)]
    assert len({each.message.attributes.get(HELD_SINCE) for each in looks}) == 2
    assert {each.message.data for each in looks} == {json.dumps({**OF_TOMORROW, **more}).encode()}
    assert max(each.attempt for each in looks) < MAX_DELIVERIES
    assert await bench.ctx.bus.dead_letters() == []
    told = [record.__dict__ for record in caplog.records if record.levelno == logging.WARNING]
    assert {(each["action"], each["job_id"]) for each in told} == {("newer_version", "job-9")}
    assert all("is not a known key" in each["reason"] or "must be '720p'" in each["reason"] for each in told)
    async with bench.working():
        await bench.send()
        assert (await bench.hear()).job_id == "job-1"
    assert await bench.ctx.jobs.get("job-9") is None


async def test_a_slip_of_the_pen_is_rejected_in_the_end_and_can_be_replayed_afresh(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _send(bench)
    await _look(bench, 3)
    monkeypatch.setattr(holding, "QUEUED_AT_MOST", timedelta(0))
    await _look(bench, 1)
    heard = await bench.hear()
    assert heard.error is not None
    assert (heard.state, heard.job_id, heard.error.field) == (Outcome.REJECTED, "job-9", "fps")
    assert heard.error.message == "fps is not a known key"
    (letter,) = await bench.ctx.bus.dead_letters()
    assert letter.cause.startswith("fps is not a known key; no newer worker came since 20")
    await bench.ctx.bus.replay_dead_letter(letter.id)
    (again,) = await _look(bench, 1)
    assert dict(again.message.attributes) == {"job_id": "job-9"}


async def test_it_is_held_no_longer_than_it_may_be_started(bench: Bench) -> None:
    now = bench.ctx.clock.now()
    await _send(bench, start_before=(now + timedelta(hours=1)).isoformat())
    await _look(bench, 2)
    assert await bench.ctx.bus.dead_letters() == []
    await _send(bench, start_before=(now - timedelta(seconds=1)).isoformat())
    while not await bench.ctx.bus.dead_letters():
        await _look(bench, 1)
    assert (await bench.hear()).state is Outcome.REJECTED


async def test_its_job_says_what_it_waits_for_and_a_cancel_ends_both(bench: Bench) -> None:
    await _stored(bench)
    await _look(bench, 2)
    job = await bench.job("job-9")
    assert (job.state, job.waiting_for, job.request.model_extra) == (JobState.QUEUED, "newer_worker", {"fps": 60})
    await cancel(_desk(bench), "job-9", reason="no newer worker is coming")
    async with bench.working():
        heard = {(await bench.hear()).state for _ in range(2)}
    assert heard == {Outcome.CANCELLED}
    assert (await bench.job("job-9")).request == job.request
    assert await bench.ctx.bus.dead_letters() == []


async def test_its_job_expires_where_no_newer_worker_comes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await _stored(bench, start_before=(bench.ctx.clock.now() - timedelta(seconds=1)).isoformat())
    await _look(bench, 2)
    heard = await bench.hear()
    assert (heard.job_id, heard.state) == ("job-9", Outcome.EXPIRED)
    assert heard.request is not None
    assert heard.request.model_extra == {"fps": 60}
    monkeypatch.setattr(holding, "QUEUED_AT_MOST", timedelta(0))
    assert (await replay(_desk(bench), "job-9")).request.model_extra == {"fps": 60}


async def test_reconcile_publishes_it_again_with_its_keys(bench: Bench) -> None:
    job = await _stored(bench)
    async with bench.ctx.bus.subscribe(WORKERS, limit=1) as deliveries:
        await (await anext(deliveries)).ack()  # the message is lost
    await bench.ctx.jobs.save(job.model_copy(update={"next_check_at": bench.ctx.clock.now()}))
    assert (await reconcile(bench.ctx)).republished == 1
    for delivery in await _look(bench, 1):
        assert json.loads(delivery.message.data) == OF_TOMORROW


async def test_a_job_whose_record_cannot_be_read_is_held_and_keeps_no_other(bench: Bench, tmp_path: Path) -> None:
    await bench.queued(job_id="job-9")
    _write(tmp_path, "job-9", "json_set(record, '$.state', 'paused')")
    await bench.send(job_id="job-9")
    looks = await _look(bench, MAX_DELIVERIES + 1)
    assert [each.attempt for each in looks] == [*range(1, MAX_DELIVERIES), 1, 2]
    assert await bench.ctx.bus.dead_letters() == []
    async with bench.working():
        await bench.send(job_id="of-today")
        assert (await bench.hear()).job_id == "of-today"
    with pytest.raises(NewerRecord):
        await bench.job("job-9")


async def test_a_cancel_of_a_job_whose_record_cannot_be_read_is_held(bench: Bench, tmp_path: Path) -> None:
    await bench.queued(job_id="job-9")
    _write(tmp_path, "job-9", "json_set(record, '$.state', 'paused')")
    request = CancelRequest(job_id="job-9", reason="no need")
    await bench.ctx.bus.publish(REQUESTS, encode_cancel(request, at=bench.ctx.clock.now()))
    looks = await _look(bench, MAX_DELIVERIES + 1)
    assert [each.attempt for each in looks] == [*range(1, MAX_DELIVERIES), 1, 2]
    assert await bench.ctx.bus.dead_letters() == []


async def test_a_record_that_a_newer_worker_moved_on_sets_its_carrier_free(bench: Bench, tmp_path: Path) -> None:
    """Nothing of it is polled, sent or written any more."""
    job = await bench.queued(job_id="job-9")
    carrier = JobRunner(bench.ctx, job)
    carrier.stale = True
    _write(tmp_path, "job-9", "json_set(record, '$.state', 'paused')")
    with pytest.raises(NewerRecord):
        await carrier.run()
    assert bench.model.accepted == []
