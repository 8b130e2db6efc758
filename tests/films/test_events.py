"""`GET /api/films/{film_id}/events`: the film and each of its scenes, until it ends, and again after a cut."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.access import Access
from publisher.films.orders import find_film, retake_scene
from publisher.replays import replay_paid
from schemas.domain.film import FilmState
from schemas.errors import Unavailable
from schemas.services.update import get_job
from tests.facade.customers import ACME, KEYS, ZEBRA, Customer
from tests.facade.doors import Door, door_to, settings_for
from tests.films.house import PRICE, House, house_in, scene, storyboard

EVENTS = "/api/films/ad/events"
Event = tuple[str, str | None, dict[str, Any]]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_in(tmp_path) as house:
        yield house


@pytest.fixture
async def door(tmp_path: Path, house: House) -> AsyncIterator[Door]:
    async with door_to(settings_for(tmp_path, events_look_every_s=0.05)) as door:
        yield door


async def listen(door: Door, last_event_id: str | None = None) -> list[Event]:
    """All events until the stream ends."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    answer = await door.client.get(EVENTS, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in answer.text.strip().split("\n\n")]
    return [(block["event"], block.get("id"), json.loads(block["data"])) for block in blocks if "event" in block]


def of(events: list[Event], name: str) -> list[dict[str, Any]]:
    return [data for event, _, data in events if event == name]


async def test_a_stream_follows_the_film_and_each_scene(
    house: House, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.order(storyboard(scene("one"), scene("two")))
    films, is_watched, reads = door.desk.films, asyncio.Event(), list[str]()
    assert films
    get = films.get

    async def get_and_say(film_id: str) -> Any:
        film = await get(film_id)
        reads.append(film_id)
        if len(reads) == 2:  # that of the call, and the first one of the stream
            is_watched.set()
        return film

    monkeypatch.setattr(films, "get", get_and_say)
    listening = asyncio.create_task(listen(door))
    async with asyncio.timeout(60):
        await is_watched.wait()
    async with house.directing(), house.rendering():
        events = await listening
    states, scenes = of(events, "state"), of(events, "scene")
    assert (events[0][0], states[0]["state"], states[-1]["state"]) == ("state", "planned", "succeeded")
    assert states[0] == {"film_id": "ad", "revision": 1, "state": "planned"}
    for name in ("one", "two"):
        own = [event for event in scenes if event["name"] == name]
        assert (own[0]["state"], own[0]["progress"]) == ("planned", 0)
        assert (own[-1]["state"], own[-1]["progress"]) == ("succeeded", 1)
        assert [event["progress"] for event in own] == sorted(event["progress"] for event in own)
    assert {event["video_id"] for event in scenes} == {each.video_id for each in (await house.view()).scenes}
    assert [event for event, _, _ in events].count("done") == 1
    assert events[-1][0] == "done"
    shown = (await door.client.get("/api/films/ad")).json()
    assert {**events[-1][2], "changed_at": ""} == {**shown, "changed_at": ""}  # its end is announced later
    assert (door.state["watched_films"].count, door.state["waiters"].waiting) == (0, 0)


async def test_a_listener_that_was_cut_off_can_show_the_film_again(house: House, door: Door) -> None:
    async with house.directing(), house.rendering():
        await house.order(storyboard(scene("one"), scene("two")))
        await house.until_announced()
    [state] = [(id, data) for event, id, data in await listen(door) if event == "state"]
    assert state[1]["state"] == "succeeded"
    again = await listen(door, state[0])
    assert [event for event, _, _ in again] == ["scene", "scene", "done"], "the state was received before"
    foreign = await listen(door, "1.rendering.0")
    assert [event for event, _, _ in foreign] == ["state", "scene", "scene", "done"]
    done = again[-1][1]
    assert done
    heard = await door.client.get(EVENTS, headers={"Last-Event-ID": done})
    assert (heard.status_code, heard.content) == (204, b"")
    film = await find_film(house.desk, "ad", Access())
    await retake_scene(house.desk, film, "two", Access(), take=2, max_cost_usd=None)
    async with house.directing(), house.rendering():
        later = await listen(door, done)
    assert {data["revision"] for data in of(later, "state")} == {2}
    assert {data["name"] for data in of(later, "scene")} == {"one", "two"}


async def test_a_stream_of_a_held_film_ends_and_the_next_one_goes_on(
    house: House, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemas.domain.film.LOOK_AT_HELD_EVERY", timedelta(seconds=0.1))
    house.fails.add("two")
    async with house.directing(), house.rendering():
        film = await house.order(storyboard(scene("one"), scene("two")))
        *_, (event, done, view) = await listen(door)
        assert (event, view["state"], view["error"]["code"]) == ("done", "held", "scene_failed")
        house.fails.clear()
        job = await get_job(house.desk.jobs, film.scenes[1].job_id)
        await replay_paid(house.desk, job, life=1, pay=PRICE)
        await house.until(lambda view: view.state is FilmState.SUCCEEDED)
        assert of(await listen(door, done), "done")[0]["state"] == "succeeded"


async def test_streams_of_films_count_as_waiting_callers(house: House, tmp_path: Path) -> None:
    await house.order(storyboard(scene("one")))
    async with door_to(settings_for(tmp_path, max_waits=1)) as door:
        with door.state["waiters"].register("another-caller"):
            refused = await door.client.get(EVENTS)
        assert refused.status_code == 503
        assert "1 callers are waiting" in refused.json()["error"]["message"]
        assert refused.headers["retry-after"]


async def test_a_film_that_is_not_there_or_of_another_caller_has_no_stream(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, api_keys=KEYS)) as door:
        acme, zebra = Customer(door, ACME), Customer(door, ZEBRA)
        body = {"film_id": "ad", "scenes": [scene("one")]}
        assert (await acme.call("POST", "/api/films", json=body)).status_code == 202
        assert (await acme.call("DELETE", "/api/films/ad")).status_code == 200
        assert (await acme.call("GET", EVENTS)).status_code == 200
        assert (await zebra.call("GET", EVENTS)).status_code == 404


async def test_a_store_out_of_reach_ends_no_stream(house: House, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.order(storyboard(scene("one")))
    films, reads = door.desk.films, 0
    assert films
    get = films.get

    async def get_later(film_id: str) -> Any:
        nonlocal reads
        reads += 1
        if reads in (2, 3):
            raise Unavailable("the store is away")
        return await get(film_id)

    monkeypatch.setattr(films, "get", get_later)
    async with house.directing(), house.rendering():
        events = await listen(door)
    assert reads > 3
    assert events[-1][0] == "done"
