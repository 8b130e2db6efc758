"""Thousands wait, and none of them for ever."""

import asyncio
import base64
import json
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from publisher.waiting import Draining, Waiter, Waiters
from schemas.errors import NotFound
from tests.facade.doors import GENERATE, PROMPT, Door, door_over, door_to, settings_for
from tests.facade.faults import BreakingBus, BrokenBus, FlakyBus, HastyClock
from tests.facade.hand import Hand, hand_at
from tests.images import png


async def test_a_lost_completion_only_delays(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, look_every_s=0.05)) as door, hand_at(door.desk) as hand:
        calling = asyncio.create_task(door.post())
        job = await hand.finish_quietly(await hand.take())
        answer = await calling
        assert (answer.status_code, answer.json()["gcs_path"]) == (200, job.final_name)


async def test_two_facades_on_one_store_answer_their_own(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        doors = [await stack.enter_async_context(door_to(settings_for(tmp_path))) for _ in range(2)]
        hand = await stack.enter_async_context(hand_at(doors[0].desk))
        calls = [asyncio.create_task(door.post(job_id=f"job-{i}")) for i, door in enumerate(doors)]
        for _ in calls:
            await hand.finish(await hand.take())
        answers = [await call for call in calls]
        assert [answer.json()["video_id"] for answer in answers] == ["job-0", "job-1"]


async def test_two_hundred_wait_at_once(door: Door, hand: Hand) -> None:
    calls = [asyncio.create_task(door.post(job_id=f"job-{i}", prompt=f"prompt number {i}")) for i in range(200)]
    taken = [await hand.take() for _ in calls]
    await asyncio.gather(*(hand.finish(job_id) for job_id in reversed(taken)))
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.json()["video_id"] for answer in answers] == [f"job-{i}" for i in range(200)]
    assert [answer.json()["prompt"] for answer in answers] == [f"prompt number {i}" for i in range(200)]


async def test_a_full_house_names_the_limit_and_the_job_that_goes_on(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, max_waits=1)) as door, hand_at(door.desk) as hand:
        waiting = asyncio.create_task(door.post())
        job_id = await hand.take()
        answer = await door.post(prompt="another caller's prompt")
        other, body = await hand.take(), answer.json()
        assert (answer.status_code, body["error"]["code"], body["video_id"]) == (503, "too_many_waits", other)
        assert body["detail"].startswith("1 callers are waiting, which is the limit")
        assert body["status_url"].endswith(f"/api/videos/{other}")
        assert int(answer.headers["retry-after"]) > 0
        await hand.finish(job_id)
        assert (await waiting).status_code == 200
        again = asyncio.create_task(door.post(prompt="another caller's prompt"))
        while not door.state["waiters"].waiting:
            await door.client.get("/readyz")
        await hand.finish(other)
        assert (await again).json()["video_id"] == other, "the same call again would be a second job"


async def test_a_full_house_answers_at_once_who_would_take_a_202(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, max_waits=1)) as door:
        with door.state["waiters"].register("of-another-caller"):
            assert (await door.post({"Prefer": "wait=60"})).status_code == 202


async def test_a_full_house_still_answers_who_does_not_wait(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, max_waits=1)) as door:
        job_id = await door.queued()
        with door.state["waiters"].register(job_id):
            assert await door.queued(job_id="order-1") == "order-1"
            assert (await door.client.get(f"/api/videos/{job_id}")).status_code == 200


async def test_a_caller_that_comes_back_takes_one_place(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, max_waits=1, wait_s=0.01)) as door:
        assert [(await door.post()).status_code for _ in range(2)] == [504, 504]


@pytest.mark.parametrize("what", ["?wait=60", "/events"])
async def test_a_full_house_is_full_at_every_door(tmp_path: Path, what: str) -> None:
    async with door_to(settings_for(tmp_path, max_waits=1)) as door, hand_at(door.desk) as hand:
        job_id = await door.queued()
        calls = [asyncio.create_task(door.client.get(f"/api/videos/{job_id}{what}")) for _ in range(5)]
        late, pending = set[asyncio.Task[httpx.Response]](), set(calls)
        while len(pending) > 1:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            late |= done
        assert {(call.result().status_code, call.result().json()["video_id"]) for call in late} == {(503, job_id)}
        assert all(int(call.result().headers["retry-after"]) > 0 for call in late)
        await hand.finish(job_id)
        assert (await pending.pop()).status_code == 200
        assert door.state["waiters"].waiting == 0


async def test_waiting_callers_do_not_hold_their_images(door: Door, hand: Hand) -> None:
    image = base64.b64encode(png(padding=3_000_000)).decode()
    body = json.dumps({"prompt": PROMPT, "reference_image": f"data:image/png;base64,{image}"}).encode()

    async def sent() -> AsyncIterator[bytes]:
        yield body[:-1]
        yield body[-1:]

    tracemalloc.start()
    try:
        calls = []
        for number in range(4):
            headers = {"Idempotency-Key": f"job-{number}"}
            calls.append(asyncio.create_task(door.client.post(GENERATE, content=sent(), headers=headers)))
            await hand.take()
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes < 4_000_000, "4 MB of body and as much text for each would be 32 MB"
    for number in range(4):
        await hand.finish(f"job-{number}")
    assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}


