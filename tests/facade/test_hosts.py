"""What a web page could make a visitor's browser do: cross-site requests, and DNS rebinding."""

from pathlib import Path
from typing import Any

import pytest

from publisher.facade.hosts import AllowedHosts, check_exposure, is_loopback
from publisher.settings import PublisherSettings
from schemas.errors import Invalid
from tests.facade.customers import ACME, KEYS
from tests.facade.doors import ASYNC, GENERATE, Door, door_to, settings_for

_CALLS = [
    ("GET", "/api/videos"),
    ("GET", "/api/videos/one"),
    ("GET", "/api/videos/one/events"),
    ("DELETE", "/api/videos/one"),
    ("POST", GENERATE),
    ("GET", "/videos/generated-videos/one.mp4"),
    ("GET", "/openapi.json"),
    ("GET", "/asyncapi.json"),
    ("GET", "/docs"),
    ("HEAD", "/api/videos"),
    ("OPTIONS", GENERATE),
    ("GET", "/"),
]


@pytest.mark.parametrize(("method", "path"), _CALLS)
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "192.168.1.5:8000"])
async def test_a_foreign_host_is_not_served(door: Door, method: str, path: str, host: str) -> None:
    answer = await door.client.request(method, path, headers={"Host": host})
    assert answer.status_code == 421
    if method != "HEAD":
        assert answer.json()["error"]["code"] == "misdirected_request"
        assert "REELBUS_ALLOWED_HOSTS" in answer.json()["detail"]


@pytest.mark.parametrize(
    "host", ["", "localhost.evil.example", "evil.example#localhost", "localhost@evil.example", "127.0.0.1.evil.example"]
)
async def test_a_host_that_only_looks_local_is_foreign(door: Door, host: str) -> None:
    assert (await door.client.get("/api/videos", headers={"Host": host})).status_code == 421


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "localhost.", "127.0.0.1:8000", "127.8.9.1", "[::1]:8000"]
)
async def test_names_of_this_machine_are_served(door: Door, host: str) -> None:
    assert (await door.client.get("/api/videos", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/api/videos/health"])
async def test_probes_name_what_they_like(door: Door, path: str) -> None:
    assert (await door.client.get(path, headers={"Host": "10.2.3.4:8000"})).status_code == 200


@pytest.mark.parametrize(
    ("settings", "host", "allowed"),
    [
        ({"public_url": "https://video.example.com/reel"}, "video.example.com", True),
        ({"public_url": "https://video.example.com/reel"}, "example.com", False),
        ({"allowed_hosts": "a.example, B.example"}, "b.example:443", True),
        ({"allowed_hosts": "a.example"}, "localhost", True),
        ({"allowed_hosts": "*.run.app"}, "reelbus-abc-uc.a.run.app", True),
        ({"allowed_hosts": "*.run.app"}, "run.app.evil.example", False),
        ({"allowed_hosts": "*"}, "evil.example", True),
        ({"host": "0.0.0.0"}, "192.168.1.5:8000", True),
        ({"host": "0.0.0.0"}, "reelbus:8000", True),
        ({"host": "0.0.0.0"}, "evil.example", False),
        ({}, "reelbus", False),
        ({"api_keys": KEYS}, "video.example.com", True),
        ({"api_keys": KEYS, "allowed_hosts": "video.example.com"}, "evil.example", False),
    ],
)
def test_configured_hosts(tmp_path: Path, settings: dict[str, Any], host: str, allowed: bool) -> None:
    assert AllowedHosts(settings_for(tmp_path, **settings)).allow(host) is allowed


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://localhost@evil.example"},
        {"Origin": "chrome-extension://localhost"},
        {"Origin": "http://192.168.1.5"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    ],
)
async def test_a_foreign_page_changes_nothing(door: Door, headers: dict[str, str]) -> None:
    made = await door.post({**ASYNC, **headers})
    assert (made.status_code, made.json()["error"]["code"]) == (403, "foreign_origin")
    job_id = await door.queued()
    assert (await door.client.delete(f"/api/videos/{job_id}", headers=headers)).status_code == 403
    jobs = (await door.client.get("/api/videos", headers=headers)).json()["videos"]
    assert [(job["video_id"], job["state"]) for job in jobs] == [(job_id, "queued")]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:5173", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://[::1]:8000"},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
)
async def test_pages_of_this_machine_and_programs_may(door: Door, headers: dict[str, str]) -> None:
    assert (await door.post({**ASYNC, **headers})).status_code == 202


async def test_with_keys_the_key_decides(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, api_keys=KEYS)) as door:
        page = {**ASYNC, "Host": "video.example.com", "Origin": "https://app.example.com"}
        assert (await door.post(page)).status_code == 401
        assert (await door.post({**page, "X-API-Key": ACME})).status_code == 202


@pytest.mark.parametrize("host", ["127.0.0.1", "127.4.5.6", "::1", "localhost", "::ffff:127.0.0.1"])
def test_this_machine_alone_needs_no_key(tmp_path: Path, host: str) -> None:
    assert is_loopback(host)
    check_exposure(settings_for(tmp_path, host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0", "192.168.1.5", "10.0.0.1", "::ffff:10.0.0.1"])
def test_a_network_needs_a_key_or_a_word(tmp_path: Path, host: str) -> None:
    with pytest.raises(Invalid, match=r"REELBUS_API_KEYS .* REELBUS_OPEN_TO_ALL=1"):
        check_exposure(settings_for(tmp_path, host=host))
    check_exposure(settings_for(tmp_path, host=host, open_to_all=True))
    check_exposure(settings_for(tmp_path, host=host, api_keys=KEYS))


def test_a_variable_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("REELBUS_HOST", "PORT", "REELBUS_WAIT_S", "REELBUS_LOG_LEVEL", "REELBUS_DATA_DIR"):
        monkeypatch.setenv(name, "")
    settings = PublisherSettings()
    assert (settings.host, settings.port, settings.wait_s) == ("127.0.0.1", 8000, 280)
    assert (settings.log_level, str(settings.data_dir)) == ("INFO", ".reelbus")
