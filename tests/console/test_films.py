"""The pages of films: the price of each scene before the order, one card for each scene, and who sees what."""

import html
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from publisher.access import Access
from publisher.films.orders import find_film, order_film
from publisher.settings import new_key
from schemas.domain.film import Film, FilmState, join_failure
from schemas.wire.film import FilmRequest
from tests.facade.customers import ACME, KEYS, ZEBRA, Customer
from tests.facade.doors import Door, door_to, settings_for

FORM = {"Origin": "http://localhost", "Content-Type": "application/x-www-form-urlencoded"}
HOSTILE = "<script>alert(1)</script> {{7*7}} \"' <hx-partial hx-target='body'>"
OPERATOR, OPERATOR_KNOWN = new_key("ops", scopes=("operate",))
STORYBOARD: dict[str, Any] = {
    "film_id": "spring",
    "project_id": "garden",
    "scenes": [
        {"name": "opening", "prompt": f"A garden {HOSTILE}"},
        {"name": "end", "prompt": "A quiet blue wall", "transition": {"kind": "crossfade", "seconds": 0.5}},
    ],
}


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    return settings_for(tmp_path, events_look_every_s=0.05, provider="vertex://project/us-central1", videos="")


async def ordered(door: Door, **changes: Any) -> Film:
    return await order_film(door.desk, FilmRequest.model_validate({**STORYBOARD, **changes}), Access())


async def held(door: Door) -> Film:
    """A film whose scenes have no video: no worker made them."""
    film, films = await ordered(door), door.desk.films
    assert films
    ended = await films.save(
        film.end(film.changed_at, FilmState.HELD, join_failure("scene_failed", f"{HOSTILE} broke"))
    )
    return await films.save(ended.note_announced(film.changed_at))


async def post(door: Door, path: str, **fields: str) -> Any:
    return await door.client.post(f"/console{path}", data=fields, headers=FORM)


async def test_a_storyboard_is_ordered_for_the_price_that_was_shown(door: Door) -> None:
    text = json.dumps(STORYBOARD)
    shown = await post(door, "/new-film", storyboard=text)
    assert shown.status_code == 200
    (price,) = re.findall(r'name="agreed_usd" value="([\d.]+)"', shown.text)
    assert float(price) > 0
    assert shown.text.count("<td>new</td>") == 2
    assert await door.desk.films.get("spring") is None  # type: ignore[union-attr]
    cheap = await post(door, "/new-film", storyboard=text, agreed_usd="0.01")
    assert "higher than the one that you saw. Nothing was ordered." in cheap.text
    for _ in range(2):
        answer = await post(door, "/new-film", storyboard=text, agreed_usd=price)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/films/spring")
    film = await find_film(door.desk, "spring", Access())
    assert (film.request.revision, film.request.max_cost_usd) == (1, Decimal(price))
    text = html.unescape((await door.client.get("/console/new-film?like=spring")).text)
    next_one = json.loads(re.findall(r"<textarea[^>]*>(.*?)</textarea>", text, re.DOTALL)[0])
    assert (next_one["revision"], "max_cost_usd" in next_one) == (2, False)
    other = await post(door, "/new-film", storyboard=json.dumps({**STORYBOARD, "defaults": {"seed": 7}}))
    assert other.status_code == 400
    assert "raise revision" in other.text
    assert "another storyboard" in other.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Paste a storyboard, or choose a file."),
        ("{", "the body must be JSON"),
        (json.dumps({**STORYBOARD, "scenes": []}), "scenes must have"),
        (json.dumps({**STORYBOARD, "film_id": "a b"}), "film_id must"),
    ],
)
async def test_a_bad_storyboard_is_named_and_stays_in_the_field(door: Door, text: str, words: str) -> None:
    answer = await post(door, "/new-film", storyboard=text, agreed_usd="9")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert words in answer.text


async def test_a_file_goes_before_the_text(door: Door) -> None:
    small = json.dumps({**STORYBOARD, "film_id": "of-a-file"})
    for text, is_large in ((small, False), (small + " " * 100_001, True)):
        parts = (("storyboard", json.dumps(STORYBOARD)), ('file"; filename="storyboard.json', text))
        body = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{part}\r\n' for name, part in parts
        )
        headers = {"Origin": "http://localhost", "Content-Type": "multipart/form-data; boundary=b"}
        answer = await door.client.post("/console/new-film", content=f"{body}--b--\r\n", headers=headers)
        assert answer.status_code == 200, answer.text
        assert "Make film of-a-file" in answer.text
        assert ("choose it again before you order" in answer.text) is is_large


async def test_hostile_texts_are_shown_as_texts(door: Door) -> None:
    await held(door)
    for path in ("/films", "/films/spring", "/new-film?like=spring", "/trouble", "/films?project_id=%3Cscript%3E"):
        page = (await door.client.get(f"/console{path}")).text
        assert "<script>alert" not in page
        assert "<hx-partial" not in page
    assert "{{7*7}}" in (await door.client.get("/console/films/spring")).text