async def test_a_drain_sends_everybody_away_with_an_address(door: Door, hand: Hand) -> None:
    posting = asyncio.create_task(door.post())
    job_id = await hand.take()
    getting = asyncio.create_task(door.client.get(f"/api/videos/{job_id}?wait=60"))
    watching = asyncio.create_task(door.client.get(f"/api/videos/{job_id}/events"))
    await _until_waiting(door, 3)
    door.state["waiters"].drain()
    for answer in (await posting, await getting):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        body = answer.json()
        assert (body["error"]["code"], body["video_id"]) == ("draining", job_id)
        assert body["status_url"].endswith(f"/api/videos/{job_id}")
    assert "event: done" not in (await watching).text
    assert (await door.client.get("/readyz")).status_code == 503


async def test_an_unknown_job_is_not_waited_for(door: Door) -> None:
    with pytest.raises(NotFound):
        await door.state["waiters"].until_ended("never-was", 60)


async def test_no_time_is_one_look(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    assert await door.state["waiters"].until_ended(job_id, 0) is None
    await hand.finish_quietly(job_id)
    assert await door.state["waiters"].until_ended(job_id, 0)


async def test_trouble_with_the_bus_is_survived(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    bus = FlakyBus(door.desk.bus)
    desk = replace(door.desk, bus=bus, clock=HastyClock(door.desk.clock))
    async with Waiters(desk, look_every_s=60) as waiters:
        waiting = asyncio.create_task(waiters.until_ended(job_id, 60))
        await bus.repaired.wait()
        await hand.finish(job_id)
        assert await waiting
    assert bus.refused == 3


async def test_a_broken_listener_is_logged_seen_and_begins_again(
    door: Door, hand: Hand, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = await door.queued()
    bus = BrokenBus(door.desk.bus)
    desk = replace(door.desk, bus=bus, clock=HastyClock(door.desk.clock))
    async with Waiters(desk, look_every_s=60) as waiters, door_over({**door.state, "waiters": waiters}) as other:
        assert "completions_broke" in [vars(record).get("action") for record in caplog.records]
        answer = await other.client.get("/readyz")
        assert (answer.status_code, answer.json()["missing"]) == (503, "completions")
        bus.mended = True
        waiting = asyncio.create_task(waiters.until_ended(job_id, 60))
        await _until_ready(other)
        await hand.finish(job_id)
        assert await waiting


async def test_a_listener_that_breaks_in_the_middle_begins_again(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    bus = BreakingBus(door.desk.bus)
    desk = replace(door.desk, bus=bus, clock=HastyClock(door.desk.clock))
    async with Waiters(desk, look_every_s=60) as waiters, door_over({**door.state, "waiters": waiters}) as other:
        waiting = asyncio.create_task(waiters.until_ended(job_id, 60))
        bus.breaks.set()
        await bus.begun_again.wait()
        await _until_ready(other)
        await hand.finish(job_id)
        assert await waiting


async def test_news_in_the_turn_in_which_the_wait_expires(door: Door) -> None:
    """Both timers are due in one turn of the loop, after it was held up: the wait expires first, then news comes."""
    waiters, loop = Waiters(door.desk), asyncio.get_running_loop()
    told, raised = asyncio.Event(), list[RuntimeError]()

    def news() -> None:
        try:
            waiters.drain()
        except RuntimeError as error:
            raised.append(error)
        told.set()

    async def wait(place: Waiter, timeout_s: float) -> str:
        try:
            await place.wait(timeout_s)
        except Draining:
            return "sent away"
        return "waited"

    with waiters.register("first") as first, waiters.register("second") as second:
        waiting = [asyncio.create_task(wait(first, 0.01)), asyncio.create_task(wait(second, 60))]
        await asyncio.sleep(0)
        loop.call_later(0.011, news)
        time.sleep(0.05)  # noqa: ASYNC251  the loop is held up on purpose
        await told.wait()
        assert await asyncio.gather(*waiting) == ["sent away", "sent away"]
    assert raised == []


async def test_no_new_caller_waits_while_draining(door: Door) -> None:
    job_id = await door.queued()
    door.state["waiters"].drain()
    with pytest.raises(Draining):
        await door.state["waiters"].until_ended(job_id, 60)


async def _until_ready(door: Door) -> None:
    while (await door.client.get("/readyz")).status_code != 200:
        pass


async def _until_waiting(door: Door, callers: int) -> None:
    while door.state["waiters"].waiting < callers:
        await door.client.get("/readyz")
