"""A field that the chosen model does not use: every entry says so, names both, and nothing is charged."""

from typing import Any

import httpx

from tests.e2e.processes import House, client_of

BODY = {"prompt": "A harbour at dawn, gulls", "duration_seconds": 1, "negative_prompt": "text"}
WORDS = "negative_prompt can't be given for animatic"


async def test_a_caller_is_told_by_http(house: House) -> None:
    with house.facade() as (_, url), house.worker():
        async with client_of(url) as client:
            waited = await client.post("/api/videos/generate", json=BODY)
            later = await client.post("/api/videos/generate", json=BODY, headers={"Prefer": "respond-async"})
            job = await _ended(client, later.json()["video_id"])
            empty = await client.post("/api/videos/generate", json={**BODY, "negative_prompt": ""})
    body = waited.json()
    assert (waited.status_code, body["detail"]) == (400, f"Invalid request: {WORDS}")
    assert (body["error"]["field"], body["error"]["charged"]) == ("negative_prompt", "no")
    assert (job["state"], job["error"]["code"], job["error"]["message"]) == ("failed", "invalid_request", WORDS)
    assert empty.status_code == 200


async def _ended(client: httpx.AsyncClient, video_id: str) -> dict[str, Any]:
    answer = await client.get(f"/api/videos/{video_id}", params={"wait": 60})
    found: dict[str, Any] = answer.json()
    return found