async def test_a_held_film_is_in_trouble_and_in_the_list(door: Door) -> None:
    await held(door)
    trouble = (await door.client.get("/console/trouble")).text
    assert "Films that wait for a person, or failed (1)" in trouble
    assert "/console/films/spring" in (await door.client.get("/console/films?state=held&project_id=garden")).text
    assert "No film matches." in (await door.client.get("/console/films?state=joining")).text
    assert (await door.client.get("/console/films?state=odd")).status_code == 400


async def test_a_retake_asks_with_its_price_and_happens_once(door: Door) -> None:
    await held(door)
    page = (await door.client.get("/console/films/spring/scenes/end/retake")).text
    (price,) = re.findall(r'name="agreed_usd" value="([\d.]+)"', page)
    assert "Take it again and pay" in page
    path = "/films/spring/scenes/end/retake"
    assert (await post(door, path, take="2")).headers["location"] == f"/console{path}"
    assert (await post(door, path, take="2", agreed_usd="0.01")).headers["location"] == f"/console{path}"
    assert (await find_film(door.desk, "spring", Access())).request.revision == 1
    for _ in range(2):
        assert (await post(door, path, take="2", agreed_usd=price)).headers["location"] == "/console/films/spring"
    film = await find_film(door.desk, "spring", Access())
    assert (film.request.revision, film.request.scenes[1].take) == (2, 2)
    assert (await post(door, path, take="4", agreed_usd=price)).status_code == 409


async def test_a_scene_is_cut_out_once_and_the_next_one_begins_with_a_cut(door: Door) -> None:
    await held(door)
    path = "/films/spring/scenes/opening/drop"
    page = (await door.client.get(f"/console{path}")).text
    (price,) = re.findall(r'name="agreed_usd" value="([\d.]+)"', page)
    assert (await post(door, path, revision="2")).headers["location"] == f"/console{path}"
    for _ in range(2):
        answer = await post(door, path, revision="2", agreed_usd=price)
        assert answer.headers["location"] == "/console/films/spring", answer.text
    film = await find_film(door.desk, "spring", Access())
    assert [scene.name for scene in film.request.scenes] == ["end"]
    assert (film.request.revision, film.request.scenes[0].transition.kind) == (2, "cut")
    assert (await post(door, path, revision="5", agreed_usd=price)).status_code == 409
    only = await door.client.get("/console/films/spring/scenes/end/drop")
    assert (only.status_code, "only scene" in only.text) == (400, True)


async def test_a_film_is_cancelled_and_erased(door: Door) -> None:
    await ordered(door)
    assert "has not ended" in (await door.client.get("/console/films/spring/erase")).text
    assert (await post(door, "/films/spring/erase")).status_code == 400
    assert (await post(door, "/films/spring/cancel")).status_code == 303
    film, films = await find_film(door.desk, "spring", Access()), door.desk.films
    assert films
    assert film.state is FilmState.CANCELLED
    await films.save(film.note_announced(film.changed_at))
    assert "Erase for good" in (await door.client.get("/console/films/spring/erase")).text
    assert (await post(door, "/films/spring/erase")).status_code == 303
    page = (await door.client.get("/console/films/spring")).text
    assert "were erased at" in page
    assert "garden in" not in page
    assert "hx-sse:connect" not in page
    for path in ("/films/spring/scenes/scene-1/retake", "/new-film?like=spring"):
        assert (await door.client.get(f"/console{path}")).status_code == 410


async def test_a_stream_sends_what_changed(door: Door) -> None:
    film = await ordered(door)
    page = (await door.client.get("/console/films/spring")).text
    (address,) = re.findall(r'hx-sse:connect="([^"]+)"', page)
    assert 'id="scene-opening"' in page
    films = door.desk.films
    assert films
    await films.save(film.end(film.changed_at, FilmState.CANCELLED))
    stream = (await door.client.get(address)).text
    assert 'id="film-state" aria-labelledby="state-title" hx-swap-oob="outerMorph"' in stream
    assert "The film has ended: cancelled." in stream
    assert stream.count("event: done") == 1


async def test_callers_see_their_own_films_and_an_operator_all(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, api_keys=(*KEYS, OPERATOR_KNOWN))) as door:
        acme, zebra, operator = Customer(door, ACME), Customer(door, ZEBRA), Customer(door, OPERATOR)
        assert (await acme.call("POST", "/api/films", json=STORYBOARD)).status_code == 202
        assert "/console/films/spring" in (await acme.call("GET", "/console/films")).text
        assert "No film has been ordered yet." in (await zebra.call("GET", "/console/films")).text
        for path in ("", "/live", "/scenes/end/retake", "/scenes/end/drop"):
            assert (await zebra.call("GET", f"/console/films/spring{path}")).status_code == 404
        (address,) = re.findall(r"/console(/films/spring-\w+)", (await operator.call("GET", "/console/films")).text)[:1]
        page = await operator.call("GET", f"/console{address}")
        assert "Take again" not in page.text
        assert "Change the storyboard" not in page.text
        assert (await operator.call("GET", f"/console{address}/scenes/end/retake")).status_code == 403
        assert (await operator.call("GET", "/console/new-film")).status_code == 403
        foreign = {"Origin": "https://evil.example", "Content-Type": FORM["Content-Type"]}
        refused = await acme.call("POST", "/console/films/spring/cancel", headers=foreign, content="")
        assert refused.status_code == 403
