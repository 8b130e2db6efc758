"""The ends of films by webhook: once each, to the address of their revision, and to endpoints that asked for them."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from infra.webhooks.poster import HttpPoster
from publisher.access import Access
from publisher.films.orders import cancel_film, find_film, order_film
from publisher.purge import purge
from schemas.domain.delivery import DeliveryState, WebhookDelivery, record_of
from schemas.domain.film import Film, FilmState
from schemas.domain.job import new_job
from schemas.ports import COMPLETIONS, FILM_REQUESTS, FILM_WORKERS, WEBHOOKS, DeliveryQuery
from schemas.wire.caller_names import to_shown_id, to_stored_id
from schemas.wire.film import FilmCompletion, FilmSceneEnd, FilmTitleEnd, encode_film_completion
from schemas.wire.request import VideoRequest
from schemas.wire.webhook import BODY_AT_MOST, derive_endpoint_secret, derive_secret
from schemas.wire.webhook_address import parse_policy
from schemas.wire.webhook_endpoints import WebhookEndpoint
from schemas.wire.webhook_payload import WebhookFilmPayload
from subscriber.courier.courier import Courier, CourierContext
from subscriber.courier.events import Target, targets_of
from subscriber.courier.film_events import film_delivery_of
from subscriber.films.announce import announce_end
from tests.contract.test_deliveries import a_delivery
from tests.courier.receivers import Receiver, receiving
from tests.films.house import WITHIN_S, House, house_in, scene, storyboard

MASTER, FACADE = bytes(range(32)), "https://video.example.com"
CLIENT = Access(caller="acme")
STORED = to_stored_id("acme", "ad")


@dataclass
class Posting:
    """A house whose director stores deliveries, and a receiver."""

    house: House
    receiver: Receiver
    endpoints: tuple[WebhookEndpoint, ...] = ()

    def hook(self, path: str = "hook?token=secret-1", **more: Any) -> dict[str, Any]:
        return {"webhook": {"url": f"http://127.0.0.1:{self.receiver.port}/{path}", **more}}

    async def cancelled(self, *, access: Access | None = None, **fields: Any) -> Film:
        """A film that was ordered and cancelled at once: its end is due."""
        film = await order_film(self.house.desk, storyboard(scene("one"), **fields), access or Access())
        return await cancel_film(self.house.desk, film)

    async def deliveries(self) -> list[WebhookDelivery]:
        assert self.house.desk.deliveries
        return list((await self.house.desk.deliveries.list(DeliveryQuery(limit=100))).deliveries)

    async def until_ended(self, count: int) -> list[WebhookDelivery]:
        async with asyncio.timeout(WITHIN_S):
            while True:
                found = await self.deliveries()
                if len(found) >= count and all(each.state is not DeliveryState.PENDING for each in found):
                    return found
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def courier(self) -> AsyncIterator[Courier]:
        """A courier at work."""
        desk, poster = self.house.desk, HttpPoster(parse_policy("127.0.0.0/8", "443"))
        assert desk.deliveries
        courier = Courier(
            CourierContext(
                bus=desk.bus,
                jobs=desk.jobs,
                films=desk.films,
                deliveries=desk.deliveries,
                poster=poster,
                clock=desk.clock,
                secrets_of=lambda caller: [derive_secret(MASTER, caller)],
                endpoint_secrets_of=lambda name: [derive_endpoint_secret(MASTER, name)],
                facade_url=FACADE,
            )
        )
        task = asyncio.create_task(courier.run())
        try:
            yield courier
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await poster.aclose()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A director and a courier in one process."""
        async with self.courier() as courier:
            ctx = replace(
                self.house.ctx,
                deliveries=self.house.desk.deliveries,
                endpoints=self.endpoints,
                facade_url=FACADE,
                wake_courier=courier.wake,
            )
            async with replace(self.house, ctx=ctx).directing():
                yield


@pytest.fixture
async def posting(tmp_path: Path) -> AsyncIterator[Posting]:
    async with house_in(tmp_path, webhook_networks="127.0.0.0/8") as house, receiving(Receiver()) as receiver:
        yield Posting(house, receiver)


def signs(secret: bytes, headers: dict[str, str], body: bytes) -> bool:
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(secret, content, "sha256")).decode()


