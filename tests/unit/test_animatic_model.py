"""The local renderer as a model: what it is asked to draw is drawn, or refused with the field at fault."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from infra.animatic.model import Animatic
from infra.animatic.pool import RenderPool
from infra.embedded.videos import FolderVideos
from schemas.domain.clip import Clip
from schemas.ports import GenerationDone, GenerationFailed, GenerationRunning
from schemas.wire.request import VideoRequest
from tests.images import png
from tests.unit.makers import PRICE, a_plan, played, started


@pytest.fixture
async def model(tmp_path: Path) -> AsyncIterator[Animatic]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    model = Animatic(await FolderVideos.open(tmp_path / "videos", "http://localhost"), RenderPool(1), scratch)
    yield model
    await model.aclose()


def a_clip() -> Clip:
    return played(started(a_plan(PRICE))).clips[0]


async def drawn(model: Animatic, **fields: Any) -> GenerationDone | GenerationFailed:
    request = VideoRequest(job_id="job-1", prompt="A harbour at dawn", duration_seconds=1, **fields)
    operation = await model.submit(request, a_clip(), (), send_before=0)
    async with asyncio.timeout(60):
        while isinstance(found := await model.poll(operation), GenerationRunning):
            pass
    assert isinstance(found, GenerationDone | GenerationFailed)
    return found


async def test_an_image_in_a_bucket_that_cannot_be_read_ends_the_job_and_is_not_left_out(model: Animatic) -> None:
    found = await drawn(model, reference_image="gs://elsewhere/frame.png")
    assert isinstance(found, GenerationFailed)
    assert (found.failure.code, found.failure.field) == ("invalid_image", "reference_image")


async def test_an_image_that_is_gone_ends_the_job(model: Animatic) -> None:
    found = await drawn(model, reference_image=f"reelbus:references/{'0' * 64}.png")
    assert isinstance(found, GenerationFailed)
    assert (found.failure.code, found.failure.field) == ("invalid_image", "reference_image")


async def test_an_image_that_cannot_be_drawn_is_refused_in_one_sentence(model: Animatic) -> None:
    name = f"references/{'1' * 64}.png"
    await model._videos.put(name, png()[:-20], content_type="image/png")
    found = await drawn(model, reference_image=f"reelbus:{name}")
    assert isinstance(found, GenerationFailed)
    assert found.failure.field == "reference_image"
    assert found.failure.message == (
        "The reference image is cut off or broken: it cannot be decoded as PNG, JPEG or WebP."
    )


async def test_what_is_known_of_the_shot_is_drawn_and_the_release_before_can_read_the_operation(
    model: Animatic, tmp_path: Path
) -> None:
    scene = {"title": "A boat", "description": "It leaves.", "visual": "Fog", "script": "Ahoy!\nAhoy!"}
    found = await drawn(model, scene=scene, project_id="harbour", scene_index=3)
    assert isinstance(found, GenerationDone)
    [folder] = {path.parent for path in (tmp_path / "videos").rglob("operation.json")}
    operation = json.loads((folder / "operation.json").read_bytes())
    assert set(operation) == {
        *("width", "height", "duration_seconds", "seed", "title", "description", "script", "camera", "music", "style"),
        *("audio", "reference"),
    }
    assert json.loads((folder / "notes.json").read_bytes()) == {"visual": "Fog", "project": "harbour", "shot": 4}
    board = await model._board(str((folder / "operation.json").relative_to(tmp_path / "videos")), tmp_path)
    assert (board.title, board.visual, board.project, board.shot) == ("A boat", "Fog", "harbour", 4)


async def test_an_operation_of_a_later_version_is_drawn_as_far_as_it_is_known(model: Animatic, tmp_path: Path) -> None:
    assert isinstance(await drawn(model), GenerationDone)
    [operation] = (tmp_path / "videos").rglob("operation.json")
    operation.write_text(json.dumps({**json.loads(operation.read_bytes()), "weather": "storm"}))
    (operation.parent / "sample_0.mp4").unlink()
    name = str(operation.relative_to(tmp_path / "videos"))
    async with asyncio.timeout(60):
        while isinstance(found := await model.poll(name), GenerationRunning):
            pass
    assert isinstance(found, GenerationDone)


async def test_an_operation_without_notes_is_drawn(model: Animatic, tmp_path: Path) -> None:
    assert isinstance(await drawn(model), GenerationDone)
    assert not list((tmp_path / "videos").rglob("notes.json"))


async def test_a_scene_of_times_alone_shows_the_prompt(model: Animatic, tmp_path: Path) -> None:
    assert isinstance(await drawn(model, scene={"timeEnd": 1}), GenerationDone)
    [operation] = (tmp_path / "videos").rglob("operation.json")
    assert json.loads(operation.read_bytes())["description"] == "A harbour at dawn"
