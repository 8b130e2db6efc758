"""The courier over 76 hours, beside hanging receivers, and after an erasure: counts, and no measured time."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from infra.adapters import Adapters
from infra.webhooks.poster import HttpPoster
from schemas.domain.delivery import DeliveryState, WebhookDelivery
from schemas.domain.events import Erased
from schemas.domain.state_machine import advance
from schemas.services.erasure import Eraser
from schemas.wire.webhook import sign
from schemas.wire.webhook_address import AddressPolicy
from subscriber.courier.bulkhead import PER_HOST, SLOW_S, Bulkhead
from subscriber.courier.courier import Courier
from tests.courier.house import SECRET, House, SetClock, house_in
from tests.courier.receivers import Receiver, receiving

WAITS_S = [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_in(tmp_path) as house:
        yield house


@pytest.fixture
async def slow_house(tmp_path: Path) -> AsyncIterator[House]:
    """A house whose clock a test sets."""
    async with house_in(tmp_path, clock=SetClock()) as house:
        yield house


async def until_ended(house: House, count: int) -> list[WebhookDelivery]:
    """Wait until so many deliveries are stored, and none is pending."""
    async with asyncio.timeout(60):
        while True:
            found = await house.deliveries()
            if len(found) >= count and all(each.state is not DeliveryState.PENDING for each in found):
                return found
            await asyncio.sleep(0.02)


async def take_one(house: House) -> Courier:
    """Store the one delivery whose completion waits on the bus, without posting it at once."""
    full = Bulkhead(per_host=0)
    async with House(replace(house.ctx, bulkhead=full)).running():
        async with asyncio.timeout(20):
            while True:
                if await house.deliveries():
                    break
                await asyncio.sleep(0.01)
    return Courier(house.ctx)


async def test_a_receiver_gets_the_end_of_its_job_once_signed(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with receiving(Receiver()) as receiver, house.running():
        await house.end("j1", receiver.url, caller="acme")
        await house.announce("j1")
        await house.end("j2", None)
        await house.end("j3", receiver.url, events=["succeeded"])
        await house.end("j4", receiver.url)
        await until_ended(house, 2)
    by_id = {headers["webhook-id"]: (headers, body) for headers, body in receiver.got}
    assert len(receiver.got) == len(by_id) == 2
    headers, body = by_id["j1-1-failed"]
    event = json.loads(body)
    assert (event["id"], event["type"]) == ("j1.1.failed", "reelbus.video.failed.v1")
    assert event["statusurl"] == "https://video.example.com/api/videos/j1"
    assert event["data"]["error"]["code"] == "upstream"
    assert "webhook" not in event["data"]["request"]
    assert headers["webhook-signature"].startswith("v1,")
    delivered = {each.delivery_id: each for each in await house.deliveries()}
    assert delivered.keys() == {"j1-1-failed.request", "j4-1-failed.request"}
    assert [each.status for each in delivered["j1-1-failed.request"].attempts] == [204]
    assert "secret-1" not in caplog.text, "no log line has the token of an address"


async def test_the_signature_is_of_the_bytes_and_the_moment_of_the_attempt(slow_house: House) -> None:
    async with receiving(Receiver(answer=b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n")) as receiver:
        await slow_house.end("j1", receiver.url)
        courier = await take_one(slow_house)
        times = []
        for _ in range(3):
            await slow_house.post_next(courier)
            times.append(slow_house.ctx.clock.now())
    for at, (headers, body) in zip(times, receiver.got, strict=True):
        assert headers.items() >= sign([SECRET], webhook_id="j1-1-failed", at=at, body=body).items()
    assert len({body for _, body in receiver.got}) == 1, "every attempt sends the same bytes"
    assert len({headers["webhook-timestamp"] for headers, _ in receiver.got}) == 3


async def test_ten_attempts_in_76_hours_and_then_a_replay(slow_house: House) -> None:
    async with receiving(Receiver(answer=b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n")) as receiver:
        await slow_house.end("j1", receiver.url)
        courier = await take_one(slow_house)
        waits = [await slow_house.post_next(courier) for _ in range(10)]
        assert [wait.total_seconds() for wait in waits] == WAITS_S
        assert sum(WAITS_S) == timedelta(hours=75, minutes=35, seconds=5).total_seconds()
        (failed,) = await slow_house.deliveries()
        assert (failed.state, failed.next_at, len(failed.attempts)) == (DeliveryState.FAILED, None, 10)
        receiver.answer = Receiver.answer
        await slow_house.ctx.deliveries.save(failed.replay(slow_house.ctx.clock.now()))
        await slow_house.post_next(courier)
    (delivered,) = await slow_house.deliveries()
    assert (delivered.state, len(delivered.attempts), len(receiver.got)) == (DeliveryState.DELIVERED, 11, 11)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


@pytest.mark.parametrize(
    ("answer", "state", "wait_s"),
    [
        ("410 Gone", DeliveryState.DISABLED, None),
        ("302 Found\r\nLocation: https://example.com/", DeliveryState.PENDING, 5),
        ("503 Busy\r\nRetry-After: 3600", DeliveryState.PENDING, 3600),
        ("503 Busy\r\nRetry-After: 999999", DeliveryState.PENDING, 86_400),
    ],
)
async def test_an_answer_decides_about_the_next_attempt(
    slow_house: House, answer: str, state: DeliveryState, wait_s: float | None
) -> None:
    reply = f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode()
    async with receiving(Receiver(answer=reply)) as receiver:
        await slow_house.end("j1", receiver.url)
        await slow_house.post_next(await take_one(slow_house))
    (after,) = await slow_house.deliveries()
    assert after.state is state
    assert after.next_at == (slow_house.ctx.clock.now() + timedelta(seconds=wait_s) if wait_s else None)


async def test_a_hanging_receiver_delays_no_other(house: House) -> None:
    """Forty events for a receiver that never answers, and 200 for ten others: those all arrive while it hangs."""
    async with receiving(Receiver(answer=b"")) as hanging:
        others = [Receiver() for _ in range(10)]
        runs = [receiving(other) for other in others]
        for run in runs:
            await run.__aenter__()
        for number in range(40):
            await house.end(f"h{number}", hanging.url)
        async with house.running():
            await hanging.until(PER_HOST)
            await asyncio.gather(*(house.end(f"q{at}", others[at % 10].url) for at in range(200)))
            await asyncio.gather(*(other.until(20) for other in others))
            assert hanging.open == hanging.most_open == PER_HOST, "it hangs still, with no more than its share"
            assert max(other.most_open for other in others) <= PER_HOST
        for run in runs:
            await run.__aexit__(None, None, None)
    ids = [headers["webhook-id"] for other in others for headers, _ in other.got]
    assert len(ids) == len(set(ids)) == 200


def test_a_host_that_asks_for_less_gets_one_request_at_a_time() -> None:
    bulkhead = Bulkhead(in_all=6)
    assert [bulkhead.enter("a", 0) for _ in range(5)] == [True] * 4 + [False]
    assert [bulkhead.enter("b", 0) for _ in range(3)] == [True, True, False], "there is a limit for all"
    assert bulkhead.full_hosts(0) == ["a"]
    for _ in range(4):
        bulkhead.leave("a", 429, 0)
    assert [bulkhead.enter("a", 1) for _ in range(2)] == [True, False]
    assert bulkhead.enter("a", SLOW_S)


async def test_an_erased_job_s_delivery_sends_its_tombstone(slow_house: House, tmp_path: Path) -> None:
    ctx = slow_house.ctx
    async with receiving(Receiver(answer=b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n")) as receiver:
        await slow_house.end("j1", receiver.url)
        courier = await take_one(slow_house)
        await slow_house.post_next(courier)
        tombstone = await ctx.jobs.save(advance(slow_house.jobs["j1"], Erased(at=ctx.clock.now())))
        async with Adapters() as adapters:
            videos = await adapters.videos(f"file://{tmp_path}/videos", base_url="http://facade")
            eraser = Eraser(jobs=ctx.jobs, videos=videos, bus=ctx.bus, clock=ctx.clock, deliveries=ctx.deliveries)
            await eraser.finish([tombstone])
            (erased,) = await slow_house.deliveries()
            assert (erased.body, erased.url) == ("", receiver.url), "what is pending needs its address"
            receiver.answer = Receiver.answer
            await slow_house.post_next(courier)
            await eraser.finish([tombstone])
    (before, _), (after, body) = receiver.got
    assert before["webhook-id"] == after["webhook-id"]
    assert json.loads(body)["data"]["erased_at"]
    assert b"slow pan" not in body
    (erased,) = await slow_house.deliveries()
    assert (erased.body, erased.url) == ("", ""), "nothing that the caller wrote is left"


async def test_a_refused_address_is_not_connected_to(slow_house: House) -> None:
    poster = HttpPoster(AddressPolicy())
    async with receiving(Receiver()) as receiver:
        await slow_house.end("j1", receiver.url)
        await take_one(slow_house)
        await slow_house.post_next(Courier(replace(slow_house.ctx, poster=poster)))
    await poster.aclose()
    (delivery,) = await slow_house.deliveries()
    assert ([each.error for each in delivery.attempts], receiver.connections) == (["refused_address"], 0)
