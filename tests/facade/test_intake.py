"""More requests at once than are processed: they queue, each is answered, and a disconnected caller gets no job."""

import asyncio
import json
from pathlib import Path

import pytest
from starlette.types import Message

from publisher.facade import coalescing, request_body
from publisher.facade.app import build_app
from publisher.facade.request_body import AdmissionControl, Overloaded
from schemas.ports import JobQuery
from tests.facade.doors import ASYNC, GENERATE, PROMPT, Door, door_to, settings_for
from tests.facade.hand import hand_at


async def test_turns_are_given_in_the_order_of_asking() -> None:
    admission, served = AdmissionControl(1), list[int]()

    async def take(number: int) -> None:
        with await admission.acquire():
            served.append(number)

    with await admission.acquire() as first:
        assert not first.queued
        others = [asyncio.create_task(take(number)) for number in range(3)]
        assert not (await asyncio.wait(others, timeout=0.01))[0]
    await asyncio.gather(*others)
    assert served == [0, 1, 2]


async def test_a_turn_that_is_given_up_early_is_given_up_once() -> None:
    admission = AdmissionControl(1)
    with await admission.acquire() as first:
        first.release()
        with await admission.acquire():
            waiting = asyncio.create_task(admission.acquire())
            first.release()
            assert not (await asyncio.wait({waiting}, timeout=0.01))[0]
        assert (await waiting).queued


async def test_one_who_stops_waiting_takes_no_turn_along() -> None:
    admission = AdmissionControl(1)
    with await admission.acquire():
        waiting = asyncio.create_task(admission.acquire())
        await asyncio.wait({waiting}, timeout=0.01)
        waiting.cancel()
    with await admission.acquire() as next_one:
        assert not next_one.queued


async def test_a_turn_does_not_come_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "WITHIN_S", 0.01)
    admission = AdmissionControl(1)
    with (
        await admission.acquire(),
        pytest.raises(Overloaded, match=r"1 requests are processed at a time.*no job was made"),
    ):
        await admission.acquire()


async def test_who_got_no_turn_may_ask_again_and_has_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "WITHIN_S", 0.01)
    async with door_to(settings_for(tmp_path, intake_at_once=1)) as door:
        with await door.state["admission"].acquire():
            answer = await door.post(ASYNC)
        body = answer.json()
        assert (answer.status_code, body["error"]["code"], body["error"]["charged"]) == (503, "too_busy", "no")
        assert body["error"]["retryable"]
        assert "video_id" not in body
        assert int(answer.headers["retry-after"]) > 0
        assert await _jobs(door) == 0
        assert (await door.post(ASYNC)).status_code == 202


@pytest.mark.parametrize(
    "path",
    [
        GENERATE,
        "/api/videos/plan",
        "/api/videos/batch",
        "/api/videos/batch/plan",
        "/api/films",
        "/api/films/plan",
        "/v1/videos",
    ],
)
async def test_nothing_is_made_for_one_who_hung_up_in_the_queue(tmp_path: Path, path: str) -> None:
    async with door_to(settings_for(tmp_path, intake_at_once=1)) as door:
        hung_up = asyncio.Event()
        with await door.state["admission"].acquire():
            call = asyncio.create_task(call_and_hang_up(door, hung_up, path))
            assert not (await asyncio.wait({call}, timeout=0.05))[0]
            hung_up.set()
        assert await call == 499
        assert await _jobs(door) == 0


async def test_a_server_that_goes_down_makes_no_jobs_for_those_in_the_queue(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, intake_at_once=1)) as door:
        with await door.state["admission"].acquire():
            call = asyncio.create_task(door.post())
            assert not (await asyncio.wait({call}, timeout=0.05))[0]
            door.state["waiters"].drain()
        answer = await call
        body = answer.json()
        assert (answer.status_code, body["error"]["code"]) == (503, "draining")
        assert body["detail"].endswith("no job was made of this request")
        assert int(answer.headers["retry-after"]) > 0
        assert await _jobs(door) == 0


async def test_callers_that_wait_for_videos_or_identical_calls_hold_no_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coalescing, "MOMENT_S", 3600)
    async with door_to(settings_for(tmp_path, intake_at_once=1)) as door, hand_at(door.desk) as hand:
        first = asyncio.create_task(door.post())
        job_id = await hand.take()
        twin = asyncio.create_task(door.post())
        assert not (await asyncio.wait({twin}, timeout=0.05))[0]
        await door.queued(job_id="order-1")
        await hand.finish(job_id)
        assert (await first).status_code == 200
        taken = {await hand.take(), await hand.take()}
        assert "order-1" in taken
        await hand.finish((taken - {"order-1"}).pop())
        assert (await twin).status_code == 200


async def _jobs(door: Door) -> int:
    return len((await door.desk.jobs.list(JobQuery())).jobs)


async def call_and_hang_up(door: Door, hung_up: asyncio.Event, path: str = GENERATE) -> int:
    """The status that would be written to a caller who hangs up then."""
    body = json.dumps({"prompt": PROMPT}).encode()
    coming: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    statuses = list[int]()

    async def receive() -> Message:
        if coming:
            return coming.pop()
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    head = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": path, "headers": head, "query_string": b""}
    await build_app(door.state)({**scope, "state": dict(door.state)}, receive, send)
    return statuses[0]
