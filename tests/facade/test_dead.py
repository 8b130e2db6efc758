"""Dead letters: looked at, and given another chance."""

import pytest

from publisher.dead_letters import list_dead_letters, replay_dead_letter, show_dead_letter
from publisher.jobs import cancel
from schemas.domain.states import JobState
from schemas.errors import Category, Charged, Failure, NotFound
from schemas.ports import REQUESTS, DeadLetter
from schemas.wire.message import encode_request
from schemas.wire.request import VideoRequest
from tests.facade.doors import PROMPT, Door
from tests.facade.hand import Hand
from tests.images import data_url, png

BROKE = Failure(category=Category.INTERNAL, code="broke", message="It broke.", charged=Charged.NO)
IMAGE = data_url(png())


async def _buried(door: Door, hand: Hand) -> DeadLetter:
    await hand.bury("given up")
    (letter,) = await list_dead_letters(door.desk)
    return letter


async def test_a_letter_is_listed_and_shown(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    letter = await _buried(door, hand)
    assert (letter.message.attributes["job_id"], letter.cause) == (job_id, "given up")
    assert await show_dead_letter(door.desk, letter.id) == letter


async def test_a_replay_revives_a_failed_job(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    letter = await _buried(door, hand)
    await hand.fail(job_id, BROKE)
    await replay_dead_letter(door.desk, letter.id)
    assert await hand.take() == job_id
    job = await door.desk.jobs.get(job_id)
    assert job is not None
    assert (job.state, job.life, job.failure) == (JobState.QUEUED, 2, None)
    assert await list_dead_letters(door.desk) == []


async def test_a_replay_leaves_a_finished_or_waiting_job_as_it_is(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    letter = await _buried(door, hand)
    await hand.finish(job_id)
    await replay_dead_letter(door.desk, letter.id)
    job = await door.desk.jobs.get(job_id)
    assert job is not None
    assert (job.state, job.life) == (JobState.SUCCEEDED, 1)


async def test_a_letter_for_another_request_revives_nothing(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    await hand.take()
    await hand.fail(job_id, BROKE)
    await _publish(door, VideoRequest(job_id=job_id, prompt=PROMPT, duration_seconds=30, reference_image=IMAGE))
    letter = await _buried(door, hand)
    await replay_dead_letter(door.desk, letter.id)
    assert not await door.desk.videos.list("references/")
    assert await hand.take() == job_id
    job = await door.desk.jobs.get(job_id)
    assert job is not None
    assert (job.state, job.life) == (JobState.FAILED, 1)


async def test_a_letter_with_its_image_inside_revives_its_job(door: Door, hand: Hand) -> None:
    job_id = await door.queued(reference_image=IMAGE)
    await hand.take()
    await hand.fail(job_id, BROKE)
    await _publish(door, VideoRequest(job_id=job_id, prompt=PROMPT, reference_image=IMAGE))
    letter = await _buried(door, hand)
    await replay_dead_letter(door.desk, letter.id)
    job = await door.desk.jobs.get(job_id)
    assert job is not None
    assert (job.state, job.life) == (JobState.QUEUED, 2)


async def test_a_letter_whose_image_is_none_revives_nothing(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    await hand.take()
    await hand.fail(job_id, BROKE)
    await _publish(door, VideoRequest(job_id=job_id, prompt=PROMPT, reference_image="gs://nowhere/to/be.png"))
    letter = await _buried(door, hand)
    await replay_dead_letter(door.desk, letter.id)
    job = await door.desk.jobs.get(job_id)
    assert job is not None
    assert job.life == 1


async def _publish(door: Door, request: VideoRequest) -> None:
    await door.desk.bus.publish(REQUESTS, encode_request(request, at=door.desk.clock.now()))


async def test_a_replayed_cancel_revives_nothing(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    await hand.take()
    await cancel(door.desk, job_id)
    letter = await _buried(door, hand)
    await replay_dead_letter(door.desk, letter.id)
    job = await door.desk.jobs.get(job_id)
    assert job is not None
    assert (job.state, job.life) == (JobState.CANCELLED, 1)


async def test_an_unknown_letter(door: Door) -> None:
    with pytest.raises(NotFound):
        await replay_dead_letter(door.desk, "12345678")
