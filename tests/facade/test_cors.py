"""CORS: a page of a configured origin may call the facade; other pages may not, and by default none may."""

from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from tests.facade.customers import ACME, KEYS
from tests.facade.doors import GENERATE, PROMPT, door_to, settings_for

PAGE = "https://app.example.com"
OTHER = "https://evil.example"
VIDEOS = "/v1/videos"


def preflight(origin: str, method: str = "POST") -> dict[str, str]:
    """The headers by which a browser asks whether a page may make a call."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }


def may_read(answer: httpx.Response, page: str = PAGE) -> bool:
    """Whether a browser shows the answer to the page."""
    return answer.headers.get("access-control-allow-origin") in (page, "*")


@pytest.mark.parametrize("path", [GENERATE, VIDEOS, "/api/videos/job-1"])
async def test_a_preflight_of_a_configured_origin_needs_no_key(tmp_path: Path, path: str) -> None:
    async with door_to(settings_for(tmp_path, cors_origins=f"{PAGE}, http://localhost:5173", api_keys=KEYS)) as door:
        for page in (PAGE, "http://localhost:5173"):
            answer = await door.client.options(path, headers=preflight(page))
            assert (answer.status_code, may_read(answer, page)) == (200, True)
            assert "idempotency-key" in answer.headers["access-control-allow-headers"].lower()
            assert {"GET", "POST", "DELETE"} <= {*answer.headers["access-control-allow-methods"].split(", ")}
            assert "access-control-allow-credentials" not in answer.headers
            assert "Origin" in answer.headers["vary"]
        refused = await door.client.options(path, headers=preflight(OTHER))
        assert (refused.status_code, may_read(refused, OTHER)) == (400, False)


async def test_a_page_of_a_configured_origin_makes_and_reads_a_video(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, cors_origins=PAGE)) as door:
        answer = await door.client.post(VIDEOS, json={"prompt": PROMPT}, headers={"Origin": PAGE})
        assert (answer.status_code, may_read(answer)) == (200, True)
        assert "openai-poll-after-ms" in answer.headers["access-control-expose-headers"]
        shown = await door.client.get(f"{VIDEOS}/{answer.json()['id']}", headers={"Origin": PAGE})
        assert (shown.status_code, may_read(shown)) == (200, True)


async def test_a_page_reads_why_it_is_refused(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, cors_origins=PAGE, api_keys=KEYS)) as door:
        for path, key, status in ((GENERATE, "", 401), (GENERATE, ACME, 400), ("/api/none", ACME, 404)):
            headers = {"Origin": PAGE, "Authorization": f"Bearer {key}"}
            answer = await door.client.post(path, json={}, headers=headers)
            assert (answer.status_code, may_read(answer)) == (status, True)


async def test_another_page_stays_refused(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, cors_origins=PAGE)) as door:
        for origin in (OTHER, "null", f"{PAGE}.evil.example", f"{PAGE}:8443", "http://app.example.com"):
            answer = await door.client.post(GENERATE, json={"prompt": PROMPT}, headers={"Origin": origin})
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_origin")
            assert not may_read(answer, origin)
            shown = await door.client.get("/api/videos", headers={"Origin": origin})
            assert not may_read(shown, origin)


async def test_a_configured_origin_does_not_pass_a_foreign_host(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, cors_origins=PAGE)) as door:
        headers = {"Origin": PAGE, "Host": "evil.example"}
        answer = await door.client.post(GENERATE, json={"prompt": PROMPT}, headers=headers)
        assert answer.status_code == 421


async def test_by_default_no_page_is_answered(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path)) as door:
        assert (await door.client.options(VIDEOS, headers=preflight(PAGE))).status_code == 405
        assert not may_read(await door.client.get(VIDEOS, headers={"Origin": PAGE}))
        answer = await door.client.post(GENERATE, json={"prompt": PROMPT}, headers={"Origin": PAGE})
        assert answer.json()["error"]["code"] == "foreign_origin"


async def test_all_origins_only_with_keys(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, cors_origins="*", api_keys=KEYS)) as door:
        answer = await door.client.options(VIDEOS, headers=preflight(OTHER))
        assert (answer.status_code, may_read(answer, OTHER)) == (200, True)
    with pytest.raises(ValidationError, match="only if callers need a key"):
        settings_for(tmp_path, cors_origins="*")


@pytest.mark.parametrize("origins", ["app.example.com", "https://app.example.com/", "https://*.example.com", "null"])
def test_a_setting_that_is_no_origin(tmp_path: Path, origins: str) -> None:
    with pytest.raises(ValidationError, match="must be like"):
        settings_for(tmp_path, cors_origins=origins)
