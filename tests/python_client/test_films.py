"""Films over HTTP: a real facade and a real worker, from the price to the file, and ends without a file."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from reelbus_client import FilmNews, FilmRequest, ReelbusError, WaitTimeout
from reelbus_client.models import Charged
from tests.e2e.processes import House
from tests.python_client.conftest import Kind
from tests.python_client.test_http import SYNC
from tests.unit.media_clips import play

_numbers = itertools.count()


def scene(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "prompt": f"A quiet picture of {name}", **more}


FILM: dict[str, Any] = {
    "film_id": "boat",
    "defaults": {"duration_seconds": 1},
    "scenes": [scene("one"), scene("two", transition={"kind": "crossfade", "seconds": 0.5})],
    "captions": {"from": "script", "sidecar": ["srt"]},
}


@pytest.mark.timeout(400)
async def test_a_film_from_its_price_to_its_file(house: House, tmp_path: Path, kind: Kind) -> None:
    film = {**FILM, "scenes": [{**FILM["scenes"][0], "scene": {"script": "Look, a boat."}}, FILM["scenes"][1]]}
    news = list[FilmNews]()
    with house.facade() as (_, url), house.worker():
        async with kind.open(url) as client:
            plan = await client.call("plan_film", film)
            ordered = await client.call("order_film", film)
            await client.follow_film("boat", news)
            made = await client.call("generate_film", FilmRequest.model_validate(film))
            for _ in range(2):
                retaken = await client.call("retake_scene", "boat", "two", take=2, max_cost_usd=1.0)
            second = await client.call("wait_for_film", "boat", revision=2)
            listed = await client.call("list_films", state="succeeded", limit=5)
            path = await client.call("download_film", "boat", tmp_path / "boat.mp4")
            text = await client.call("download_film", "boat", tmp_path / "boat.srt", kind="srt")
            with pytest.raises(ReelbusError, match="kind must be a file of the film beside it") as caught:
                await client.call("download_film", "boat", tmp_path / "boat.otio", kind="otio")
    assert (plan.price_usd, plan.duration_seconds, [each.status for each in plan.scenes]) == (0, 1.5, ["new", "new"])
    assert (ordered.film_id, ordered.revision, len(ordered.scenes)) == ("boat", 1, 2)
    assert (news[0].event, news[-1].event, news[-1].state) == ("state", "done", "succeeded")
    assert {each.name for each in news if each.event == "scene"} == {"one", "two"}
    assert news[-1].view
    assert news[-1].view.gcs_path == made.gcs_path
    assert (retaken.revision, second.revision, [each.take for each in second.scenes]) == (2, 2, [1, 2])
    assert [each.film_id for each in listed.films] == ["boat"]
    assert play(path).frames == 36
    assert "Look, a boat." in text.read_text()
    assert (caught.value.film_id, caught.value.code) == ("boat", "invalid_request")


@SYNC
@pytest.mark.timeout(300)
async def test_what_is_refused_and_a_film_that_is_cancelled(house: House, kind: Kind) -> None:
    with house.facade() as (_, url):
        async with kind.open(url) as client:
            await client.call("order_film", FILM)
            with pytest.raises(WaitTimeout) as late:
                await client.call("generate_film", FILM, timeout_s=0.5)
            assert late.value.film_id == "boat"
            refused = {
                ("id_reused", None): ("order_film", {**FILM, "scenes": FILM["scenes"][:1]}),
                ("invalid_request", "scenes.0.takes"): (
                    "order_film",
                    {"film_id": "b", "scenes": [scene("a", takes=1)]},
                ),
                ("invalid_request", "film_id"): ("film", "a b"),
                ("not_found", None): ("film", "nothing"),
            }
            for (code, field), (name, given) in refused.items():
                with pytest.raises(ReelbusError) as caught:
                    await client.call(name, given)
                assert (caught.value.code, caught.value.field) == (code, field)
            assert (await client.call("cancel_film", "boat")).state == "cancelled"
            with pytest.raises(ReelbusError, match="film boat is cancelled") as ended:
                await client.call("wait_for_film", "boat")
            with pytest.raises(ReelbusError, match="already") as other:
                await client.call("wait_for_film", "boat", revision=2)
    assert (ended.value.code, ended.value.charged, ended.value.film_id) == ("cancelled", Charged.NO, "boat")
    assert ended.value.film
    assert ended.value.film.state == "cancelled"
    assert other.value.code == "id_reused"
