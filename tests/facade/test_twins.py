"""Identical callers without a key: a retry at once is one job, two people are two."""

import asyncio

import pytest

from publisher.facade import coalescing
from publisher.facade.coalescing import Coalescer
from tests.facade.doors import Door
from tests.facade.hand import Hand


@pytest.fixture
def long_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that waits for the end of it fails on its timeout."""
    monkeypatch.setattr(coalescing, "MOMENT_S", 3600)


async def test_two_people_with_one_prompt_get_two_videos(door: Door, hand: Hand) -> None:
    calls = [asyncio.create_task(door.post()) for _ in range(2)]
    jobs = [await hand.take() for _ in calls]
    for job_id in jobs:
        await hand.finish(job_id)
    answers = await asyncio.gather(*calls)
    assert {answer.json()["video_id"] for answer in answers} == set(jobs)
    assert len(set(jobs)) == 2


@pytest.mark.usefixtures("long_moment")
async def test_a_caller_with_a_key_has_no_twin(door: Door, hand: Hand) -> None:
    calls = [asyncio.create_task(door.post(job_id=f"job-{number}")) for number in range(2)]
    for _ in calls:
        await hand.finish(await hand.take())
    assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}


@pytest.mark.usefixtures("long_moment")
async def test_the_answer_to_one_lets_the_other_go_on(door: Door, hand: Hand) -> None:
    first = asyncio.create_task(door.post())
    job_id = await hand.take()
    second = asyncio.create_task(door.post())
    assert not (await asyncio.wait({second}, timeout=0.05))[0]
    await hand.finish(job_id)
    other = await hand.take()
    await hand.finish(other)
    assert [(await call).json()["video_id"] for call in (first, second)] == [job_id, other]


@pytest.mark.usefixtures("long_moment")
async def test_who_is_alone_does_not_wait() -> None:
    coalescer = Coalescer()
    with coalescer.join("a") as first, coalescer.join("b") as other:
        await first.wait_briefly()
        await other.wait_briefly()


@pytest.mark.usefixtures("long_moment")
async def test_a_promise_ends_the_moment() -> None:
    coalescer = Coalescer()
    with coalescer.join("a") as first, coalescer.join("a") as second:
        waiting = asyncio.create_task(second.wait_briefly())
        assert not (await asyncio.wait({waiting}, timeout=0.01))[0]
        first.mark_promised()
        await waiting


@pytest.mark.usefixtures("long_moment")
async def test_an_old_promise_is_no_news() -> None:
    coalescer = Coalescer()
    with coalescer.join("a") as first:
        first.mark_promised()
        with coalescer.join("a") as second:
            waiting = asyncio.create_task(second.wait_briefly())
            assert not (await asyncio.wait({waiting}, timeout=0.01))[0]
            first.mark_promised()
            await waiting


@pytest.mark.usefixtures("long_moment")
async def test_the_moment_ends_when_all_who_came_before_are_gone() -> None:
    coalescer = Coalescer()
    with coalescer.join("a"):
        with coalescer.join("a"), coalescer.join("a"):
            pass
        with coalescer.join("a") as last:
            waiting = asyncio.create_task(last.wait_briefly())
            with coalescer.join("a"):
                pass
            assert not (await asyncio.wait({waiting}, timeout=0.01))[0]
            waiting.cancel()
    with coalescer.join("a") as alone:
        await alone.wait_briefly()


async def test_the_moment_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalescing, "MOMENT_S", 0.001)
    coalescer = Coalescer()
    with coalescer.join("a"), coalescer.join("a") as second:
        await second.wait_briefly()


async def test_a_promise_without_identical_callers() -> None:
    coalescer = Coalescer()
    with coalescer.join("a") as left:
        pass
    left.mark_promised()
    with coalescer.join("a") as alone:
        await alone.wait_briefly()
