"""A caller is told to repeat its call only where that can't be a second job."""

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx

from tests.facade.doors import Door, door_over, door_to, settings_for
from tests.facade.faults import KeepsNothing, LosesTheAnswer, Unaddressed
from tests.facade.hand import Hand, hand_at


async def test_who_can_not_come_back_is_not_told_to(door: Door) -> None:
    desk = replace(door.desk, jobs=LosesTheAnswer(door.desk.jobs))
    async with door_over({**door.state, "ctx": desk}) as lost:
        answer = await lost.post()
    job_id = _not_to_repeat(answer)
    assert (await door.client.get(answer.json()["status_url"])).json()["state"] == "queued"
    assert await door.queued() != job_id, "that it would be a second job is why it must not be told to"


async def test_a_key_may_always_come_back(door: Door) -> None:
    desk = replace(door.desk, jobs=LosesTheAnswer(door.desk.jobs))
    async with door_over({**door.state, "ctx": desk}) as lost:
        answer = await lost.post(job_id="order-1")
    assert (answer.status_code, answer.json()["error"]["retryable"]) == (503, True)
    assert int(answer.headers["retry-after"]) > 0
    assert await door.queued(job_id="order-1") == "order-1"


async def test_without_reattaching_no_caller_is_told_to_repeat_after_a_drain(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, reattach_s=0)) as door, hand_at(door.desk) as hand:
        calls = [asyncio.create_task(door.post()), asyncio.create_task(door.post(job_id="order-1"))]
        taken = {await hand.take() for _ in calls}
        door.state["waiters"].drain()
        keyless, keyed = await asyncio.gather(*calls)
    assert {_not_to_repeat(keyless), "order-1"} == taken
    assert keyed.json()["error"]["retryable"] is True


async def test_without_reattaching_no_caller_is_told_to_repeat_if_too_many_wait(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, reattach_s=0, max_waits=1)) as door:
        with door.state["waiters"].register("of-another-caller"):
            _not_to_repeat(await door.post())


async def test_a_video_without_an_address_is_asked_for_where_no_promise_could_be_noted(door: Door, hand: Hand) -> None:
    desk = replace(door.desk, jobs=KeepsNothing(door.desk.jobs), videos=Unaddressed(door.desk.videos))
    async with door_over({**door.state, "ctx": desk}) as lost:
        calling = asyncio.create_task(lost.post())
        job_id = await hand.take()
        await hand.finish(job_id)
        answer = await calling
    assert _not_to_repeat(answer) == job_id


def _not_to_repeat(answer: httpx.Response) -> str:
    """The job of a call that must not be made once more."""
    body = answer.json()
    assert (answer.status_code, body["error"]["retryable"]) == (503, False)
    assert "retry-after" not in answer.headers
    assert "ask at status_url" in body["detail"]
    assert body["status_url"].endswith(f"/api/videos/{body['video_id']}")
    return str(body["video_id"])
