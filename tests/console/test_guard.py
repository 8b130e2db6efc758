"""Who reaches a page: sessions, cookies, and requests that another site's page made a browser send."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from publisher.console.app import ROUTES
from publisher.console.guard import PLAIN_COOKIE, SECURE_COOKIE, check_origin
from publisher.console.sessions import LASTS, PREFIX, Sessions
from publisher.facade.hosts import ForeignOrigin
from publisher.settings import new_key
from tests.facade.doors import Door, door_to, settings_for

ACME, ACME_KNOWN = new_key("acme")
OWN = {"Origin": "http://localhost", "Content-Type": "application/x-www-form-urlencoded"}
HTTPS = {**OWN, "Origin": "https://localhost"}


@pytest.fixture
async def keyed(tmp_path: Path) -> AsyncIterator[Door]:
    async with door_to(settings_for(tmp_path, api_keys=(ACME_KNOWN,))) as door:
        yield door


async def _log_in(door: Door, key: str = ACME, headers: dict[str, str] = OWN, next: str = "") -> httpx.Response:
    return await door.client.post("/console/login", data={"key": key, "next": next}, headers=headers)


def _paths(method: str) -> list[str]:
    paths = [route.path for route in ROUTES if method in (route.methods or ())]
    return [
        path.replace("{video_id:video_id}", "one")
        .replace("{letter_id:letter_id}", "one")
        .replace("{delivery_id:letter_id}", "one")
        .replace("{film_id:film_id}", "one")
        .replace("{scene:scene_name}", "one")
        for path in paths
        if "static" not in path
    ]


async def test_every_page_leads_to_the_login(keyed: Door) -> None:
    for path in _paths("GET"):
        if not path.endswith(("/login", "/live")):
            answer = await keyed.client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, f"/console/login?next={path}")


async def test_every_form_and_stream_needs_a_login(keyed: Door) -> None:
    stream = {"Accept": "text/html, text/event-stream"}
    for path in _paths("POST"):
        if not path.endswith(("/login", "/logout")):
            answer = await keyed.client.post(path, headers=OWN)
            assert (answer.status_code, "text/html" in answer.headers["content-type"]) == (401, True), path
    for path in _paths("GET"):
        if path.endswith("/live"):
            assert (await keyed.client.get(path, headers=stream)).status_code == 401, path


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:8001"},
        {"Origin": "null"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ],
)
async def test_no_form_of_another_page_is_taken(door: Door, headers: dict[str, str]) -> None:
    for path in _paths("POST"):
        assert (await door.client.post(path, headers=headers)).status_code == 403, path


@pytest.mark.parametrize(
    ("headers", "public_url"),
    [
        ({"host": "localhost:8000", "origin": "http://localhost:8000"}, ""),
        ({"host": "LOCALHOST:8000", "origin": "http://localhost:8000", "sec-fetch-site": "same-origin"}, ""),
        ({"host": "v.example", "origin": "https://v.example"}, ""),
        ({"host": "v.example:443", "origin": "https://v.example"}, ""),
        ({"host": "internal:8000", "origin": "https://v.example"}, "https://v.example/reel"),
        ({"host": "localhost", "sec-fetch-site": "same-origin"}, ""),
    ],
)
def test_own_pages_may(headers: dict[str, str], public_url: str) -> None:
    check_origin(Headers(headers), public_url)


@pytest.mark.parametrize(
    "origin", ["https://v.example.evil.example", "https://v.example@evil.example", "ftp://v.example", "v.example", ""]
)
def test_origins_that_only_look_like_ours_may_not(origin: str) -> None:
    with pytest.raises(ForeignOrigin):
        check_origin(Headers({"host": "v.example", "origin": origin}), "")


async def test_a_login_sets_a_cookie_that_opens_the_pages_and_not_the_api(keyed: Door) -> None:
    answer = await _log_in(keyed, next="/console/spend?since=2026-01-31")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/spend?since=2026-01-31")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{PLAIN_COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert (await keyed.client.get("/console/jobs")).status_code == 200
    assert (await keyed.client.get("/api/videos")).status_code == 401


async def test_by_https_the_cookie_belongs_to_this_host_alone(keyed: Door) -> None:
    cookie = (await _log_in(keyed, headers=HTTPS)).headers["set-cookie"]
    assert cookie.startswith(f"{SECURE_COOKIE}=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "domain" not in cookie.lower()


@pytest.mark.parametrize(
    "next",
    ["https://evil.example", "//evil.example", "/console@evil.example", "/console/\r\nx: y", "/api/videos", "\\\\evil"],
)
async def test_a_login_leads_to_no_other_place(keyed: Door, next: str) -> None:
    assert (await _log_in(keyed, next=next)).headers["location"] == "/console"


@pytest.mark.parametrize("key", ["", "rb_wrong", "é" * 50])
async def test_a_wrong_key_opens_nothing(keyed: Door, key: str) -> None:
    answer = await _log_in(keyed, key)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_key_is_not_taken_in_the_clear(keyed: Door) -> None:
    network = {**OWN, "Host": "192.168.1.5:8000", "Origin": "http://192.168.1.5:8000"}
    assert "cross the network in the clear" in (await keyed.client.get("/console/login", headers=network)).text
    answer = await _log_in(keyed, headers=network)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_session_holds_at_another_facade_until_it_ends(keyed: Door, tmp_path: Path) -> None:
    token = (await _log_in(keyed)).cookies[PLAIN_COOKIE]
    async with door_to(settings_for(tmp_path, api_keys=(ACME_KNOWN,))) as other:
        other.client.cookies.set(PLAIN_COOKIE, token)
        assert (await other.client.get("/console/jobs")).status_code == 200
    async with door_to(settings_for(tmp_path, api_keys=(new_key("zebra")[1],))) as other:
        other.client.cookies.set(PLAIN_COOKIE, token)
        assert (await other.client.get("/console/jobs")).status_code == 303, "the key is not in the settings any more"
    await keyed.client.post("/console/logout", headers=OWN)
    keyed.client.cookies.set(PLAIN_COOKIE, token)
    assert (await keyed.client.get("/console/jobs")).status_code == 303


async def test_only_a_digest_of_the_token_is_stored_and_old_files_go(keyed: Door, tmp_path: Path) -> None:
    token = (await _log_in(keyed)).cookies[PLAIN_COOKIE]
    (file,) = (tmp_path / "videos" / PREFIX).iterdir()
    assert token not in file.read_text() + file.name
    assert ACME not in file.read_text()
    later = _Later(keyed.desk.clock, LASTS + timedelta(minutes=1))
    sessions = Sessions(keyed.desk.videos, later)
    assert await sessions.find(token) is None
    await sessions.create("acme", ACME_KNOWN.sha256)
    assert file not in set(file.parent.iterdir())


class _Later:
    """A clock that is ahead."""

    def __init__(self, clock: Any, ahead: timedelta) -> None:
        self._clock = clock
        self._ahead = ahead

    def now(self) -> Any:
        return self._clock.now() + self._ahead

    def boot(self) -> float:
        return float(self._clock.boot())

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


async def test_a_link_on_another_site_asks_once_more_by_itself(keyed: Door) -> None:
    answer = await keyed.client.get("/console/jobs", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, 'http-equiv="refresh"' in answer.text) == (200, True)


async def test_a_proxy_may_send_the_key_with_each_request(keyed: Door) -> None:
    headers = {"Authorization": f"Bearer {ACME}"}
    assert (await keyed.client.get("/console/jobs", headers=headers)).status_code == 200
    foreign = {**headers, "Origin": "https://evil.example"}
    assert (await keyed.client.post("/console/new", headers=foreign)).status_code == 403


async def test_the_console_can_be_left_out(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, console=False)) as door:
        assert (await door.client.get("/console/jobs")).status_code == 404
        assert "console" not in (await door.client.get("/")).json()


async def test_other_hosts_see_no_console(door: Door) -> None:
    assert (await door.client.get("/console/jobs", headers={"Host": "evil.example"})).status_code == 421
