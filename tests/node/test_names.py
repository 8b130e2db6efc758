"""Both names of each key, from a real facade and a real worker; and when to come back."""

import json
from typing import Any

import pytest

from tests.e2e.processes import House
from tests.node.driver import Refused, logged, node, refusal

CAMEL: dict[str, Any] = {
    "prompt": "A red bicycle turns slowly on white",
    "durationSeconds": 1,
    "aspectRatio": "9:16",
    "projectId": "harbour",
    "labels": {"my_team": "a_b"},
}
API = {
    "prompt": CAMEL["prompt"],
    "duration_seconds": 1,
    "aspect_ratio": "9:16",
    "project_id": "harbour",
    "labels": CAMEL["labels"],
}


async def test_a_request_and_its_answers_in_camel_case(house: House) -> None:
    with house.facade() as (_, url), house.worker():
        async with node(url) as js:
            plan = await js.call("plan", CAMEL)
            job = await js.call("submit", {**CAMEL, "jobId": "order-1"})
            video = await js.call("generate", {**API, "job_id": "order-1"})
            done = await js.call("onProgress", "order-1")
            page = await js.call("list", {"projectId": "harbour", "limit": 1})
            empty = await js.call("list", {"projectId": "lake"})
            old = await js.call("callPythonVideoGenerationAPI", CAMEL["prompt"], 1, "fast", {"aspectRatio": "9:16"})
    assert (plan["priceUsd"], plan["price_usd"]) == (0, 0)
    assert (job["videoId"], job["video_id"]) == ("order-1", "order-1")
    assert video["videoUrl"] == video["video_url"]
    assert (video["durationSeconds"], video["aspectRatio"], video["projectId"]) == (1, "9:16", "harbour")
    assert video["labels"] == {"my_team": "a_b"}, "a caller's own keys have no second name"
    assert video["timings"]["endedAt"] == video["timings"]["ended_at"]
    assert (done["videoId"], done["gcsPath"]) == ("order-1", video["gcsPath"])
    assert [each["videoId"] for each in page["videos"]] == ["order-1"]
    assert (empty["videos"], empty["nextCursor"]) == ([], None)
    assert old["aspect_ratio"] == "9:16"
    assert not [name for name in json.dumps(old).split('"') if name in ("videoUrl", "endedAt")], "as the API answers"


async def test_the_same_call_in_either_style_is_the_same_call(house: House) -> None:
    with house.facade() as (_, url):
        async with node(url) as js:
            first = js.ask("generate", CAMEL)
            await logged(house, "submit_published")
            js.abort(0)
            with pytest.raises(Refused, match="enough"):
                await first
            with house.worker():
                assert (await js.call("generate", API))["projectId"] == "harbour"
    assert len(house.finals()) == 1


async def test_an_error_says_when_to_come_back(house: House) -> None:
    narrow = House(house.folder, house.log, {"REELBUS_MAX_QUEUED_PER_CALLER": "1"})
    with narrow.facade() as (_, url):
        async with node(url, awayAtMostMs=0) as js:
            await js.call("submit", {**CAMEL, "jobId": "first"})
            crowded = await refusal(js.ask("submit", {**CAMEL, "jobId": "second"}))
            wrong = await refusal(js.ask("generateVideoFromPrompt", "short"))
    assert crowded["code"] == "too_many_queued"
    assert crowded["retryAfter"] * 1000 == crowded["retryAfterMs"] > 0
    assert wrong["retryAfter"] is None
