"""The rules of the calls about films: when one is sent again, what a wait ends with, and how a storyboard is sent."""

import json
from pathlib import Path
from typing import Any

import pytest

from reelbus_client import FilmRequest, FilmScene, ReelbusError
from reelbus_client.errors import unreachable
from reelbus_client.films import FilmFlows
from reelbus_client.models import FilmAudio
from reelbus_client.requests import to_fields, to_json
from reelbus_client.steps import Answer
from schemas.wire.film import FilmRequest as ServerRequest
from tests.python_client.script import Script, answer, failed
from tests.python_client.test_films import FILM, scene


def view(state: str, scene_state: str, **more: Any) -> dict[str, Any]:
    """A film as a facade shows it."""
    at = "2026-01-31T12:00:00Z"
    one = {"name": "one", "take": 1, "video_id": "ad-1", "state": scene_state, "progress": 0, "reused": False}
    one |= {"price_usd": 0.5, "cost_usd": 0, "duration_seconds": 4, "start_s": 0, "end_s": 4, "error": None}
    film = {"film_id": "ad", "revision": 1, "state": state, "on_scene_failure": "hold", "scenes": [one]}
    film |= {"price_usd": 0.5, "cost_usd": 0, "duration_seconds": 4, "created_at": at, "changed_at": at, "error": None}
    empty = dict.fromkeys(("gcs_path", "video_url", "width", "height", "provenance", "caller"))
    return {**film, **empty, "is_stale": False, **more}


@pytest.fixture
def flows() -> FilmFlows:
    return FilmFlows(120.0)


def test_a_lost_answer_and_a_full_queue_send_the_same_storyboard_again(flows: FilmFlows) -> None:
    full = answer(429, failed("quota", "too_many_queued"), retry_after="3")
    done = view("succeeded", "succeeded", video_url="http://facade/a.mp4")
    script = Script(unreachable("closed"), full, answer(202, view("planned", "planned")), answer(200, done))
    assert script.run(flows.generate({"film_id": "ad", "scenes": [scene("one")]})).video_url == "http://facade/a.mp4"
    assert script.said() == [*["POST /api/films"] * 3, "GET /api/films/ad"]
    first, second, third = script.bodies()
    assert first == second == third
    assert script.pauses[1] == 3.0


def test_a_facade_that_refuses_the_first_connection_is_reported_at_once(flows: FilmFlows) -> None:
    with pytest.raises(ReelbusError, match="refused"):
        Script(unreachable("refused", sent=False)).run(flows.order(FILM))


def test_a_held_film_is_waited_for_while_its_scene_is_replayed(flows: FilmFlows) -> None:
    states = (("held", "queued"), ("held", "succeeded"), ("joining", "succeeded"), ("succeeded", "succeeded"))
    script = Script(*(answer(200, view(*state)) for state in states))
    assert script.run(flows.wait("ad", None)).state == "succeeded"


@pytest.mark.parametrize(("cost_usd", "charged"), [(0, "no"), (0.5, "yes"), (0.5, "unknown")])
def test_a_held_film_ends_the_wait_and_its_error_says_what_may_have_been_paid(
    flows: FilmFlows, cost_usd: float, charged: str
) -> None:
    reason = {"category": "upstream", "code": "scene_failed", "message": "No video: one.", "charged": "no"}
    held = view("held", "failed", error=reason, cost_usd=cost_usd)
    if charged == "unknown":
        held["scenes"][0]["error"] = {**reason, "charged": charged}
    with pytest.raises(ReelbusError, match=r"No video: one\.") as caught:
        Script(answer(200, held)).run(flows.wait("ad", None))
    assert (caught.value.code, caught.value.charged, caught.value.detail) == (
        "scene_failed",
        charged,
        "film ad is held. No video: one.",
    )


def test_an_address_that_expired_is_asked_for_again_and_an_erased_film_has_none(flows: FilmFlows) -> None:
    found = [view("succeeded", "succeeded", video_url=f"http://store/{number}.mp4") for number in (1, 2)]
    script = Script(answer(200, found[0]), Answer(403), answer(200, found[1]), Answer(200))
    assert script.run(flows.download("ad", Path("ad.mp4"), None)) == Path("ad.mp4")
    assert script.said()[1::2] == ["GET http://store/1.mp4", "GET http://store/2.mp4"]
    with pytest.raises(ReelbusError, match="erased"):
        Script(answer(200, view("succeeded", "succeeded"))).run(flows.download("ad", Path("ad.mp4"), None))


def test_the_model_of_a_storyboard_is_sent_as_the_server_reads_it() -> None:
    given: dict[str, Any] = {**FILM, "audio": {"normalise_lufs": None}, "webhook": {"url": "https://example.com/"}}
    fields = to_fields(FilmRequest.model_validate(given))
    assert fields == given
    mixed = {**FILM, "scenes": [FilmScene.model_validate(scene("one"))], "audio": FilmAudio(normalise_lufs=None)}
    sent = json.loads(to_json(to_fields(mixed)))
    assert sent["audio"] == {"normalise_lufs": None}, "no loudness is another wish than the usual one"
    assert ServerRequest.model_validate(sent).audio.normalise_lufs is None
