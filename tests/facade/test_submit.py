"""Taking a request in, when the stores fail half-way."""

import asyncio
import inspect
from dataclasses import replace
from typing import Any

import pytest

from publisher.facade.call import State
from publisher.submit import SubmitUncertain, submit
from schemas.wire.message import decode_command
from schemas.wire.request import VideoRequest
from tests.facade.doors import ASYNC, PROMPT, Door, door_over
from tests.facade.faults import DeafBus, UnreachableJobs
from tests.facade.hand import Hand
from tests.images import data_url, png


async def test_a_message_carries_what_the_record_holds(door: Door, hand: Hand) -> None:
    traceparent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    request = VideoRequest(job_id="order-1", prompt=PROMPT)
    job = await submit(door.desk, request, traceparent=traceparent)
    delivery = await hand.take_delivery()
    assert (job.request, job.traceparent) == (request, traceparent)
    assert decode_command(delivery.message) == request
    assert (delivery.message.traceparent, delivery.message.attributes["job_id"]) == (traceparent, "order-1")


async def test_a_lost_publish_names_the_job_and_the_caller_comes_back_to_it(door: Door) -> None:
    state: State = {**door.state, "ctx": replace(door.desk, bus=DeafBus(door.desk.bus))}
    async with door_over(state) as deaf:
        answer = await deaf.post()
    assert answer.status_code == 503
    body = answer.json()
    assert (body["error"]["retryable"], body["status_url"].rpartition("/")[2]) == (True, body["video_id"])
    assert int(answer.headers["retry-after"]) > 0
    again = await door.post(ASYNC)
    assert (again.status_code, again.json()["video_id"]) == (202, body["video_id"])


@pytest.mark.parametrize("body", [{"job_id": "order-1"}, {}], ids=["with an id", "without"])
async def test_after_an_outage_of_the_bus_the_same_call_publishes_at_once(
    door: Door, hand: Hand, body: dict[str, Any]
) -> None:
    state: State = {**door.state, "ctx": replace(door.desk, bus=DeafBus(door.desk.bus))}
    async with door_over(state) as deaf:
        lost = await deaf.post(**body)
        still_lost = await deaf.post(ASYNC, **body)
    # Without an id the second call comes back to its job, which waits for `reconcile` while the bus is away.
    assert (lost.status_code, still_lost.status_code) == (503, 503 if body else 202)
    job_id = lost.json()["video_id"]
    again = await door.post(ASYNC, **body)
    assert (again.status_code, again.json()["video_id"]) == (202, job_id)
    assert await hand.take() == job_id
    assert (await door.post(ASYNC, **{**body, "job_id": job_id})).status_code == 202
    other = await door.queued(prompt="another prompt, no less lovely")
    assert await hand.take() == other, "a request that waits on the bus is not published again"


async def test_no_store_no_job(door: Door) -> None:
    desk = replace(door.desk, jobs=UnreachableJobs())
    with pytest.raises(SubmitUncertain) as caught:
        await submit(desk, VideoRequest(job_id="order-1", prompt=PROMPT))
    assert caught.value.job_id == "order-1"
    assert await door.desk.jobs.get("order-1") is None


async def test_the_same_id_at_the_same_time_is_one_job(door: Door, hand: Hand) -> None:
    answers = await asyncio.gather(*(door.post(ASYNC, job_id="order-1") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {202}
    other = await door.queued()
    assert [await hand.take(), await hand.take()] == ["order-1", other]


class _Recorded:
    """A port that notes the names of the calls that reach it."""

    def __init__(self, port: object, calls: list[str]) -> None:
        self._port = port
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if not inspect.iscoroutinefunction(value):
            return value

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._calls.append(name)
            return await value(*args, **kwargs)

        return call


@pytest.mark.parametrize(
    ("headers", "calls"),
    [
        ({}, ["list", "put", "put", "create", "ahead_of"]),
        ({"Idempotency-Key": "one"}, ["get", "put", "put", "create", "ahead_of"]),
        (
            {"Idempotency-Key": "one", "Prefer": "respond-async, reattach"},
            ["get", "list", "put", "put", "create", "ahead_of"],
        ),
    ],
    ids=["no id", "an id", "an id of the call alone"],
)
async def test_an_image_is_stored_once(door: Door, headers: dict[str, str], calls: list[str]) -> None:
    """The search for an existing job; the image and its reference; then the record, and the view of the answer."""
    made = list[str]()
    jobs: Any = _Recorded(door.desk.jobs, made)
    videos: Any = _Recorded(door.desk.videos, made)
    async with door_over({**door.state, "ctx": replace(door.desk, jobs=jobs, videos=videos)}) as recorded:
        answer = await recorded.post({**ASYNC, **headers}, reference_image=data_url(png()))
    assert answer.status_code == 202
    assert made == calls
