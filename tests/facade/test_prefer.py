"""`Prefer` and the end of patience: 200, 202 or 504."""

import asyncio
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from publisher.facade.request_headers import Preferences, preferences_of
from tests.facade.doors import Door, door_to, settings_for
from tests.facade.hand import Hand


async def test_respond_async_is_answered_at_once(door: Door) -> None:
    answer = await door.post({"Prefer": "respond-async"})
    assert answer.status_code == 202
    body = answer.json()
    assert (body["state"], body["queue_position"], body["progress"]) == ("queued", 1, 0)
    assert answer.headers["location"] == f"/api/videos/{body['video_id']}"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["preference-applied"] == "respond-async"


async def test_wait_ends_with_a_202(door: Door) -> None:
    answer = await door.post({"Prefer": "respond-async, wait=0"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async, wait=0")
    answer = await door.post({"Prefer": "wait=0"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=0")


async def test_wait_ends_with_the_video(door: Door, hand: Hand) -> None:
    calling = asyncio.create_task(door.post({"Prefer": "respond-async; wait, wait=60"}))
    await hand.finish(await hand.take())
    answer = await calling
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=60")


async def test_without_a_preference_the_wait_ends_with_a_504(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, wait_s=0.05)) as door:
        answer = await door.post()
        assert answer.status_code == 504
        body = answer.json()
        assert (body["error"]["category"], body["error"]["charged"]) == ("timeout", "no")
        assert body["status_url"] == f"http://localhost:8000/api/videos/{body['video_id']}"
        assert (await door.client.get(body["status_url"])).json()["state"] == "queued"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], Preferences()),
        (["respond-async"], Preferences(respond_async=True)),
        (["Respond-Async , WAIT=10"], Preferences(respond_async=True, wait_s=10)),
        (['wait="7"'], Preferences(wait_s=7)),
        (["wait=900"], Preferences(wait_s=280)),
        (["wait=3", "wait=9"], Preferences(wait_s=3)),
        (["wait=-1, handling=lenient, wait"], Preferences()),
        (["wait=1.5"], Preferences()),
        (["return=minimal; foo=bar", "respond-async"], Preferences(respond_async=True)),
    ],
)
def test_preferences(given: list[str], expected: Preferences) -> None:
    headers = Headers(raw=[(b"prefer", value.encode()) for value in given])
    assert preferences_of(headers, at_most_s=280) == expected
