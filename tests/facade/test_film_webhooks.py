"""A storyboard with a webhook: refused addresses, what no answer shows, and the deliveries of one film."""

import html
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from publisher.access import Access
from publisher.films.orders import find_film
from publisher.settings import new_key
from schemas.domain.delivery import DeliveryState
from schemas.wire.caller_names import to_stored_id
from tests.contract.test_deliveries import a_delivery
from tests.facade.customers import ACME, ACME_KNOWN, ZEBRA, ZEBRA_KNOWN, Customer
from tests.facade.doors import Door, door_to, settings_for
from tests.unit.test_webhook import HOSTILE

FILMS, LIST = "/api/films", "/api/webhooks/deliveries"
HOOK: dict[str, Any] = {"webhook": {"url": "https://example.com/hook?token=secret-1"}}
FILM: dict[str, Any] = {"film_id": "ad", "scenes": [{"name": "one", "prompt": "A garden in the morning light"}]}
FORM = {"Origin": "http://localhost", "Content-Type": "application/x-www-form-urlencoded"}
BOSS, BOSS_KNOWN = new_key("boss", ["operate"])
STORED = to_stored_id("acme", "ad")


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Door]:
    """A facade with two callers and an operator."""
    async with door_to(settings_for(tmp_path, api_keys=(ACME_KNOWN, ZEBRA_KNOWN, BOSS_KNOWN))) as door:
        yield door


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_address_is_refused_by_plan_and_order(door: Door, url: str) -> None:
    for path in (FILMS, f"{FILMS}/plan"):
        answer = await door.client.post(path, json={**FILM, "webhook": {"url": url}})
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "webhook.url")
    assert (await door.client.get(f"{FILMS}/ad")).status_code == 404


async def test_an_event_that_no_film_has_is_refused(door: Door) -> None:
    hook = {"webhook": {"url": "https://example.com/", "events": ["expired"]}}
    answer = await door.client.post(FILMS, json={**FILM, **hook})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "webhook.events.0")


async def test_another_address_is_another_storyboard_and_no_answer_shows_it(door: Door) -> None:
    seen = [await door.client.post(FILMS, json={**FILM, **HOOK}) for _ in range(2)]
    other = await door.client.post(FILMS, json={**FILM, "webhook": {"url": "https://example.com/"}})
    assert [answer.status_code for answer in (*seen, other)] == [202, 202, 409]
    seen += [await door.client.get(path) for path in (f"{FILMS}/ad", FILMS, "/console/films/ad", "/console/films")]
    retake = await door.client.post(f"{FILMS}/ad/scenes/one/retake", json={"take": 2})
    assert retake.status_code == 202
    assert all("secret-1" not in answer.text for answer in (*seen, retake))
    film = await find_film(door.desk, "ad", Access())
    assert film.request.webhook, "the next revision keeps it"
    assert film.request.webhook.url == HOOK["webhook"]["url"]


async def test_the_form_of_the_next_revision_hides_the_address_and_keeps_it(door: Door) -> None:
    await door.client.post(FILMS, json={**FILM, **HOOK})
    page = html.unescape((await door.client.get("/console/new-film?like=ad")).text)
    (text,) = re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    body = json.loads(text)
    assert "webhook" not in body
    asked = {**body, "scenes": [{**body["scenes"][0], "take": 2}]}
    fields = {"storyboard": json.dumps(asked), "agreed_usd": "0"}
    assert (await door.client.post("/console/new-film", data=fields, headers=FORM)).status_code == 303
    film = await find_film(door.desk, "ad", Access())
    assert film.request.webhook
    assert (film.request.revision, film.request.webhook.url) == (2, HOOK["webhook"]["url"])


async def test_the_deliveries_of_a_film_are_listed_and_replayed_by_its_caller(shop: Door) -> None:
    acme, zebra, boss = (Customer(shop, key) for key in (ACME, ZEBRA, BOSS))
    for customer in (acme, zebra):
        assert (await customer.call("POST", FILMS, json=FILM)).status_code == 202
    assert shop.desk.deliveries
    fields: dict[str, Any] = {
        "job_id": "",
        "film_id": STORED,
        "type": "reelbus.film.failed.v1",
        "state": DeliveryState.FAILED,
    }
    delivery = a_delivery(**fields, delivery_id=f"{STORED}-1-film-failed.request", caller="acme", next_at=None)
    await shop.desk.deliveries.create(delivery)
    [listed] = (await acme.call("GET", f"{LIST}?film_id=ad")).json()["deliveries"]
    assert (listed["film_id"], listed["video_id"], listed["type"]) == ("ad", None, "reelbus.film.failed.v1")
    assert (await zebra.call("GET", f"{LIST}?film_id=ad")).json()["deliveries"] == []
    [seen] = (await boss.call("GET", f"{LIST}?film_id={STORED}")).json()["deliveries"]
    assert seen["film_id"] == STORED
    assert (await acme.call("GET", f"{LIST}?film_id=none")).status_code == 404
    both = await acme.call("GET", f"{LIST}?film_id=ad&job_id=ad")
    assert (both.status_code, both.json()["error"]["field"]) == (400, "film_id")
    path = f"{LIST}/{delivery.delivery_id}/replay"
    assert (await zebra.call("POST", path, json={})).status_code == 404
    assert (await acme.call("POST", path, json={})).json()["state"] == "pending"


async def test_the_page_of_a_film_shows_its_deliveries_and_posts_one_again(door: Door) -> None:
    await door.client.post(FILMS, json={**FILM, **HOOK})
    assert door.desk.deliveries
    fields: dict[str, Any] = {
        "job_id": "",
        "film_id": "ad",
        "type": "reelbus.film.failed.v1",
        "state": DeliveryState.FAILED,
    }
    delivery = a_delivery(**fields, delivery_id="ad-1-film-failed.request", next_at=None)
    assert "will be posted" in (await door.client.get("/console/films/ad")).text
    await door.desk.deliveries.create(delivery)
    for path in ("/films/ad", "/webhooks"):
        assert "reelbus.film.failed.v1" in (await door.client.get(f"/console{path}")).text
    assert 'href="/console/films/ad"' in (await door.client.get("/console/webhooks")).text
    posted = await door.client.post(f"/console/webhooks/{delivery.delivery_id}/replay", headers=FORM)
    assert (posted.status_code, posted.headers["location"]) == (303, "/console/films/ad#webhooks")
