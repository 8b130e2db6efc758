"""What callers of the old service hand over, and the one file that takes its place."""

import base64
import http.server
import io
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.e2e.processes import House
from tests.node.driver import node, refusal

SCENE = {"title": "A red bicycle", "timeEnd": "1s"}
_PROGRAM = """
import { generateVideoFromPrompt, generateVideoWithVeo } from "./api/services/videoGenerationService.js";

const result = await generateVideoFromPrompt("A beautiful sunset over mountains with birds flying", 1, "fast");
const address = await generateVideoWithVeo(null, { title: "Opening scene", timeEnd: "1s" }, "test-project", 0);
console.log(JSON.stringify({ ...result, address }));
"""


def _png(colour: tuple[int, int, int]) -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (320, 180), colour).save(picture, "PNG")
    return picture.getvalue()


RED = _png((200, 30, 30))


def test_the_one_file_works_where_it_alone_is_copied_to(house: House, package: Path, tmp_path: Path) -> None:
    services = tmp_path / "legacy" / "api" / "services"
    services.mkdir(parents=True)
    shutil.copy(package / "videoGenerationService.js", services)
    (tmp_path / "legacy" / "package.json").write_text('{"type": "module"}')
    (tmp_path / "legacy" / "run.js").write_text(_PROGRAM)
    with house.facade() as (_, url), house.worker():
        done = subprocess.run(
            ["node", "run.js"],
            cwd=tmp_path / "legacy",
            env={"PATH": os.environ["PATH"], "PYTHON_API_URL": url},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["success"], result["duration"], result["quality"]) == (True, 1, "fast")
    assert "/videos/generated-videos/" in result["address"]
    assert len(house.finals()) == 2


@pytest.mark.parametrize(
    ("project", "stored"),
    [
        (42, "42"),
        (0, "0"),
        ("My Project", "My%20Project"),
        (" acme/spring ", "acme%2Fspring"),
        ("", None),
        (None, None),
    ],
)
async def test_a_project_may_be_a_number_or_a_name(house: House, project: Any, stored: str | None) -> None:
    with house.facade() as (_, url):
        async with node(url) as js:
            asking = js.ask("generateVideoWithVeo", None, {"title": 2026, "visual": 1.5, "timeEnd": "1s"}, project, "3")
            jobs: list[Any] = []
            while not jobs:
                jobs = await _jobs(url)
            await js.kill()
    assert not asking.done()
    assert (jobs[0]["project_id"], jobs[0]["scene_index"]) == (stored, 3)
    assert jobs[0]["prompt"] == "2026. Visual: 1.5."


async def test_an_image_may_be_given_in_every_way_that_has_one_meaning(house: House, pictures: str) -> None:
    raw = base64.b64encode(RED).decode()
    wrapped = "\n".join(raw[start : start + 76] for start in range(0, len(raw), 76))
    ways = [f"{pictures}/red.png", wrapped, f"data:image/jpg;charset=utf-8;base64,{wrapped}", raw.rstrip("=")]
    with house.facade() as (_, url), house.worker():
        async with node(url) as js:
            results = await js.call("generateMultipleSceneVideos", [SCENE] * len(ways), ways, "p")
    assert [result["error"] for result in results] == [None] * len(ways)
    assert len(list((house.folder / "videos" / "references").iterdir())) == 1, "it is the same image four times"


@pytest.mark.parametrize(
    ("image", "scene", "project", "field", "words"),
    [
        (None, {**SCENE, "timeEnd": "soon"}, "p", "scene.timeEnd", 'must be a time such as 8s, 0:08 or 8, not "soon"'),
        (None, {**SCENE, "description": "x" * 2413}, "p", "scene.description", "at most 2000 characters, not 2413"),
        (None, {**SCENE, "script": ["one", "two"]}, "p", "scene.script", "must be a text"),
        (None, SCENE, {"id": 7}, "project_id", "must be a text or a number"),
        (None, SCENE, "p" * 129, "project_id", "must have at most 128 characters, not 129"),
        ("{pictures}/gone.png?key=secret", SCENE, "p", "reference_image", "/gone.png answered 404"),
        ("{pictures}/page.html", SCENE, "p", "reference_image", "must be a PNG, JPEG or WebP image"),
        (42, SCENE, "p", "reference_image", "must be a text or the bytes of an image"),
    ],
)
async def test_what_has_no_one_meaning_is_refused_with_its_field(
    house: House, pictures: str, image: Any, scene: dict[str, Any], project: Any, field: str, words: str
) -> None:
    given = image.replace("{pictures}", pictures) if isinstance(image, str) else image
    with house.facade() as (_, url):
        async with node(url) as js:
            error = await refusal(js.ask("generateVideoWithVeo", given, scene, project, 0))
    assert error["message"].startswith(f"Python API error: 400 - Invalid request: {field} ")
    assert words in error["message"]
    assert error["field"] == field
    assert "secret" not in error["message"]


async def test_an_image_that_cannot_be_fetched_and_calls_that_make_no_sense_are_said_so(house: House) -> None:
    with house.facade() as (_, url):
        async with node(url) as js:
            away = await refusal(js.ask("generateVideoWithVeo", "http://127.0.0.1:9/red.png", SCENE))
            none = await refusal(js.ask("generateMultipleSceneVideos", None))
            crowd = await refusal(js.ask("generateMultipleSceneVideos", [SCENE], None, "p", {"concurrency": 0}))
            prompt = await refusal(js.ask("buildVideoPrompt", {"title": {"text": "A red bicycle"}}))
    assert "the storyboard image http://127.0.0.1:9/red.png can't be fetched" in away["message"]
    assert (away["charged"], away["retryable"]) == ("no", True)
    assert none["field"] == "sceneDataArray"
    assert (crowd["field"], prompt["field"]) == ("concurrency", "scene.title")


async def _jobs(url: str) -> list[Any]:
    async with httpx.AsyncClient(base_url=url) as client:
        listed = (await client.get("/api/videos")).json()
    jobs: list[Any] = listed["videos"]
    return jobs


@pytest.fixture
def pictures() -> Iterator[str]:
    """The address of a server that has one picture, and one page."""

    class Pictures(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = {"/red.png": RED, "/page.html": b"<html>"}.get(self.path)
            self.send_response(200 if body else 404)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pictures) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
