"""`/api/films`: the price before the order, all of it or nothing, and the film with each of its scenes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from publisher.settings import PublisherSettings, new_key
from schemas.ports import FILM_WORKERS, JobQuery
from schemas.wire.film import film_id_of
from tests.facade.customers import ACME, KEYS, ZEBRA, Customer
from tests.facade.doors import Door, door_to, settings_for
from tests.images import data_url, png

FILMS = "/api/films"
FOLLOWS = {"continue_from_previous": True}
IMAGE, NO_IMAGE = data_url(png()), data_url(b"no image at all")
OPERATOR, OPERATOR_KNOWN = new_key("ops", scopes=("operate",))
SCENES: list[dict[str, Any]] = [
    {"name": "opening", "prompt": "A garden in the morning light"},
    {"name": "end", "prompt": "A quiet blue wall", "transition": {"kind": "crossfade", "seconds": 0.5}},
]


def paid(folder: Path, **changes: Any) -> PublisherSettings:
    return settings_for(folder, provider="vertex://project/us-central1", videos="", **changes)


@pytest.fixture
async def veo(tmp_path: Path) -> AsyncIterator[Door]:
    async with door_to(paid(tmp_path)) as door:
        yield door


async def order(door: Door, path: str = FILMS, **body: Any) -> httpx.Response:
    return await door.client.post(path, json={"film_id": "ad", "scenes": SCENES, **body})


async def test_the_price_comes_first_and_nothing_is_stored(veo: Door) -> None:
    plan = (await order(veo, f"{FILMS}/plan")).json()
    assert plan["price_usd"] == pytest.approx(sum(scene["price_usd"] for scene in plan["scenes"]))
    assert plan["price_usd"] > 0
    assert [scene["status"] for scene in plan["scenes"]] == ["new", "new"]
    assert plan["duration_seconds"] == 9.5
    assert (plan["scenes"][1]["start_s"], plan["scenes"][1]["end_s"]) == (4.5, 9.5)
    assert (await veo.client.get(f"{FILMS}/ad")).status_code == 404
    assert (await veo.desk.jobs.list(JobQuery())).jobs == []


async def test_an_order_answers_at_once_and_tells_a_worker(door: Door) -> None:
    await door.desk.bus.ensure(FILM_WORKERS)
    answer = await order(door)
    assert answer.status_code == 202
    assert answer.headers["location"] == "/api/films/ad"
    body = answer.json()
    assert (body["state"], body["revision"], body["is_stale"]) == ("planned", 1, False)
    assert [scene["state"] for scene in body["scenes"]] == ["planned", "planned"]
    assert (await door.client.get(f"{FILMS}/ad")).json() == body
    async with door.desk.bus.subscribe(FILM_WORKERS, limit=1) as deliveries:
        assert film_id_of((await anext(deliveries)).message) == "ad"


async def test_the_same_order_again_is_the_same_film_and_another_one_is_refused(door: Door) -> None:
    first, again = [(await order(door)).json() for _ in range(2)]
    assert first == again
    other = await order(door, scenes=SCENES[:1])
    assert (other.status_code, other.json()["error"]["code"]) == (409, "id_reused")
    newer = await order(door, scenes=SCENES[:1], revision=2)
    assert (newer.status_code, newer.json()["revision"]) == (202, 2)
    assert (await order(door)).status_code == 409


async def test_of_two_revisions_at_once_at_two_facades_one_is_refused(door: Door, settings: PublisherSettings) -> None:
    await order(door)
    async with door_to(settings) as other:
        scenes = ([SCENES[0]], [SCENES[0], {**SCENES[1], "seed": 7}])
        calls = (order(each, scenes=asked, revision=2) for each, asked in zip((door, other), scenes, strict=True))
        answers = sorted(await asyncio.gather(*calls), key=lambda answer: answer.status_code)
        assert [answer.status_code for answer in answers] == [202, 409]
        assert answers[1].json()["error"]["code"] == "id_reused"
        shown = (await other.client.get(f"{FILMS}/ad")).json()
        assert (shown["revision"], shown["scenes"]) == (2, answers[0].json()["scenes"])
        retakes = [each.client.post(f"{FILMS}/ad/scenes/opening/retake", json={"take": 2}) for each in (door, other)]
        taken = await asyncio.gather(*retakes)
        assert [answer.status_code for answer in taken] == [202, 202]
        assert {answer.json()["revision"] for answer in taken} == {3}, "a repeated retake pays once"


async def test_what_is_too_dear_is_not_ordered(veo: Door) -> None:
    refused = await order(veo, max_cost_usd=0.01)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "over_max_cost")
    assert (await veo.client.get(f"{FILMS}/ad")).status_code == 404
    plan = (await order(veo, f"{FILMS}/plan", max_cost_usd=0.01)).json()
    assert (plan["refusal"]["code"], plan["refusal"]["field"]) == ("over_max_cost", "max_cost_usd")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"film_id": "plan"}, "film_id"),
        ({"scenes": [{**SCENES[0], "prompt": "x"}]}, "scenes.0.prompt"),
        ({"scenes": [{**SCENES[0], "continue_from_previous": True}]}, "scenes.0.continue_from_previous"),
        ({"scenes": [SCENES[0], {**SCENES[1], "transition": {"kind": "crossfade", "seconds": 4}}]}, None),
        ({"scenes": [SCENES[0], SCENES[0]]}, "scenes"),
        ({"titles": [{"before": "middle", "text": "x"}]}, "titles.0.before"),
        ({"captions": {"from": "script", "sidecar": ["ass"]}}, "captions.sidecar.0"),
        ({"scenes": [{**SCENES[0], "scene": {"script": "x" * 211}}], "captions": {}}, "scenes.0.scene.script"),
        ({"scenes": [SCENES[0], {**SCENES[1], "reference_image": NO_IMAGE}]}, "scenes.1.reference_image"),
        ({"scenes": [SCENES[0], {**SCENES[1], "reference_images": [IMAGE, NO_IMAGE]}]}, "scenes.1.reference_images.1"),
        ({"scenes": [SCENES[0], {**SCENES[1], "reference_image": IMAGE, "last_image": IMAGE}]}, "scenes.1.last_image"),
        (
            {"scenes": [SCENES[0], {**SCENES[1], **FOLLOWS, "reference_image": IMAGE}]},
            "scenes.1.continue_from_previous",
        ),
        ({"scenes": [SCENES[0], {**SCENES[1], "continue_from_previous": "yes"}]}, "scenes.1.continue_from_previous"),
        ({"defaults": {"reference_images": [IMAGE]}}, "defaults.reference_images"),
        ({"defaults": {"reference_images": [IMAGE] * 4}}, "defaults.reference_images"),
        ({"defaults": {"last_image": "https://example.com/a.png"}}, "defaults.last_image"),
    ],
)
async def test_what_is_wrong_is_named(door: Door, changes: dict[str, Any], field: str | None) -> None:
    answer = await order(door, **changes)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["field"] == (field or "scenes.1.transition.seconds")


async def test_an_image_of_several_scenes_is_stored_once(door: Door) -> None:
    scenes = [{**scene, "reference_image": data_url(png())} for scene in SCENES]
    answer = await order(door, scenes=scenes)
    assert answer.status_code == 202, answer.text
    assert len(await door.desk.videos.list("references/")) == 1
    assert len(await door.desk.videos.list("referrers/")) == 2
    assert (await order(door, scenes=scenes)).json() == answer.json()


async def test_no_revision_beyond_the_limit_is_stored(veo: Door) -> None:
    """A film whose stored number is out of range could not be read any more."""
    assert (await order(veo, revision=1_000_000)).status_code == 202
    answer = await veo.client.post(f"{FILMS}/ad/scenes/end/retake", json={"take": 2})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "revision")
    assert (await veo.client.get(f"{FILMS}/ad")).json()["revision"] == 1_000_000


async def test_a_cancel_and_a_retake(door: Door) -> None:
    await order(door)
    cancelled = (await door.client.delete(f"{FILMS}/ad")).json()
    assert cancelled["state"] == "cancelled"
    for _ in range(2):
        answer = await door.client.post(f"{FILMS}/ad/scenes/end/retake", json={"take": 2})
        assert answer.status_code == 202, answer.text
        assert (answer.json()["revision"], answer.json()["scenes"][1]["take"]) == (2, 2)
    assert (await door.client.post(f"{FILMS}/ad/scenes/end/retake", json={"take": 4})).status_code == 409
    assert (await door.client.post(f"{FILMS}/ad/scenes/none/retake", json={"take": 2})).status_code == 404
    assert (await door.client.post(f"{FILMS}/other/scenes/end/retake", json={"take": 2})).status_code == 404
    assert (await door.client.post(f"{FILMS}/ad/scenes/end/retake", content="{}")).status_code == 400
    plain = await door.client.post(FILMS, content="{}", headers={"Content-Type": "text/plain"})
    assert plain.status_code == 415


async def test_a_caller_with_a_key_takes_a_scene_with_an_image_again_before_its_jobs_exist(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, api_keys=KEYS)) as door:
        acme, zebra = Customer(door, ACME), Customer(door, ZEBRA)
        scenes = [{**scene, "reference_image": data_url(png())} for scene in SCENES]
        ordered = await acme.call("POST", FILMS, json={"film_id": "ad", "scenes": scenes})
        taken = await acme.call("POST", f"{FILMS}/ad/scenes/end/retake", json={"take": 2})
        assert taken.status_code == 202, taken.text
        before, after = (answer.json()["scenes"] for answer in (ordered, taken))
        assert before[0]["video_id"] == after[0]["video_id"], "the other scene is the same job"
        assert before[1]["video_id"] != after[1]["video_id"]
        [image] = await door.desk.videos.list("references/")
        named = [{**scene, "reference_image": f"reelbus:{image.name}"} for scene in SCENES]
        stolen = await zebra.call("POST", FILMS, json={"film_id": "ad", "scenes": named})
        assert (stolen.status_code, stolen.json()["error"]["field"]) == (400, "scenes.0.reference_image")


async def test_callers_see_their_own_films(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, api_keys=KEYS)) as door:
        acme, zebra = Customer(door, ACME), Customer(door, ZEBRA)
        body = {"film_id": "ad", "scenes": SCENES}
        answers = [await each.call("POST", FILMS, json=body) for each in (acme, zebra)]
        assert [answer.status_code for answer in answers] == [202, 202]
        ids = [answer.json()["scenes"][0]["video_id"] for answer in answers]
        assert ids[0] != ids[1]
        assert answers[0].json()["film_id"] == answers[1].json()["film_id"] == "ad"
        await acme.call("DELETE", f"{FILMS}/ad")
        theirs = await zebra.call("GET", f"{FILMS}/ad")
        assert theirs.json()["state"] == "planned"


async def test_films_are_listed_and_a_caller_sees_its_own(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, api_keys=(*KEYS, OPERATOR_KNOWN))) as door:
        acme, zebra, operator = Customer(door, ACME), Customer(door, ZEBRA), Customer(door, OPERATOR)
        for film_id in ("ad", "other"):
            body = {"film_id": film_id, "scenes": SCENES, "project_id": f"p-{film_id}"}
            assert (await acme.call("POST", FILMS, json=body)).status_code == 202
        assert (await zebra.call("POST", FILMS, json={"film_id": "ad", "scenes": SCENES[:1]})).status_code == 202
        first = (await acme.call("GET", f"{FILMS}?limit=1")).json()
        second = (await acme.call("GET", f"{FILMS}?limit=1&cursor={first['next_cursor']}")).json()
        shown = [film["film_id"] for page in (first, second) for film in page["films"]]
        assert (shown, second["next_cursor"]) == (["other", "ad"], None)
        assert [film["scenes"] for film in (await zebra.call("GET", FILMS)).json()["films"]] == [1]
        assert (await acme.call("GET", f"{FILMS}?caller=zebra")).status_code == 403
        everyone = (await operator.call("GET", FILMS)).json()["films"]
        assert [film["caller"] for film in everyone] == ["zebra", "acme", "acme"]
        theirs = (await operator.call("GET", f"{FILMS}?caller=acme&project_id=p-ad&state=planned")).json()["films"]
        assert [film["project_id"] for film in theirs] == ["p-ad"]
        assert (await acme.call("POST", f"{FILMS}/ad/erase", json={})).status_code == 403


@pytest.mark.parametrize(
    ("query", "field"),
    [("state=odd", "state"), ("limit=0", "limit"), ("cursor=x", "cursor"), ("project_id=", "project_id"), ("q=a", "q")],
)
async def test_a_wrong_condition_is_named(door: Door, query: str, field: str) -> None:
    answer = await door.client.get(f"{FILMS}?{query}")
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


async def test_an_erased_film_is_gone(door: Door) -> None:
    await order(door)
    assert (await door.client.get(f"{FILMS}/ad/erase")).json()["may_erase"] is False
    refused = await door.client.post(f"{FILMS}/ad/erase", json={})
    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "film_id")
    await door.client.delete(f"{FILMS}/ad")
    films = door.desk.films
    assert films
    cancelled = await films.get("ad")
    assert cancelled
    await films.save(cancelled.note_announced(cancelled.changed_at))
    assert (await door.client.get(f"{FILMS}/ad/erase")).json() == {"may_erase": True, "why_not": None}
    erased = await door.client.post(f"{FILMS}/ad/erase", json={})
    assert (erased.status_code, erased.json()["erased_films"]) == (200, ["ad"]), erased.text
    assert SCENES[0]["prompt"] not in (await door.client.get(f"{FILMS}/ad")).text
    again = await order(door)
    assert (again.status_code, again.json()["error"]["code"]) == (410, "erased")
    assert (await order(door, f"{FILMS}/plan")).status_code == 410


async def test_a_wrong_take_is_a_conflict_that_no_repeated_call_solves(door: Door) -> None:
    await order(door)
    answer = await door.client.post(f"{FILMS}/ad/scenes/opening/retake", json={"take": 9})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["retryable"]) == (409, "conflict", False)
