"""A job that ended without a video lives again, and its request is on the bus."""

from dataclasses import replace

import pytest

from publisher.context import PublisherContext
from publisher.dead_letters import replay
from publisher.jobs import cancel
from schemas.domain.job import QUEUED_AT_MOST, Job
from schemas.domain.states import ClipState, JobState
from schemas.errors import Category, Charged, Failure, Invalid, NotFound
from schemas.wire.message import decode_command
from tests.facade.doors import Door
from tests.facade.faults import DeafBus
from tests.facade.hand import Hand

BROKE = Failure(category=Category.INTERNAL, code="broke", message="It broke.", charged=Charged.NO)
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


async def _record(desk: PublisherContext, job_id: str) -> Job:
    job = await desk.jobs.get(job_id)
    assert job is not None
    return job


async def test_a_failed_job_lives_again(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    await hand.take()
    await hand.fail(job_id, BROKE)
    job = await replay(door.desk, job_id, traceparent=TRACE)
    assert (job.state, job.life, job.failure) == (JobState.QUEUED, 2, None)
    assert job.deadline > door.desk.clock.now() + QUEUED_AT_MOST * 0.9
    delivery = await hand.take_delivery()
    assert (decode_command(delivery.message), delivery.message.traceparent) == (job.request, TRACE)
    assert (await hand.finish(job_id)).state is JobState.SUCCEEDED


async def test_what_is_paid_stays_and_is_used(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    await hand.start(job_id, price_usd=1)
    await hand.accept(job_id)
    await hand.render(job_id)
    await hand.fail(job_id, BROKE)
    job = await replay(door.desk, job_id)
    assert [clip.state for clip in job.clips] == [ClipState.DONE]
    assert job.cost_usd == 1


async def test_a_cancelled_job_lives_again(door: Door) -> None:
    job_id = await door.queued()
    await cancel(door.desk, job_id)
    job = await replay(door.desk, job_id)
    assert (job.state, job.life, job.cancel_requested) == (JobState.QUEUED, 2, False)


async def test_a_replay_that_the_bus_did_not_take_is_published_by_the_same_call_again(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    await hand.take()
    await hand.fail(job_id, BROKE)
    deaf = replace(door.desk, bus=DeafBus(door.desk.bus))
    assert [(await replay(deaf, job_id)).life for _ in range(2)] == [2, 2]
    for _ in range(2):
        await replay(door.desk, job_id)
    assert await hand.take() == job_id
    other = await door.queued()
    assert await hand.take() == other


async def test_a_job_that_goes_on_stays_as_it_is(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    before = await _record(door.desk, await hand.take())
    assert (await replay(door.desk, job_id)).revision == before.revision
    other = await door.queued()
    assert await hand.take() == other, "nothing was published in between"


async def test_a_job_with_its_video_is_refused(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    await hand.finish(job_id)
    with pytest.raises(Invalid, match="already has its video"):
        await replay(door.desk, job_id)
    assert (await _record(door.desk, job_id)).life == 1


async def test_an_unknown_job(door: Door) -> None:
    with pytest.raises(NotFound):
        await replay(door.desk, "never-was")


async def test_a_lost_publish_is_left_to_reconcile(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    await hand.fail(job_id, BROKE)
    job = await replay(replace(door.desk, bus=DeafBus(door.desk.bus)), job_id)
    assert (job.state, job.life) == (JobState.QUEUED, 2)
    assert job.next_check_at is not None
