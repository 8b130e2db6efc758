"""The drop-in: the guide's uses as they stand there, results and error texts as callers know them."""

import base64
import io
import re
from typing import Any

import av
import pytest
from PIL import Image

from schemas.wire.scene import Scene, build_prompt
from tests.e2e.processes import House
from tests.node.driver import node, refusal
from tests.support.ports import free_port

SCENE = {
    "title": "Opening Scene",
    "description": "A professional office setting",
    "visual": "Modern, minimalist office",
    "cameraFlow": "Slow pan across desk",
    "script": "Welcome to our product",
    "backgroundMusic": "Upbeat background music",
    "timeEnd": "8s",
}
SUNSET = "A beautiful sunset over mountains with birds flying"


async def test_the_first_use_of_the_guide(house: House) -> None:
    with house.facade() as (_, url), house.worker():
        async with node(url) as js:
            result = await js.call("generateVideoFromPrompt", SUNSET, 5, "fast")
            answer = await js.call("callPythonVideoGenerationAPI", SUNSET, 1, "quality")
    known = {name: result[name] for name in ("success", "prompt", "duration", "quality")}
    assert known == {"success": True, "prompt": SUNSET, "duration": 5, "quality": "fast"}
    assert re.fullmatch(r"generated-videos/video_\d{8}_\d{6}_[A-Za-z0-9-]+\.mp4", result["gcsPath"])
    assert result["videoUrl"].endswith(result["gcsPath"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", result["generatedAt"])
    assert result["videoId"] in result["gcsPath"]
    assert result["metadata"]["width"] == 1280
    assert {"success", "video_url", "video_id", "prompt", "generation_time", "gcs_path"} <= answer.keys()
    assert (answer["duration_seconds"], answer["quality"]) == (1, "quality")


async def test_the_second_use_of_the_guide_starts_from_the_image_and_lasts_as_long_as_the_scene(
    house: House, red_png: str
) -> None:
    with house.facade() as (_, url), house.worker():
        async with node(url) as js:
            address = await js.call("generateVideoWithVeo", red_png, SCENE, "test-project", 0)
            assert await js.call("buildVideoPrompt", {**SCENE, "sceneNumber": 1}) == build_prompt(Scene(**SCENE))
    (film,) = house.finals()
    assert address.endswith(f"/generated-videos/{film.name}")
    with av.open(str(film)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 8 * 24
    red, green, _ = frames[0].reshape(-1, 3).mean(axis=0)
    assert red > 2 * green


async def test_a_description_says_how_long_its_video_is(house: House, red_png: str) -> None:
    with house.facade() as (_, url), house.worker():
        async with node(url) as js:
            raw = red_png.partition(",")[2]
            await js.call("callVeoAPIAndUploadToGCS", raw, "A city river at dusk\n- 2 seconds duration", "p", 3)
    with av.open(str(house.finals()[0])) as container:
        assert sum(1 for _ in container.decode(video=0)) == 2 * 24


async def test_scenes_keep_their_order_and_one_that_fails_costs_no_other(house: House) -> None:
    scenes: list[Any] = [{"title": f"Scene number {n}", "timeEnd": "1s", "sceneNumber": n} for n in range(5)]
    scenes[2] = {"title": "Scene number 2", "timeEnd": "later"}
    scenes[3] = None
    with house.facade() as (_, url), house.worker():
        async with node(url) as js:
            results = await js.call("generateMultipleSceneVideos", scenes, None, "test-project", {"concurrency": 2})
            jobs = [await js.call("status", result["videoId"]) for result in results if result["videoUrl"]]
    assert [result["sceneNumber"] for result in results] == [1, 2, 3, 4, 5]
    assert [(job["scene_index"], job["prompt"]) for job in jobs] == [(n, f"Scene number {n}.") for n in (0, 1, 4)]
    assert {job["project_id"] for job in jobs} == {"test-project"}
    assert [result["error"] is None for result in results] == [True, True, False, False, True]
    assert results[2]["error"] == (
        'Python API error: 400 - Invalid request: scene.timeEnd must be a time such as 8s, 0:08 or 8, not "later"'
    )


async def test_errors_have_the_texts_that_callers_know(house: House) -> None:
    with house.facade() as (_, url):
        async with node(url) as js:
            error = await refusal(js.ask("generateVideoFromPrompt", "short"))
    words = "Python API error: 400 - Invalid request: prompt must have at least 10 characters, not 5"
    assert error["message"] == words
    assert (error["isOurs"], error["status"], error["field"]) == (True, 400, "prompt")
    port = free_port()
    for quote, empty in (("", ""), ('"', " "), ("'", "''")):  # as `docker --env-file` hands them on
        legacy = {"PYTHON_API_URL": f"{quote}http://localhost:{port}{quote}", "REELBUS_URL": empty}
        async with node("http://127.0.0.1:1", variables=legacy) as js:
            error = await refusal(js.ask("generateVideoFromPrompt", SUNSET))
        assert error["message"] == "Python Video Generation API Error: fetch failed (Connection refused)"


async def test_a_failed_generation_is_a_500_and_one_that_expired_a_410(house: House) -> None:
    hasty = House(house.folder, house.log, {"REELBUS_STORING_S": "0.000001"})
    (house.folder / "videos").mkdir()
    (house.folder / "videos" / "generated-videos").write_text("where the folder of the finals should be")
    with hasty.facade() as (_, url), hasty.worker():
        async with node(url) as js:
            failed = await refusal(js.ask("generateVideoFromPrompt", SUNSET, 1))
            late = {"start_before": "2020-01-01T00:00:00Z"}
            expired = await refusal(js.ask("generateVideoFromPrompt", SUNSET, 5, "fast", late))
    assert failed["message"].startswith("Python API error: 500 - Server error during video generation: ")
    assert expired["message"].startswith("Python API error: 410 - ")
    assert failed["videoId"] != expired["videoId"]


async def test_node_debug_shows_what_happens_and_no_secret(
    house: House, capfd: pytest.CaptureFixture[str], red_png: str
) -> None:
    variables = {"NODE_DEBUG": "reelbus", "REELBUS_API_KEY": "a-key-of-ours"}
    with house.facade() as (_, url), house.worker():
        async with node(url, variables=variables) as js:
            result = await js.call("generateVideoWithVeo", red_png, {**SCENE, "timeEnd": "1s", "mood": "calm"}, "p")
    told = capfd.readouterr().err
    assert re.search(r'REELBUS \d+: POST /api/videos/generate \{"project_id":"p","scene_index":0,', told), told
    assert '"status":200' in told
    assert re.search(rf"uploaded \{{.*{re.escape(result.rpartition('/')[2])}", told)
    assert 'scene keys left out ["mood"]' in told
    for secret in ("a-key-of-ours", SCENE["title"], SCENE["script"], red_png[30:60]):
        assert secret not in told


@pytest.fixture
def red_png() -> str:
    picture = io.BytesIO()
    Image.new("RGB", (640, 360), (200, 30, 30)).save(picture, "PNG")
    return "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()
