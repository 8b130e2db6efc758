"""Endpoints of the settings hear of the ends that their filters let through, beside the webhook of a request."""

import base64
import hmac
import json
from dataclasses import replace
from pathlib import Path

from schemas.domain.delivery import DeliveryState
from schemas.domain.events import Erased
from schemas.domain.state_machine import advance
from schemas.wire.caller_names import to_stored_id
from schemas.wire.webhook import derive_endpoint_secret
from schemas.wire.webhook_endpoints import WebhookEndpoint
from subscriber.courier.bulkhead import Bulkhead
from tests.courier.house import SECRET, House, SetClock, house_in
from tests.courier.receivers import Receiver, receiving
from tests.courier.test_courier import until_ended

MASTER = bytes(range(40, 72))
STORED = to_stored_id("acme", "j1")


def house_with(house: House, *endpoints: WebhookEndpoint) -> House:
    ctx = replace(
        house.ctx, endpoints=endpoints, endpoint_secrets_of=lambda name: [derive_endpoint_secret(MASTER, name)]
    )
    return House(ctx)


def _signs(secret: bytes, headers: dict[str, str], body: bytes) -> bool:
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(secret, content, "sha256")).decode()
    return headers["webhook-signature"] == expected


async def test_each_address_gets_its_own_event_with_its_own_signature(tmp_path: Path) -> None:
    async with house_in(tmp_path) as plain, receiving(Receiver()) as own, receiving(Receiver()) as crm:
        all_ends = WebhookEndpoint(name="crm", url=crm.url)
        filtered = WebhookEndpoint(name="shop-only", url=crm.url, project_id="shop")
        house = house_with(plain, all_ends, filtered)
        async with house.running():
            await house.end(STORED, own.url, caller="acme")
            await house.end("j2", None)
            await until_ended(house, 3)
            await house.announce("j2")  # a repeat of the completion
            await house.end("j3", None)
            deliveries = await until_ended(house, 4)
    assert {each.delivery_id: each.caller for each in deliveries} == {
        f"{STORED}-1-failed.request": "acme",
        f"{STORED}-1-failed.crm": None,
        "j2-1-failed.crm": None,
        "j3-1-failed.crm": None,
    }
    assert {each.state for each in deliveries} == {DeliveryState.DELIVERED}
    [(headers, body)] = own.got
    assert _signs(SECRET, headers, body)
    assert len(crm.got) == 3
    assert all(_signs(derive_endpoint_secret(MASTER, "crm"), *each) for each in crm.got)
    stored_ids = {json.loads(body)["data"]["video_id"] for _, body in crm.got}
    assert stored_ids == {STORED, "j2", "j3"}, "an operator's endpoint gets the stored ids"


async def test_a_host_without_room_is_posted_to_later(tmp_path: Path) -> None:
    """Two endpoints at one host that takes one request at a time: both are stored before the completion is settled."""
    async with house_in(tmp_path) as plain, receiving(Receiver()) as receiver:
        endpoints = [WebhookEndpoint(name=f"e{number}", url=receiver.url) for number in range(5)]
        house = house_with(replace(plain, ctx=replace(plain.ctx, bulkhead=Bulkhead(per_host=1))), *endpoints)
        async with house.running():
            await house.end("j1", None)
            await until_ended(house, 5)
    assert receiver.most_open == 1
    assert len({body for _, body in receiver.got}) == 1
    assert {headers["webhook-id"] for headers, _ in receiver.got} == {"j1-1-failed"}


async def test_after_an_erasure_an_endpoint_gets_the_tombstone_with_the_stored_id(tmp_path: Path) -> None:
    clock = SetClock()
    async with house_in(tmp_path, clock=clock) as plain, receiving(Receiver()) as receiver:
        house = house_with(plain, WebhookEndpoint(name="crm", url=receiver.url))
        full = House(replace(house.ctx, bulkhead=Bulkhead(per_host=0)))
        async with full.running():
            await house.end(STORED, None, caller="acme")
            while not await house.deliveries():
                await clock.sleep(0.02)
        job = await house.ctx.jobs.get(STORED)
        [stored] = await house.deliveries()
        assert job
        await house.ctx.jobs.save(advance(job, Erased(at=clock.now())))
        await house.ctx.deliveries.save(stored.erase())
        async with house.running():
            await until_ended(house, 1)
    [(_, body)] = receiver.got
    event = json.loads(body)
    assert (event["data"]["video_id"], "erased_at" in event["data"]) == (STORED, True)
    assert event["statusurl"].endswith(f"/api/videos/{STORED}")
