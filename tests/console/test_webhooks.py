"""The pages about webhooks: deliveries with their attempts, whose they are, and their replay."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from publisher.settings import new_key
from schemas.domain.delivery import Attempt, DeliveryState
from tests.contract.test_deliveries import NOON, a_delivery, an_endpoint
from tests.facade.doors import Door, door_to, settings_for
from tests.facade.hand import Hand

OWN = {"Origin": "http://localhost", "Content-Type": "application/x-www-form-urlencoded"}
HOOK = {"webhook": {"url": "https://example.com/hook?token=secret-1"}}
TIMED_OUT = Attempt(at=NOON, ms=15_000, error="timeout")
HOSTILE = Attempt(at=NOON, ms=3, status=500, error="<script>alert(1)</script>")
ACME, ACME_KNOWN = new_key("acme")
OPERATOR, OPERATOR_KNOWN = new_key("operator", ["operate"])


@pytest.fixture
async def keyed(tmp_path: Path) -> AsyncIterator[Door]:
    async with door_to(settings_for(tmp_path, api_keys=(ACME_KNOWN, OPERATOR_KNOWN))) as door:
        yield door


async def _page(door: Door, path: str, key: str = "") -> httpx.Response:
    return await door.client.get(f"/console{path}", headers={"Authorization": f"Bearer {key}"} if key else {})


async def _replay(door: Door, delivery_id: str, **headers: str) -> httpx.Response:
    return await door.client.post(f"/console/webhooks/{delivery_id}/replay", headers={**OWN, **headers})


async def _store(door: Door, job_id: str, state: DeliveryState = DeliveryState.FAILED, **given: Any) -> str:
    assert door.desk.deliveries
    attempts = given.pop("attempts", (TIMED_OUT, HOSTILE))
    fields = {
        "url": HOOK["webhook"]["url"],
        "state": state,
        "next_at": None,
        "tries": 10,
        "attempts": attempts,
        **given,
    }
    return (await door.desk.deliveries.create(a_delivery(job_id, **fields))).delivery_id


async def test_a_job_shows_its_deliveries_and_posts_one_again(door: Door, hand: Hand) -> None:
    job_id = await door.queued(**HOOK)
    waiting = (await _page(door, f"/jobs/{job_id}")).text
    assert "will be posted to the address" in waiting
    await hand.finish(await hand.take())
    delivery_id = await _store(door, job_id)
    page = (await _page(door, f"/jobs/{job_id}")).text
    assert "no answer in time" in page
    assert "<script>alert(1)" not in page
    assert "https://example.com/hook?…" in page
    assert "secret-1" not in page, "nor does the request as JSON show the token"
    answer = await _replay(door, delivery_id)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/console/jobs/{job_id}#webhooks")
    assert door.desk.deliveries
    replayed = await door.desk.deliveries.get(delivery_id)
    assert replayed
    assert (replayed.state, replayed.tries, len(replayed.attempts)) == (DeliveryState.PENDING, 0, 2)
    assert "pending" in (await _page(door, f"/jobs/{job_id}")).text


async def test_trouble_shows_what_no_attempt_brings_any_more(door: Door) -> None:
    assert "no failed webhook" in (await _page(door, "/trouble")).text
    await _store(door, "j1")
    await _store(door, "j2", DeliveryState.DISABLED)
    await _store(door, "j3", DeliveryState.DELIVERED)
    page = (await _page(door, "/trouble")).text
    assert "Webhooks that were not delivered (2)" in page
    assert "Nothing is stuck" not in page
    assert [name in page for name in ("j1-1-succeeded", "j2-1-succeeded", "j3-1-succeeded")] == [True, True, False]


async def test_the_page_of_all_deliveries(door: Door) -> None:
    assert "Nothing has been posted yet" in (await _page(door, "/webhooks")).text
    for number in range(51):
        await _store(door, f"j{number}", DeliveryState.DELIVERED, after_s=number)
    page = (await _page(door, "/webhooks")).text
    assert "j50-1-succeeded" in page
    assert "j0-1-succeeded" not in page
    older = page.partition("cursor=")[2].partition('"')[0]
    assert "j0-1-succeeded" in (await _page(door, f"/webhooks?cursor={older}")).text
    assert "No delivery is failed" in (await _page(door, "/webhooks?state=failed")).text
    assert (await _page(door, "/webhooks?state=lost")).status_code == 400


async def test_the_menu_leads_to_the_deliveries_also_without_any_trouble(door: Door, keyed: Door) -> None:
    assert '<a id="to-webhooks" href="/console/webhooks">' in (await _page(door, "/jobs")).text
    assert 'href="/console/webhooks" aria-current="page"' in (await _page(keyed, "/webhooks", ACME)).text


async def test_a_caller_sees_and_replays_its_own_and_no_foreign_page_does(keyed: Door) -> None:
    own, other = await _store(keyed, "j1", caller="acme"), await _store(keyed, "j2", caller="zebra")
    page = (await _page(keyed, "/webhooks", ACME)).text
    assert ("j1-1-succeeded" in page, "j2-1-succeeded" in page) == (True, False)
    assert "j2-1-succeeded" in (await _page(keyed, "/webhooks", OPERATOR)).text
    key = {"Authorization": f"Bearer {ACME}"}
    assert (await _replay(keyed, other, **key)).status_code == 404
    assert (await _replay(keyed, own, **{**key, "Origin": "https://evil.example"})).status_code == 403
    assert keyed.desk.deliveries
    stored = await keyed.desk.deliveries.get(own)
    assert stored
    assert stored.state is DeliveryState.FAILED, "nothing was changed so far"
    assert (await _replay(keyed, own, **key)).status_code == 303


async def test_a_disabled_endpoint_is_shown_to_an_operator_who_enables_it(keyed: Door) -> None:
    deliveries = keyed.desk.deliveries
    assert deliveries
    await deliveries.disable_endpoint(an_endpoint("crm"))
    await _store(keyed, "j1", DeliveryState.DISABLED, endpoint="crm", attempts=())
    for path in ("/webhooks", "/trouble"):
        page = (await _page(keyed, path, OPERATOR)).text
        assert "Disabled endpoints (1)" in page
        assert "/console/webhooks/endpoints/crm/enable" in page
    assert "Not posted: its endpoint was disabled." in page
    assert "Disabled endpoints" not in (await _page(keyed, "/webhooks", ACME)).text
    path = "/console/webhooks/endpoints/crm/enable"
    refused = await keyed.client.post(path, headers={**OWN, "Authorization": f"Bearer {ACME}"})
    assert refused.status_code == 403
    for status in (303, 404):
        answer = await keyed.client.post(path, headers={**OWN, "Authorization": f"Bearer {OPERATOR}"})
        assert answer.status_code == status
    assert await deliveries.list_disabled_endpoints() == []
