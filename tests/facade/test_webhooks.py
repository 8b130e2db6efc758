"""The calls about webhooks: refused addresses, listings of one caller, replays, test events and secrets."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from infra.webhooks.secrets import open_secrets
from publisher.settings import new_key
from publisher.webhooks import replay_failed
from schemas.domain.delivery import DeliveryState
from schemas.wire.webhook import show_secret
from subscriber.courier.endpoints import EndpointStates
from tests.contract.test_deliveries import a_delivery
from tests.courier.receivers import Receiver, receiving
from tests.facade.customers import ACME, ACME_KNOWN, ZEBRA, ZEBRA_KNOWN, Customer
from tests.facade.doors import Door, door_to, settings_for
from tests.unit.test_webhook import HOSTILE

LIST = "/api/webhooks/deliveries"
HOOK = {"webhook": {"url": "https://example.com/hook?token=1"}}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Door]:
    """A facade with two callers, whose webhooks may reach this machine."""
    keys = (ACME_KNOWN, ZEBRA_KNOWN)
    async with door_to(settings_for(tmp_path, api_keys=keys, webhook_networks="127.0.0.0/8")) as door:
        yield door


async def stored(door: Door, job_id: str = "j1", **given: Any) -> str:
    assert door.desk.deliveries
    return (await door.desk.deliveries.create(a_delivery(job_id, **given))).delivery_id


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_address_is_refused_before_anything_is_stored(door: Door, url: str) -> None:
    answer = await door.post({"Prefer": "respond-async"}, job_id="j1", webhook={"url": url})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "webhook.url")
    assert await door.desk.jobs.get("j1") is None


async def test_another_address_is_another_request_and_no_view_shows_it(door: Door) -> None:
    job_id = await door.queued(job_id="j1", **HOOK)
    again = await door.post({"Prefer": "respond-async"}, job_id="j1", **HOOK)
    other = await door.post({"Prefer": "respond-async"}, job_id="j1", webhook={"url": "https://example.com/"})
    assert (again.status_code, other.status_code) == (202, 409)
    seen = await door.client.get(f"/api/videos/{job_id}")
    assert "token" not in seen.text + again.text
    job = await door.desk.jobs.get("j1")
    assert job
    assert job.request.webhook
    assert job.request.webhook.url == "https://example.com/hook?token=1"


async def test_without_secrets_no_webhook_is_promised(tmp_path: Path) -> None:
    """Other processes could not know a secret that is in a folder of this one."""
    settings = settings_for(tmp_path, jobs="firestore://project/database")
    assert not open_secrets(settings).exist
    secrets = show_secret(bytes(32))
    assert open_secrets(settings_for(tmp_path, jobs=settings.jobs, webhook_secrets=secrets)).exist


async def test_a_caller_sees_its_own_deliveries_with_masked_addresses(shop: Door) -> None:
    acme, zebra = Customer(shop, ACME), Customer(shop, ZEBRA)
    await stored(shop, caller="acme")
    await stored(shop, "j2", caller="zebra", state=DeliveryState.FAILED, next_at=None)
    listed = (await acme.call("GET", LIST)).json()
    assert [(each["video_id"], each["state"], each["attempts"]) for each in listed["deliveries"]] == [
        ("j1", "pending", [])
    ]
    assert listed["deliveries"][0]["url"] == "https://example.com/hook?…"
    assert (await acme.call("GET", f"{LIST}?state=failed")).json()["deliveries"] == []
    assert len((await zebra.call("GET", f"{LIST}?state=failed")).json()["deliveries"]) == 1
    assert (await acme.call("GET", f"{LIST}?state=lost")).status_code == 400
    assert (await acme.call("GET", f"{LIST}?cursor=x")).status_code == 400
    assert (await acme.call("GET", f"{LIST}?job_id=j2")).status_code == 404


async def test_a_replay_makes_a_delivery_due_and_is_its_caller_s_own(shop: Door) -> None:
    failed = await stored(shop, caller="acme", state=DeliveryState.FAILED, next_at=None, tries=10)
    path = f"{LIST}/{failed}/replay"
    assert (await Customer(shop, ZEBRA).call("POST", path, json={})).status_code == 404
    answer = await Customer(shop, ACME).call("POST", path, json={})
    assert (answer.status_code, answer.json()["state"]) == (202, "pending")
    assert shop.desk.deliveries
    again = await shop.desk.deliveries.get(failed)
    assert again
    assert (again.tries, again.webhook_id) == (0, "j1-1-succeeded")
    erased = await stored(shop, "j3", caller="acme", url="", state=DeliveryState.FAILED, next_at=None)
    assert (await Customer(shop, ACME).call("POST", f"{LIST}/{erased}/replay", json={})).status_code == 410


async def test_a_test_event_is_posted_and_the_answer_reported(shop: Door) -> None:
    acme = Customer(shop, ACME)
    async with receiving(Receiver()) as receiver:
        answer = (await acme.call("POST", "/api/webhooks/test", json={"url": receiver.url})).json()
    assert (answer["status"], answer["error"]) == (204, None)
    assert receiver.events[0]["type"] == "reelbus.webhook.test.v1"
    refused = await acme.call("POST", "/api/webhooks/test", json={"url": "https://10.0.0.1/"})
    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "url")


async def test_each_caller_has_its_own_secret(shop: Door) -> None:
    answers = [await Customer(shop, key).call("GET", "/api/webhooks/secret") for key in (ACME, ZEBRA)]
    first, second = (answer.json()["secret"] for answer in answers)
    assert first != second
    assert first.startswith("whsec_")
    assert answers[0].headers["cache-control"] == "no-store"


async def test_only_an_operator_sees_the_secret_of_an_endpoint(tmp_path: Path) -> None:
    key, known = new_key("boss", ["operate"])
    async with door_to(settings_for(tmp_path, api_keys=(ACME_KNOWN, known))) as door:
        path = "/api/webhooks/secret?endpoint=crm"
        assert (await Customer(door, ACME).call("GET", path)).status_code == 403
        answer = await Customer(door, key).call("GET", path)
        assert answer.json()["secret"].startswith("whsec_")
        refused = await Customer(door, key).call("GET", f"{path}/")
        assert (refused.status_code, refused.json()["error"]["field"]) == (400, "endpoint")


async def test_anyone_may_read_the_public_keys_and_verify_an_event_with_them(tmp_path: Path) -> None:
    settings = settings_for(
        tmp_path,
        api_keys=(ACME_KNOWN,),
        webhook_networks="127.0.0.0/8",
        webhook_secrets=f"whsk_{base64.b64encode(bytes(range(32))).decode()}",
    )
    async with door_to(settings) as door, receiving(Receiver()) as receiver:
        assert (await door.client.get(LIST)).status_code == 401
        answer = await door.client.get("/.well-known/jwks.json")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=300")
        [jwk] = answer.json()["keys"]
        acme = Customer(door, ACME)
        assert (await acme.call("POST", "/api/webhooks/test", json={"url": receiver.url})).json()["status"] == 204
        shown = (await acme.call("GET", "/api/webhooks/secret")).json()
    [(headers, body)] = receiver.got
    public = base64.urlsafe_b64decode(jwk["x"] + "=")
    assert shown["public_keys"] == ["whpk_" + base64.b64encode(public).decode()]
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    v1, v1a = headers["webhook-signature"].split(" ")
    assert v1.startswith("v1,")
    Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(v1a.removeprefix("v1a,")), content)


async def test_without_a_key_the_set_is_empty(door: Door) -> None:
    assert (await door.client.get("/.well-known/jwks.json")).json() == {"keys": []}


async def test_a_disabled_endpoint_is_seen_and_enabled_and_its_deliveries_replayed_after_that(door: Door) -> None:
    assert door.desk.deliveries
    crm: dict[str, Any] = {"endpoint": "crm", "state": DeliveryState.DISABLED, "next_at": None}
    first = a_delivery(delivery_id="j1-1-succeeded.crm", **crm)
    await door.desk.deliveries.create(first)
    await EndpointStates(door.desk.deliveries, door.desk.clock).note(first)
    other = await stored(door, delivery_id="j1-1-succeeded.alarm", endpoint="alarm", state=DeliveryState.FAILED)
    (seen,) = (await door.client.get("/api/webhooks/disabled")).json()["endpoints"]
    assert (seen["name"], seen["url"]) == ("crm", "https://example.com/hook?…")
    refused = await door.client.post(f"{LIST}/{first.delivery_id}/replay", json={})
    assert refused.status_code == 409
    assert "enable it first: reelbus webhooks enable crm" in refused.json()["error"]["message"]
    assert await replay_failed(door.desk, since=None) == [other]
    for name in ("alarm", "request", "N.O", "x" * 200):
        assert (await door.client.post(f"/api/webhooks/endpoints/{name}/enable", json={})).status_code == 404
    enabled = await door.client.post("/api/webhooks/endpoints/crm/enable", json={})
    assert (enabled.status_code, enabled.json()) == (200, {"enabled": "crm"})
    assert (await door.client.get("/api/webhooks/disabled")).json() == {"endpoints": []}
    assert (await door.client.post(f"{LIST}/{first.delivery_id}/replay", json={})).status_code == 202
