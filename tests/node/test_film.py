"""Films by the package: Node and the facade are killed meanwhile, and each scene is one job."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import House
from tests.node.driver import node, refusal
from tests.node.test_http import _again
from tests.node.test_legacy import RED
from tests.unit.media_clips import play


def scene(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "prompt": f"A paper boat on a river, {name}", **more}


SCENES = [scene("one"), scene("two", transition={"kind": "crossfade", "seconds": 0.5})]
FILM = {
    "filmId": "boat",
    "maxCostUsd": 1,
    "defaults": {"durationSeconds": 1, "aspectRatio": "9:16"},
    "onSceneFailure": "fail",
    "scenes": SCENES,
}


def films_in(house: House) -> list[Path]:
    return [file for file in house.finals() if file.name.startswith("film_")]


@pytest.mark.timeout(200)
async def test_a_film_is_made_once_although_node_and_the_facade_are_killed(house: House) -> None:
    with house.facade() as (facade, url):
        async with node(url) as js:
            plan = await js.call("planFilm", FILM)
            assert (plan["filmId"], plan["priceUsd"], plan["durationSeconds"]) == ("boat", 0, 1.5)
            js.ask("film with news", FILM)
            first = await js.news.get()
            assert (first["filmId"], first["revision"], len(first["scenes"])) == ("boat", 1, 2)
            await js.kill()
        async with node(url) as js:
            facade.kill()
            asking = js.ask("film with news", FILM)
            with _again(house, url), house.worker():
                film = await asking
                heard = [js.news.get_nowait()["state"] for _ in range(js.news.qsize())]
                assert heard[-1] == film["state"] == "succeeded"
                assert (await js.call("generateFilm", {**FILM, "maxCostUsd": 2}))["videoUrl"] == film["videoUrl"]
                assert (await js.call("waitForFilm", "boat"))["videoUrl"] == film["videoUrl"]
                await expect_refusals(js)
                retake = {"scene": "two", "take": 2}
                for _ in range(2):
                    assert (await js.call("retakeScene", "boat", retake))["revision"] == 2
                second = await js.call("waitForFilm", "boat")
    assert (second["revision"], [each["take"] for each in second["scenes"]]) == (2, [1, 2])
    assert len(house.finals()) == 3 + 2, "three scenes, and a file for each revision"
    assert {play(file).frames for file in films_in(house)} == {36}


async def expect_refusals(js: Any) -> None:
    other = await refusal(js.ask("orderFilm", {**FILM, "scenes": SCENES[:1]}))
    dear = await refusal(js.ask("orderFilm", {"filmId": "dear", "scenes": [scene("one", takes=1)]}))
    wrong = await refusal(js.ask("orderFilm", {"filmId": "wrong", "scenes": [scene("one", durationSeconds=99)]}))
    twice = await refusal(js.ask("orderFilm", {**FILM, "film_id": "boat"}))
    nameless = await refusal(js.ask("film", "a b"))
    missing = await refusal(js.ask("film", "nothing"))
    assert (other["code"], other["status"]) == ("id_reused", 409)
    assert (dear["field"], wrong["field"]) == ("scenes.0.takes", "scenes.0.duration_seconds")
    assert twice["message"] == "film_id is given twice, also as filmId"
    assert (nameless["field"], missing["status"]) == ("film_id", 404)


async def test_a_film_that_ends_without_a_file_is_an_error_with_the_film(house: House) -> None:
    with house.facade() as (_, url):
        async with node(url) as js:
            asking = js.ask("film with news", FILM)
            await js.news.get()
            assert (await js.call("cancelFilm", "boat"))["state"] == "cancelled"
            ended = await refusal(asking)
            await js.call("orderFilm", {**FILM, "revision": 2})
            older = await refusal(js.ask("waitForFilm", "boat", {"revision": 1}))
    assert (ended["category"], ended["code"], ended["charged"]) == ("cancelled", "cancelled", "no")
    assert (ended["message"], ended["film"]["state"]) == ("film boat is cancelled", "cancelled")
    assert (older["code"], older["message"]) == ("id_reused", "film boat is at revision 2 already")


@pytest.mark.timeout(100)
async def test_the_drop_in_makes_a_film_of_scenes_as_old_callers_have_them(house: House) -> None:
    data = {"title": "A red bicycle", "timeEnd": "1s", "sceneNumber": 7}
    image = base64.b64encode(RED).decode()
    film = {
        "filmId": "old",
        "projectId": "My Project",
        "scenes": [{"name": "a", "scene": data, "referenceImage": image}],
    }
    with house.facade() as (_, url), house.worker():
        async with node(url) as js:
            made = await js.call("generateFilm", film)
            wrong = await refusal(js.ask("generateFilm", {**film, "scenes": None}))
            last = {"name": "a", "scene": data, "lastImage": image}
            unknown = await refusal(js.ask("generateFilm", {"filmId": "last", "scenes": [last]}))
            job = await js.call("status", made["scenes"][0]["videoId"])
    assert (made["state"], made["durationSeconds"], job["projectId"]) == ("succeeded", 1, "My%20Project")
    assert "/videos/generated-videos/film_old-" in made["videoUrl"]
    assert wrong["message"].startswith("Python API error: 400 - Invalid request: scenes")
    assert unknown["field"] == "scenes.0.last_image"
    assert "animatic" in unknown["message"], "it was read as an image, and this model takes none"
    assert len(films_in(house)) == 1
