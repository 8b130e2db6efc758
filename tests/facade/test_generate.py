"""`POST /api/videos/generate` as legacy callers know it."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.facade.doors import ASYNC, GENERATE, PROMPT, Door
from tests.facade.hand import VIDEO, Hand
from tests.images import png

PNG = png(padding=120)


async def test_a_caller_who_waits_gets_its_video(door: Door, hand: Hand) -> None:
    calling = asyncio.create_task(door.post(duration_seconds=5, quality="fast", project_id="p", scene_index=0))
    job_id = await hand.take()
    job = await hand.finish(job_id)
    answer = await calling
    assert answer.status_code == 200
    body = answer.json()
    documented = {
        "success": True,
        "video_id": job_id,
        "prompt": PROMPT,
        "duration_seconds": 5,
        "quality": "fast",
        "gcs_path": job.final_name,
    }
    assert documented.items() <= body.items()
    made_at = datetime.fromisoformat(body["generation_time"])
    assert abs(made_at - datetime.now(UTC)) < timedelta(minutes=1)
    extras = {"state": "succeeded", "width": 1280, "height": 720, "model": "hand", "cost_usd": 0, "project_id": "p"}
    assert extras.items() <= body.items()
    video = await door.client.get(body["video_url"])
    assert (video.status_code, video.content) == (200, VIDEO)
    poster = await door.client.get(body["poster_url"])
    assert (poster.status_code, poster.headers["content-type"]) == (200, "image/jpeg")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"prompt": "123456789"}, "prompt must have at least 10 characters, not 9"),
        ({"prompt": "x" * 2001}, "prompt must have at most 2000 characters, not 2001"),
        ({"prompt": None}, "prompt is required, or a scene to build it from"),
        ({"prompt": 5}, "prompt must be a text"),
        ({"duration_seconds": 31}, "duration_seconds must be at most 30"),
        ({"duration_seconds": 0}, "duration_seconds must be at least 1"),
        ({"duration_seconds": 5.5}, "duration_seconds must be a whole number"),
        ({"duration_seconds": True}, "duration_seconds must be a whole number"),
        ({"quality": "ultra"}, "quality must be 'fast' or 'quality'"),
        ({"durationSeconds": 5}, "durationSeconds is not a known key"),
        ({"scene": {"mood": "calm"}}, "scene.mood is not a known key"),
        ({"job_id": "a/b"}, "job_id must have 1 to 64 letters, digits, hyphens and underscores"),
        ({"job_id": "health"}, "job_id must not be health"),
        ({"reference_image": "data:text/plain;base64,aGk="}, "reference_image must be a data: URL"),
        ({"reference_image": "data:image/png;base64,aGkhaGkh"}, "reference_image must be a PNG, JPEG or WebP image"),
        ({"reference_image": "gs://bucket/a.png"}, "reference_image can't be read from gs://bucket/a.png"),
        ({"last_image": "data:image/png;base64,aGkhaGkh"}, "last_image must be a PNG, JPEG or WebP image"),
        ({"reference_images": ["gs://bucket/a.png"]}, "reference_images.0 can't be read from gs://bucket/a.png"),
        ({"reference_images": ["gs://bucket/a.png"] * 4}, "reference_images must have at most 3 entries"),
    ],
)
async def test_a_bad_field_is_named(door: Door, body: dict[str, Any], detail: str) -> None:
    answer = await door.client.post(GENERATE, content=json.dumps({"prompt": PROMPT, **body}))
    assert answer.status_code == 400
    refusal = answer.json()
    assert refusal["success"] is False
    assert refusal["detail"].startswith(f"Invalid request: {detail}")
    assert refusal["error"]["category"] == "invalid_request"
    assert refusal["error"]["field"] == detail.partition(" ")[0]
    assert refusal["error"]["charged"] == "no"


@pytest.mark.parametrize("duration", [5, 5.0, "5", None])
async def test_durations_that_pass(door: Door, duration: object) -> None:
    answer = await door.post(ASYNC, duration_seconds=duration, seed=None)
    assert answer.status_code == 202
    assert answer.json()["duration_seconds"] == 5


async def test_a_scene_gives_prompt_and_duration(door: Door) -> None:
    scene = {"title": "Opening Scene", "visual": "Modern, minimalist office", "timeEnd": "8s"}
    answer = await door.client.post(GENERATE, json={"scene": scene}, headers=ASYNC)
    body = answer.json()
    assert (body["prompt"], body["duration_seconds"]) == ("Opening Scene. Visual: Modern, minimalist office.", 8)


async def test_an_image_goes_to_the_store_and_its_name_to_the_bus(door: Door) -> None:
    image = "data:image/png;base64," + base64.b64encode(PNG).decode()
    job_id = await door.queued(reference_image=image)
    job = await door.desk.jobs.get(job_id)
    assert job is not None
    assert job.request.reference_image
    name = job.request.reference_image.removeprefix("reelbus:")
    assert [file.size_bytes for file in await door.desk.videos.list(name)] == [len(PNG)]


async def test_a_large_image_is_read_off_the_event_loop(door: Door) -> None:
    image = "data:image/png;base64," + base64.b64encode(PNG + bytes(300_000)).decode()
    assert await door.queued(reference_image=image)
