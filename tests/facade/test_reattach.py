"""A legacy caller that retries gets the job whose answer it missed, not a second one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from publisher.facade.coalescing import mark_unanswered
from schemas.domain.job import Job
from schemas.errors import Category, Charged, Failure
from schemas.ports import VideoStore
from tests.facade.doors import ASYNC, Door, door_over, door_to, settings_for
from tests.facade.faults import BlindJobs, KeepsNothing, Unaddressed
from tests.facade.hand import Hand, hand_at
from tests.images import data_url, png


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """Callers lose their patience at once."""
    async with door_to(settings_for(tmp_path, wait_s=0.01)) as door:
        yield door


async def _missed(door: Door) -> str:
    answer = await door.post()
    assert answer.status_code == 504
    assert answer.json()["error"]["retryable"] is True
    return str(answer.json()["video_id"])


async def _record(door: Door, job_id: str) -> Job:
    job = await door.desk.jobs.get(job_id)
    assert job is not None
    return job


async def test_a_retry_comes_back_until_it_is_answered(door: Door, hand: Hand) -> None:
    job_id = await _missed(door)
    assert await _missed(door) == job_id
    await hand.finish(job_id)
    answer = await door.post()
    assert (answer.status_code, answer.json()["video_id"]) == (200, job_id)
    assert (await _record(door, job_id)).reattach_until is None
    assert await _missed(door) != job_id


async def test_it_holds_in_another_facade(door: Door, hand: Hand, tmp_path: Path) -> None:
    job_id = await _missed(door)
    await hand.finish(job_id)
    async with door_to(settings_for(tmp_path)) as other:
        assert (await other.post()).json()["video_id"] == job_id


async def test_another_request_is_another_job(door: Door) -> None:
    assert await _missed(door) != await door.queued(duration_seconds=6)


async def test_a_caller_with_a_key_means_its_own_job(door: Door) -> None:
    await _missed(door)
    assert await door.queued(job_id="order-1") == "order-1"


async def test_a_keyed_wait_leaves_nothing_behind(door: Door) -> None:
    assert (await door.post(job_id="order-1")).status_code == 504
    assert (await _record(door, "order-1")).reattach_until is None
    assert await _missed(door) != "order-1"


async def test_a_202_was_an_answer(door: Door) -> None:
    assert await door.queued() != await door.queued()


async def test_a_keyed_job_does_not_hide_the_one_that_is_owed(door: Door) -> None:
    job_id = await _missed(door)
    await door.queued(job_id="order-1")
    assert await _missed(door) == job_id


@pytest.mark.parametrize(("charged", "comes_back"), [(Charged.NO, False), (Charged.YES, True), (Charged.UNKNOWN, True)])
async def test_a_failure_is_worth_coming_back_to_if_it_cost(
    door: Door, hand: Hand, charged: Charged, comes_back: bool
) -> None:
    job_id = await _missed(door)
    await hand.fail(job_id, Failure(category=Category.UPSTREAM, code="broke", message="It broke.", charged=charged))
    answer = await door.post()
    assert (answer.json()["video_id"] == job_id) == comes_back
    assert answer.status_code == (500 if comes_back else 504)


async def test_a_cancelled_job_is_not_come_back_to(door: Door) -> None:
    job_id = await _missed(door)
    await door.client.delete(f"/api/videos/{job_id}")
    assert await _missed(door) != job_id


async def test_it_can_be_switched_off(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, wait_s=0.01, reattach_s=0)) as door:
        answers = [await door.post() for _ in range(2)]
        assert [answer.json()["error"]["retryable"] for answer in answers] == [False, False]
        first, second = (answer.json()["video_id"] for answer in answers)
        assert first != second
        assert (await _record(door, first)).reattach_until is None


class CountingVideos:
    """A real store that counts what is put into it."""

    def __init__(self, videos: VideoStore) -> None:
        self._videos = videos
        self.images = 0

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        self.images += content_type == "image/png"
        return await self._videos.put(name, source, content_type=content_type)

    def __getattr__(self, name: str) -> object:
        return getattr(self._videos, name)


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "order-1"}])
async def test_a_call_that_comes_back_does_not_store_its_image_again(door: Door, headers: dict[str, str]) -> None:
    videos = CountingVideos(door.desk.videos)
    desk = replace(door.desk, videos=cast("VideoStore", videos))
    async with door_over({**door.state, "ctx": desk}) as counting:
        answers = [await counting.post(headers, reference_image=data_url(png())) for _ in range(2)]
    assert len({answer.json()["video_id"] for answer in answers}) == 1
    assert videos.images == 1


async def test_it_ends(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, wait_s=0, reattach_s=0.001)) as door:
        first = await door.post()
        job = await _record(door, first.json()["video_id"])
        assert job.reattach_until
        while door.desk.clock.now() <= job.reattach_until:
            await door.client.get("/readyz")
        assert (await door.post()).json()["video_id"] != job.job_id


async def test_after_a_drain(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path)) as door, hand_at(door.desk) as hand:
        calling = asyncio.create_task(door.post())
        job_id = await hand.take()
        door.state["waiters"].drain()
        assert (await calling).status_code == 503
    async with door_to(settings_for(tmp_path)) as door:
        assert (await door.post(ASYNC)).json()["video_id"] == job_id


async def test_a_store_that_fails_at_the_end_of_the_wait_breaks_no_promise(door: Door) -> None:
    desk = replace(door.desk, jobs=BlindJobs(door.desk.jobs, blind=True))
    async with door_over({**door.state, "ctx": desk}) as blind:
        job_id = await _missed(blind)
    assert await _missed(door) == job_id


async def test_a_caller_is_told_to_come_back_only_where_it_can(door: Door) -> None:
    desk = replace(door.desk, jobs=KeepsNothing(door.desk.jobs))
    async with door_over({**door.state, "ctx": desk}) as stubborn:
        answer = await stubborn.post()
    assert (answer.status_code, answer.json()["error"]["retryable"]) == (504, False)
    assert "retry-after" not in answer.headers


async def test_a_record_that_moved_on_is_promised_all_the_same(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    before = await _record(door, job_id)
    await hand.start(job_id)
    assert await mark_unanswered(door.desk, job_id, 60, seen=before)
    assert await _missed(door) == job_id


async def test_a_video_without_an_address_is_owed(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path)) as door, hand_at(door.desk) as hand:
        desk = replace(door.desk, videos=Unaddressed(door.desk.videos))
        async with door_over({**door.state, "ctx": desk}) as lost:
            calling = asyncio.create_task(lost.post())
            job_id = await hand.take()
            await hand.finish(job_id)
            answer = await calling
        assert (answer.status_code, answer.json()["video_id"]) == (503, job_id)
        assert int(answer.headers["retry-after"]) > 0
        assert (await door.post()).json()["video_id"] == job_id


REATTACH = {"Prefer": "reattach"}


async def test_an_id_may_name_a_call_and_not_a_video(door: Door, hand: Hand) -> None:
    """A client that has to repeat its own calls gives each an id; its caller still comes back like one without."""
    first = await door.post(REATTACH, job_id="call-1")
    assert (first.status_code, first.json()["video_id"], first.json()["error"]["retryable"]) == (504, "call-1", True)
    again = await door.post(REATTACH, job_id="call-1")
    other = await door.post(REATTACH, job_id="call-2")
    assert {again.json()["video_id"], other.json()["video_id"], await _missed(door)} == {"call-1"}
    await hand.finish("call-1")
    answer = await door.post(REATTACH, job_id="call-3")
    assert (answer.status_code, answer.json()["video_id"]) == (200, "call-1")
    assert answer.headers["preference-applied"] == "reattach"
    assert (await door.post(REATTACH, job_id="call-4")).json()["video_id"] == "call-4", "the first was answered"


async def test_a_repeated_call_means_its_own_job_before_one_that_is_owed(door: Door) -> None:
    assert await door.queued(job_id="call-1") == "call-1"
    owed = await _missed(door)
    assert owed != "call-1"
    assert (await door.post(REATTACH, job_id="call-1")).json()["video_id"] == "call-1"


async def test_an_id_of_another_request_is_refused_also_to_who_would_reattach(door: Door) -> None:
    await door.post(REATTACH, job_id="call-1")
    answer = await door.post(REATTACH, job_id="call-1", duration_seconds=7)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "id_reused")
