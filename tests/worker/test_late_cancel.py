"""A cancel ends the life of the job that its sender meant: one that is late leaves a replayed job alone."""

import asyncio
from datetime import timedelta

import pytest

from publisher.context import PublisherContext
from publisher.dead_letters import replay
from publisher.jobs import cancel
from schemas.domain import events as ev
from schemas.domain.states import JobState
from schemas.ports import REQUESTS, WORKERS, GenerationRunning
from schemas.services.update import save_event
from schemas.wire.completion import Outcome
from schemas.wire.message import CANCEL, encode_cancel
from schemas.wire.request import CancelRequest
from tests.worker.bench import Bench


def _desk(bench: Bench) -> PublisherContext:
    return PublisherContext(bus=bench.ctx.bus, jobs=bench.ctx.jobs, videos=bench.ctx.videos, clock=bench.ctx.clock)


async def _replayed(bench: Bench) -> None:
    """A queued job in its second life; nothing of it is on the bus."""
    now = bench.ctx.clock.now()
    job = await bench.queued()
    ended = await save_event(bench.ctx.jobs, job, ev.CancelRequested(at=now, held=True))
    await save_event(bench.ctx.jobs, ended, ev.Replayed(at=now, deadline=now + timedelta(hours=1)))


async def _publish(bench: Bench, life: int | None) -> None:
    cancel = CancelRequest(job_id="job-1", reason="changed my mind")
    await bench.ctx.bus.publish(REQUESTS, encode_cancel(cancel, at=bench.ctx.clock.now(), life=life))


async def _cancels(bench: Bench) -> list[str | None]:
    """The lives of the cancels on the bus that no worker has settled."""
    waiting = await bench.ctx.bus.list_waiting(WORKERS)
    return [each.get("life") for each in waiting if each.get("ce-type") == CANCEL]


async def test_a_cancel_that_waits_on_the_bus_leaves_the_replayed_job_alone(bench: Bench) -> None:
    """No worker runs while the caller cancels and the operator replays; then one receives all the messages."""
    await bench.send()
    await bench.queued()
    desk = _desk(bench)
    assert (await cancel(desk, "job-1", reason="no need")).state is JobState.CANCELLED
    assert (await replay(desk, "job-1")).life == 2
    assert await _cancels(bench) == ["1"]
    async with bench.working():
        heard = [(await bench.hear()).event_id for _ in range(2)]
    assert heard == ["job-1.1.cancelled", "job-1.2.succeeded"]
    assert len(bench.model.accepted) == 1


async def test_a_late_cancel_does_not_stop_the_second_life_while_it_runs(bench: Bench) -> None:
    await _replayed(bench)
    bench.model.outcome, bench.model.poll_every_s = GenerationRunning(), 60
    async with bench.working():
        await bench.send()
        await bench.model.polled.wait()
        await _publish(bench, 1)
        async with asyncio.timeout(30):
            while await _cancels(bench):  # noqa: ASYNC110 - the bus has no event for a settled message
                await asyncio.sleep(0.02)
        running = await bench.job()
        await _publish(bench, 2)
        assert (await bench.hear()).event_id == "job-1.2.cancelled"
    assert (running.state, running.life, running.cancel_requested) == (JobState.GENERATING, 2, False)


@pytest.mark.parametrize("life", [2, None], ids=["of this life", "of an older sender"])
async def test_a_cancel_of_this_life_or_of_none_ends_the_job(bench: Bench, life: int | None) -> None:
    await _replayed(bench)
    await _publish(bench, life)
    async with bench.working():
        assert (await bench.hear()).event_id == "job-1.2.cancelled"
    assert (await bench.job()).cost_usd == 0


async def test_a_second_cancel_of_the_replayed_job_names_its_second_life(bench: Bench) -> None:
    await _replayed(bench)
    await cancel(_desk(bench), "job-1")
    assert await _cancels(bench) == ["2"]


@pytest.mark.parametrize("life", ["0", "-1", "1.0", "one", "", "1234567890"])
async def test_a_life_that_is_no_number_is_answered_and_changes_nothing(bench: Bench, life: str) -> None:
    await bench.queued()
    await bench.send_raw(b'{"job_id": "job-1"}', **{"ce-type": CANCEL, "life": life})
    async with bench.working():
        heard = await bench.hear()
    assert heard.state is Outcome.REJECTED
    assert heard.error
    assert heard.error.field == "life"
    assert "whole number" in heard.error.message
    assert (await bench.job()).state is JobState.QUEUED
