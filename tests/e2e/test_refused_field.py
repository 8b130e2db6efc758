"""A field that the chosen model does not use: every entry says so, names both, and nothing is charged."""

import asyncio
import json
import sys
from typing import Any

import httpx

from infra.adapters import Adapters
from infra.clock import SystemClock
from schemas.ports import COMPLETIONS, REQUESTS, Subscription
from schemas.wire.message import encode_request
from schemas.wire.request import VideoRequest
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


async def test_the_command_line_says_it(house: House) -> None:
    with house.facade() as (_, url), house.worker():
        command = [sys.executable, "-m", "publisher", "generate", BODY["prompt"], "--negative-prompt", "text"]
        process = await asyncio.create_subprocess_exec(
            *map(str, command), "--url", url, cwd=house.folder, stderr=asyncio.subprocess.PIPE
        )
        _, err = await process.communicate()
    assert process.returncode == 1
    assert f"Error: {WORDS}" in err.decode()


async def test_a_publisher_of_messages_hears_it_in_the_completion(house: House) -> None:
    hearing = Subscription(name="hearing", topic=COMPLETIONS, ephemeral=True)
    request = VideoRequest.model_validate({**BODY, "job_id": "by-message"})
    with house.worker():
        async with Adapters() as adapters:
            bus = await adapters.bus(f"sqlite://{house.folder}/reelbus.db")
            async with bus.subscribe(hearing, limit=1) as deliveries:
                await bus.publish(REQUESTS, encode_request(request, at=SystemClock().now()))
                delivery = await anext(deliveries)
                completion = json.loads(delivery.message.data)
                await delivery.ack()
    error = completion["error"]
    assert (completion["state"], error["field"], error["message"]) == ("failed", "negative_prompt", WORDS)


async def _ended(client: httpx.AsyncClient, video_id: str) -> dict[str, Any]:
    answer = await client.get(f"/api/videos/{video_id}", params={"wait": 60})
    found: dict[str, Any] = answer.json()
    return found