async def test_a_finished_film_is_posted_once_and_signed_for_its_caller(posting: Posting) -> None:
    async with posting.working(), posting.house.rendering():
        await order_film(posting.house.desk, storyboard(scene("one"), scene("two"), **posting.hook()), CLIENT)
        [delivery] = await posting.until_ended(1)
    [(headers, body)] = posting.receiver.got
    assert headers["webhook-id"] == f"{STORED}-1-film-succeeded"
    assert signs(derive_secret(MASTER, "acme"), headers, body)
    event = WebhookFilmPayload.model_validate_json(body)
    assert (event.type, event.id) == ("reelbus.film.succeeded.v1", f"{STORED}.1.film.succeeded")
    assert event.statusurl == f"{FACADE}/api/films/ad"
    assert (event.data.film_id, event.data.revision, event.data.state) == ("ad", 1, "succeeded")
    assert event.data.gcs_path
    assert [each.name for each in event.data.scenes] == ["one", "two"]
    assert [each["video_id"] for each in json.loads(body)["data"]["scenes"]] == [
        to_shown_id("acme", each.job_id) for each in event.data.scenes
    ]
    assert (delivery.film_id, delivery.job_id, delivery.caller) == (STORED, "", "acme")
    assert "token" not in body.decode()


async def test_each_end_goes_to_the_address_of_its_revision(posting: Posting) -> None:
    """No worker ran meanwhile: the ends are told in their order, and a revision without a webhook tells none."""
    await posting.cancelled(**posting.hook("first"))
    await posting.cancelled(revision=2)
    await posting.cancelled(revision=3, **posting.hook("third"))
    await posting.cancelled(revision=4, **posting.hook("fourth", events=["succeeded", "held", "failed"]))
    async with posting.working():
        await posting.until_ended(2)
        await posting.house.until_announced()
        [*deliveries] = await posting.until_ended(2)
    assert {(headers[":request"], headers["webhook-id"]) for headers, _ in posting.receiver.got} == {
        ("POST /first HTTP/1.1", "ad-1-film-cancelled"),
        ("POST /third HTTP/1.1", "ad-3-film-cancelled"),
    }
    assert len(deliveries) == len(posting.receiver.got) == 2


async def test_an_endpoint_hears_of_films_only_if_it_asked_for_them(posting: Posting) -> None:
    url = posting.receiver.url
    filters: dict[str, dict[str, Any]] = {
        "jobs": {},
        "films": {"events": ["film.cancelled", "failed"]},
        "held": {"events": ["film.held"]},
        "shop": {"events": ["film.cancelled"], "project_id": "shop"},
        "other": {"events": ["film.cancelled"], "project_id": "other"},
    }
    posting.endpoints = tuple(
        WebhookEndpoint.model_validate({"name": name, "url": url, **more}) for name, more in filters.items()
    )
    await posting.cancelled(access=CLIENT, project_id="shop")
    async with posting.working():
        deliveries = await posting.until_ended(2)
    assert {each.endpoint for each in deliveries} == {"films", "shop"}
    for headers, body in posting.receiver.got:
        event = json.loads(body)
        assert (event["type"], event["data"]["film_id"]) == ("reelbus.film.cancelled.v1", STORED)
        assert event["statusurl"] == f"{FACADE}/api/films/{STORED}"
        assert any(signs(derive_endpoint_secret(MASTER, name), headers, body) for name in ("films", "shop"))


async def test_an_announcement_that_is_repeated_keeps_the_bytes(posting: Posting) -> None:
    """As after a kill before the worker noted it. What became of the delivery meanwhile stays, too."""
    film = await posting.cancelled(**posting.hook())
    house = posting.house
    assert house.desk.deliveries
    ctx = replace(house.ctx, deliveries=house.desk.deliveries, facade_url=FACADE)
    [end] = film.due_ends
    await announce_end(ctx, film, end)
    [first] = await posting.deliveries()
    await announce_end(replace(ctx, facade_url="https://moved.example.com"), film, end)
    assert await posting.deliveries() == [first]
    async with posting.courier():
        await posting.until_ended(1)
    await announce_end(ctx, film, end)
    [delivered] = await posting.deliveries()
    assert delivered.state is DeliveryState.DELIVERED
    assert len(posting.receiver.got) == 1


async def test_a_film_and_a_job_of_one_name_have_events_of_their_own(posting: Posting) -> None:
    film = await posting.cancelled(**posting.hook())
    [end] = film.due_ends
    message = encode_film_completion(end.completion, holds=0, at=film.changed_at)
    assert message.attributes["ce-id"] == "ad.1.film.cancelled"  # a job's is ad.1.cancelled


