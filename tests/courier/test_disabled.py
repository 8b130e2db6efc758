"""A receiver that answers 410 gets no more events of its endpoint, in no process, until an operator enables it."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from schemas.domain.delivery import CLAIM, DeliveryState, WebhookDelivery
from schemas.errors import Unavailable
from schemas.ports import Deliveries
from schemas.wire.webhook_endpoints import WebhookEndpoint
from subscriber.courier.bulkhead import Bulkhead
from subscriber.courier.courier import Courier
from subscriber.courier.endpoints import KNOWN_FOR_S, EndpointStates
from tests.courier.house import House, SetClock, house_in
from tests.courier.receivers import Receiver, receiving
from tests.courier.test_courier import until_ended
from tests.courier.test_endpoints import house_with

GONE = b"HTTP/1.1 410 Gone\r\n\r\n"
BUSY = b"HTTP/1.1 500 Busy\r\n\r\n"


async def until(house: House, holds: Callable[[list[WebhookDelivery]], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if holds(await house.deliveries()):
                return
            await asyncio.sleep(0.02)


def states(deliveries: list[WebhookDelivery]) -> dict[str, DeliveryState]:
    return {each.delivery_id: each.state for each in deliveries}


async def test_after_a_410_an_endpoint_gets_nothing_until_it_is_enabled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with house_in(tmp_path) as plain, receiving(Receiver(first=[GONE])) as crm:
        house = house_with(plain, WebhookEndpoint(name="crm", url=crm.url))
        async with house.running():
            await house.end("j1", None)
            await until_ended(house, 1)
            await house.end("j2", None)
            await until_ended(house, 2)
        (endpoint,) = await house.ctx.deliveries.list_disabled_endpoints()
        assert (endpoint.name, endpoint.delivery_id) == ("crm", "j1-1-failed.crm")
        async with house.running():  # another process knows it, too; the same address in a request is no endpoint
            await house.end("j3", crm.url)
            found = states(await until_ended(house, 4))
        assert len(crm.got) == 2
        assert await house.ctx.deliveries.enable_endpoint("crm")
        async with house.running():
            await house.end("j4", None)
            await until_ended(house, 5)
            (missed,) = [each for each in await house.deliveries() if each.delivery_id == "j2-1-failed.crm"]
            await house.ctx.deliveries.save(missed.replay(house.ctx.clock.now()))
            await crm.until(4)
            await until_ended(house, 5)
    assert found == {
        "j1-1-failed.crm": DeliveryState.DISABLED,
        "j2-1-failed.crm": DeliveryState.DISABLED,
        "j3-1-failed.crm": DeliveryState.DISABLED,
        "j3-1-failed.request": DeliveryState.DELIVERED,
    }
    assert missed.attempts == (), "it was never posted"
    assert [headers["webhook-id"] for headers, _ in crm.got] == [
        "j1-1-failed",
        "j3-1-failed",
        "j4-1-failed",
        "j2-1-failed",
    ]
    (line,) = [each for each in caplog.records if getattr(each, "action", "") == "webhook_endpoint_disabled"]
    assert line.levelno == logging.WARNING
    assert line.__dict__["remedy"] == "reelbus webhooks enable crm"
    assert "secret-1" not in caplog.text + str([each.__dict__ for each in caplog.records])


async def test_what_waits_for_its_next_attempt_is_not_posted_either(tmp_path: Path) -> None:
    """Two events fail; the next attempt of the first is answered 410: the second is not posted again."""
    async with house_in(tmp_path, clock=SetClock()) as plain, receiving(Receiver(first=[BUSY, BUSY, GONE])) as crm:
        house = house_with(plain, WebhookEndpoint(name="crm", url=crm.url))
        async with house.running():
            for count, job_id in enumerate(("j1", "j2"), start=1):
                await house.end(job_id, None)
                await crm.until(count)
                await until(house, lambda found: all(each.attempts for each in found))
        clock = cast("SetClock", house.ctx.clock)
        clock.at += timedelta(seconds=6)
        serial = Courier(replace(house.ctx, bulkhead=Bulkhead(per_host=1)))
        while await serial.begin_due():
            await serial.join()
        found = await house.deliveries()
    assert len(crm.got) == 3
    assert set(states(found).values()) == {DeliveryState.DISABLED}
    assert sorted(len(each.attempts) for each in found) == [1, 2]


async def test_with_another_address_in_the_settings_an_endpoint_gets_events(tmp_path: Path) -> None:
    async with house_in(tmp_path) as plain, receiving(Receiver(answer=GONE)) as old, receiving(Receiver()) as new:
        before = house_with(plain, WebhookEndpoint(name="crm", url=old.url))
        async with before.running():
            await before.end("j1", None)
            await until_ended(before, 1)
        after = house_with(plain, WebhookEndpoint(name="crm", url=new.url))
        async with after.running():
            await after.end("j2", None)
            await until_ended(after, 2)
    assert (len(old.got), len(new.got)) == (1, 1)


async def test_a_courier_that_took_it_for_enabled_looks_again_after_half_a_minute(tmp_path: Path) -> None:
    async with house_in(tmp_path, clock=SetClock()) as plain, receiving(Receiver()) as crm:
        house = house_with(plain, WebhookEndpoint(name="crm", url=crm.url))
        clock, one = cast("SetClock", house.ctx.clock), Courier(house.ctx)
        await post(house, one, "j1")
        (sent,) = await house.deliveries()
        await EndpointStates(house.ctx.deliveries, clock).note(sent.disable())
        await post(house, one, "j2")
        clock.at += timedelta(seconds=KNOWN_FOR_S)
        await post(house, one, "j3")
        assert await house.ctx.deliveries.enable_endpoint("crm")
        await post(house, one, "j4")
    assert [headers["webhook-id"] for headers, _ in crm.got] == ["j1-1-failed", "j2-1-failed", "j4-1-failed"]


async def post(house: House, courier: Courier, job_id: str) -> None:
    """Store the delivery of this end, and let that courier post it."""
    await house.end(job_id, None)
    count = len(await house.deliveries())
    async with House(replace(house.ctx, bulkhead=Bulkhead(per_host=0))).running():
        await until(house, lambda found: len(found) > count)
    assert await courier.begin_due()
    await courier.join()


class LostOnce:
    """Deliveries of which the first result of a post can't be stored."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries, self._lost = deliveries, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._deliveries, name)

    async def save(self, delivery: WebhookDelivery) -> WebhookDelivery:
        if delivery.attempts and not self._lost:
            self._lost = True
            raise Unavailable("the store is out of reach")
        return await self._deliveries.save(delivery)


async def test_a_410_whose_result_was_lost_is_not_posted_again(tmp_path: Path) -> None:
    """The endpoint is disabled before the result is stored: the next courier stores the delivery as disabled."""
    async with house_in(tmp_path, clock=SetClock()) as plain, receiving(Receiver(answer=GONE)) as crm:
        house = house_with(plain, WebhookEndpoint(name="crm", url=crm.url))
        clock = cast("SetClock", house.ctx.clock)
        await post(
            house, Courier(replace(house.ctx, deliveries=cast("Deliveries", LostOnce(house.ctx.deliveries)))), "j1"
        )
        (lost,) = await house.deliveries()
        assert lost.state is DeliveryState.PENDING
        clock.at += CLAIM
        other = Courier(house.ctx)
        assert await other.begin_due()
        await other.join()
        (found,) = await house.deliveries()
    assert (found.state, len(crm.got)) == (DeliveryState.DISABLED, 1)
