"""A prompt goes in by HTTP, and a file that plays comes out: two processes, nothing in between replaced."""

import base64
import io
from urllib.parse import urlsplit

import av
import pytest
from PIL import Image

from tests.e2e.processes import House, client_of

DOCUMENTED = {
    "success",
    "video_url",
    "video_id",
    "prompt",
    "duration_seconds",
    "quality",
    "generation_time",
    "gcs_path",
}


@pytest.mark.quick
async def test_a_prompt_becomes_a_video_that_plays(house: House) -> None:
    with house.facade() as (_, url), house.worker():
        async with client_of(url) as client:
            order = {"prompt": "A beautiful sunset over mountains with birds flying", "duration_seconds": 2}
            answer = await client.post("/api/videos/generate", json=order)
            body = answer.json()
            assert answer.status_code == 200, body
            assert body.keys() >= DOCUMENTED
            assert (body["success"], body["duration_seconds"], body["quality"]) == (True, 2, "fast")
            path = urlsplit(body["video_url"]).path
            part = await client.get(path, headers={"Range": "bytes=0-99"})
            assert (part.status_code, len(part.content)) == (206, 100)
            film = (await client.get(path)).content
    assert house.finals()[0].read_bytes() == film
    with av.open(str(house.finals()[0])) as container:
        frames = sum(1 for _ in container.decode(video=0))
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (frames, video.width, video.height) == (48, 1280, 720)
        assert video.average_rate == 24
        assert audio.codec_context.name == "aac"


async def test_the_storyboard_use_of_the_contract_starts_from_the_image_and_lasts_as_long_as_the_scene(
    house: House, red_png: str
) -> None:
    scene = {
        "title": "Opening Scene",
        "description": "A professional office setting",
        "visual": "Modern, minimalist office",
        "cameraFlow": "Slow pan across desk",
        "script": "Welcome to our product",
        "backgroundMusic": "Upbeat background music",
        "timeEnd": "2s",
    }
    order = {"scene": scene, "reference_image": red_png, "project_id": "test-project", "scene_index": 0}
    with house.facade() as (_, url), house.worker():
        async with client_of(url) as client:
            answer = await client.post("/api/videos/generate", json={**order, "aspect_ratio": "9:16"})
    assert answer.status_code == 200, answer.text
    with av.open(str(house.finals()[0])) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert first.shape == (1280, 720, 3)
    red, green, _ = first[:, :, :].reshape(-1, 3).mean(axis=0)
    assert red > 2 * green


async def test_a_job_that_fails_says_why_in_the_same_words_everywhere(house: House) -> None:
    with house.facade() as (_, url), house.worker():
        async with client_of(url) as client:
            order = {"prompt": "A lighthouse in a storm", "resolution": "4k", "duration_seconds": 1}
            answer = await client.post("/api/videos/generate", json=order)
            body = answer.json()
            assert answer.status_code == 400, body
            job = (await client.get(f"/api/videos/{body['video_id']}")).json()
    assert job["state"] == "failed"
    assert job["error"]["message"] in body["detail"]
    assert body["error"]["field"] == job["error"]["field"] == "resolution"


@pytest.fixture
def red_png() -> str:
    picture = io.BytesIO()
    Image.new("RGB", (360, 640), (200, 30, 30)).save(picture, "PNG")
    return "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()
