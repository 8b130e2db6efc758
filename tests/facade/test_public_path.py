"""Behind a path, and behind a proxy: every address that the facade gives leads back to it."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from pydantic import ValidationError

from tests.facade.customers import KEYS
from tests.facade.doors import ASYNC, GENERATE, Door, door_to, settings_for
from tests.facade.hand import VIDEO, hand_at

PUBLIC = "https://video.example.com/reel"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with door_to(settings_for(tmp_path, public_url=PUBLIC)) as door:
        yield door


async def test_every_address_begins_with_the_public_url(door: Door) -> None:
    async with hand_at(door.desk) as hand:
        made = await door.post(ASYNC, job_id="kite")
        await hand.finish(await hand.take())
    assert urljoin(PUBLIC + GENERATE, made.headers["location"]) == f"{PUBLIC}/api/videos/kite"
    shown = (await door.client.get("/api/videos/kite")).json()
    for address in (shown["video_url"], shown["poster_url"]):
        assert address.startswith(f"{PUBLIC}/videos/")
    links = (await door.client.get("/")).json()
    assert {links[name] for name in ("generate", "videos", "openapi", "health")} == {
        "/reel" + path for path in (GENERATE, "/api/videos", "/openapi.json", "/api/videos/health")
    }
    assert (await door.client.get("/openapi.json")).json()["servers"] == [{"url": PUBLIC}]
    late = await door.post({"Prefer": "wait=0"}, job_id="other")
    assert late.headers["location"] == f"{PUBLIC}/api/videos/other"


async def test_a_proxy_may_leave_the_path_on(door: Door) -> None:
    async with hand_at(door.desk) as hand:
        made = await door.client.post("/reel" + GENERATE, json={"prompt": "A red kite over a hill"}, headers=ASYNC)
        assert made.status_code == 202
        await hand.finish(await hand.take())
    shown = (await door.client.get(urlsplit(made.headers["location"]).path)).json()
    assert (await door.client.get(urlsplit(shown["video_url"]).path)).content == VIDEO
    assert (await door.client.get("/reel/livez")).status_code == 200
    assert (await door.client.get("/reel")).status_code == 200
    assert (await door.client.get("/reels/livez")).status_code == 404


async def test_without_a_public_url_the_caller_knows_the_name(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path)) as door:
        assert (await door.post(ASYNC, job_id="kite")).headers["location"] == "/api/videos/kite"


@pytest.mark.parametrize("prefix", ["/api", "/api/videos", "/videos"])
async def test_a_path_like_an_own_one_is_the_proxy_s_to_take_off(tmp_path: Path, prefix: str) -> None:
    async with door_to(settings_for(tmp_path, public_url=f"https://video.example.com{prefix}")) as door:
        assert (await door.post(ASYNC, job_id="kite")).status_code == 202
        assert (await door.client.get("/api/videos/kite")).json()["video_id"] == "kite"


@pytest.mark.parametrize("path", [GENERATE + "/", "/reel" + GENERATE + "/"])
async def test_a_slash_too_many_sends_no_post_elsewhere(door: Door, path: str) -> None:
    body = {"prompt": "A red kite over a hill", "job_id": "kite"}
    made = await door.client.post(path, json=body, headers=ASYNC)
    assert (made.status_code, made.json()["video_id"]) == (202, "kite")
    assert (await door.client.get("/api/videos/kite/")).json()["video_id"] == "kite"
    away = await door.client.post(path, json=body, headers={**ASYNC, "Host": "other.example.org"})
    assert (away.status_code, "location" in away.headers) == (421, False)


async def test_a_slash_too_many_opens_no_door(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, api_keys=KEYS, public_url=PUBLIC)) as door:
        for path in ("/api/videos/", "/reel/api/videos/", "/livez/../api/videos", "/reel/videos/../api/videos"):
            assert (await door.client.get(path)).status_code in (401, 403), path
        assert (await door.client.get("/livez/")).status_code == 200


@pytest.mark.parametrize(
    "url",
    ["video.example.com", "ftp://video.example.com", "https://", "https://v.example/?a=b", "https://v.example/#a"],
)
def test_a_public_url_that_leads_nowhere_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValidationError, match="public_url must be an address such as https://"):
        settings_for(tmp_path, public_url=url)