async def test_a_delivery_of_a_job_is_stored_as_before(posting: Posting) -> None:
    """Films cost a job nothing: no key in its records, no subscription, and no delivery for endpoints of films."""
    assert "film" not in record_of(a_delivery())
    assert [each.topic for each in (WEBHOOKS, FILM_WORKERS)] == [COMPLETIONS, FILM_REQUESTS]
    job = new_job(VideoRequest(job_id="j1", prompt="A quiet blue wall"), posting.house.desk.clock.now())
    endpoint = WebhookEndpoint.model_validate({"name": "films", "url": posting.receiver.url, "events": ["film.failed"]})
    assert targets_of(job, "failed", [endpoint]) == []


async def test_after_an_erasure_a_late_attempt_says_only_that(posting: Posting) -> None:
    film = await posting.cancelled(**posting.hook())
    house = posting.house
    assert house.desk.deliveries
    assert house.desk.films
    [end] = film.due_ends
    ctx = replace(house.ctx, deliveries=house.desk.deliveries, facade_url=FACADE)
    await announce_end(ctx, film, end)
    await house.desk.films.save(film.note_announced(house.desk.clock.now()))
    report = await purge(house.desk, (), film_ids=["ad"])
    assert report.erased_films == ["ad"]
    [pending] = await posting.deliveries()
    assert (pending.body, pending.state) == ("", DeliveryState.PENDING)
    async with posting.courier():
        await posting.until_ended(1)
    [event] = posting.receiver.events
    erased = await find_film(house.desk, "ad", Access())
    assert erased.request.webhook is None
    assert event["id"] == "ad.1.film.cancelled"
    assert set(event["data"]) == {"film_id", "revision", "state", "scenes", "titles", "files", "erased_at"}
    await purge(house.desk, (), film_ids=["ad"])
    [swept] = await posting.deliveries()
    assert (swept.url, swept.body) == ("", "")


async def test_a_film_that_is_held_twice_is_told_of_twice(posting: Posting) -> None:
    film = await order_film(posting.house.desk, storyboard(scene("one"), **posting.hook()), Access())
    ctx = replace(posting.house.ctx, deliveries=posting.house.desk.deliveries, facade_url=FACADE)
    for _ in range(2):
        film = film.end(film.changed_at, FilmState.HELD)
        [end] = film.due_ends
        await announce_end(ctx, film, end)
        film = film.note_announced(film.changed_at).await_scenes(film.changed_at)
    assert {each.webhook_id for each in await posting.deliveries()} == {"ad-1-film-held-1", "ad-1-film-held-2"}


def test_an_event_of_a_long_film_stays_small() -> None:
    names = [f"{index:02}-{'n' * 44}" for index in range(60)]
    scenes = tuple(FilmSceneEnd(name=name, job_id=f"{STORED}-{name}", start_s=1.5, end_s=2.5) for name in names)
    titles = tuple(FilmTitleEnd(before=name, text="é" * 120, start_s=0.5, end_s=1.5) for name in names)
    film = Film.model_validate(
        {
            "film_id": "ad",
            "request": {"film_id": "ad", "scenes": [scene("one")]},
            "scenes": [{"name": "one", "job_id": "j", "seconds": 1, "price_usd": 0}],
            "created_at": "2026-01-01T00:00:00Z",
            "changed_at": "2026-01-01T00:00:00Z",
        }
    )
    long_url = f"https://example.com/{'u' * 8000}"
    found = []
    for parts in (
        {"scenes": scenes, "titles": titles, "video_url": long_url},
        {"scenes": scenes[:40], "titles": titles},
        {"scenes": scenes[:9]},
    ):
        completion = FilmCompletion.model_validate({"film_id": "ad", "revision": 1, "state": "succeeded", **parts})
        message = encode_film_completion(completion, holds=0, at=film.created_at)
        target = Target(url="https://example.com/hook")
        body = film_delivery_of(message, film, target, facade_url=FACADE, now=film.created_at).body
        assert len(body.encode()) < BODY_AT_MOST
        data = json.loads(body)["data"]
        found.append((len(data.get("scenes", ())), "titles" in data))
    assert found == [(0, False), (40, False), (9, True)]
