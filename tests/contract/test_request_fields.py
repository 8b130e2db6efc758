"""A field of a request reaches every entry, and every model uses it or refuses it. A guard that can't fail is none."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

FAMILIES = ["animatic", "vertex"]
from infra.animatic import model as animatic
from infra.animatic.model import Animatic
from infra.animatic.pool import RenderPool
from infra.embedded.videos import FolderVideos
from infra.gcp.vertex import planning
from infra.gcp.vertex.models import MODELS
from schemas.errors import Invalid
from schemas.wire.request import BY_REELBUS, VideoRequest
from tests.contract import request_fields as guards
from tests.contract.request_fields import Send
from tests.images import png
from tests.unit.makers import a_plan, played, started
from tests.vertex.rig import rig_in

IMAGE = f"references/{'0' * 64}.png"


class WiderRequest(VideoRequest):
    """A request with a field that nothing knows."""

    camera_motion: str | None = None


@asynccontextmanager
async def animatic_in(folder: Path, maker: str) -> AsyncIterator[Send]:
    """The local renderer. What a provider gets is what is written down to be drawn."""
    del maker
    videos = await FolderVideos.open(folder, "http://localhost")
    model = Animatic(videos, RenderPool(1), folder)
    clips = iter(range(1, 1_000))

    async def send(request: VideoRequest) -> str:
        model.plan(request)
        clip = played(started(a_plan())).clips[0].model_copy(update={"prefix": f"work/job-1/0/{next(clips)}/"})
        operation = await model.submit(request, clip, (), send_before=0)
        await model.discard(operation)
        return "\n".join(
            path.read_text() for path in sorted((folder / operation).parent.iterdir()) if path.suffix == ".json"
        )

    try:
        yield send
    finally:
        await model.aclose()


@asynccontextmanager
async def vertex_in(folder: Path, maker: str) -> AsyncIterator[Send]:
    """A model of Vertex AI. What a provider gets is the body of the POST."""
    async with rig_in(folder) as rig:
        await rig.videos.put(IMAGE, png(), content_type="image/png")

        async def send(request: VideoRequest) -> str:
            await rig.submit(request.model_copy(update={"model": maker}))
            return json.dumps(rig.vertex.books.accepted[-1].body, sort_keys=True)

        yield send


Open = Callable[[Path, str], AbstractAsyncContextManager[Send]]
SENDERS: dict[str, tuple[Open, tuple[str, ...]]] = {
    "animatic": (animatic_in, ("animatic",)),
    "vertex": (vertex_in, tuple(MODELS)),
}
"""By the scheme of the provider's address: how a test sends a request, and the models to which it is sent."""
MAKERS = [pytest.param(opener, maker, id=maker) for opener, makers in SENDERS.values() for maker in makers]


def a_body(maker: str) -> dict[str, Any]:
    body = {"job_id": "Job_1", "prompt": "A harbour at dawn, gulls", "duration_seconds": 4}
    # Without a seed the renderer takes one from all other fields: each of them would seem to be drawn.
    return {**body, "seed": 1} if maker == "animatic" else body


def test_each_family_of_the_table_is_sent_to_here() -> None:
    assert set(SENDERS) == set(FAMILIES)


@pytest.mark.parametrize("guard", guards.ENTRIES)
def test_each_field_is_at_every_entry(guard: Callable[[type[VideoRequest]], list[str]]) -> None:
    assert guard(VideoRequest) == []


@pytest.mark.parametrize(("opener", "maker"), MAKERS)
async def test_a_model_uses_or_refuses_each_field(opener: Open, maker: str, tmp_path: Path) -> None:
    async with opener(tmp_path, maker) as send:
        assert await guards.missing_in_family(VideoRequest, maker, send, a_body(maker)) == []


async def test_each_field_is_used_by_a_model(tmp_path: Path) -> None:
    unused = set(VideoRequest.fields_for_models())
    for opener, makers in SENDERS.values():
        for maker in makers:
            async with opener(tmp_path / maker, maker) as send:
                unused -= {name for name in unused if await guards.is_used(VideoRequest, name, send, a_body(maker))}
    assert not unused


@pytest.mark.parametrize("guard", guards.ENTRIES[:-1])
def test_an_entry_without_a_new_field_is_caught(guard: Callable[[type[VideoRequest]], list[str]]) -> None:
    found = guard(WiderRequest)
    assert found
    assert all(line.startswith("camera_motion: ") for line in found)


def test_a_field_that_reelbus_only_promises_to_carry_out_is_caught() -> None:
    assert guards.missing_in_reelbus(WiderRequest, BY_REELBUS | {"camera_motion"}) == [
        "camera_motion: in BY_REELBUS, but no code reads it"
    ]


@pytest.mark.parametrize(("opener", "maker"), MAKERS)
async def test_a_model_refuses_a_field_that_it_does_not_know(opener: Open, maker: str, tmp_path: Path) -> None:
    async with opener(tmp_path, maker) as send:
        with pytest.raises(Invalid, match=f"camera_motion can't be given for {maker}") as caught:
            await send(WiderRequest.model_validate({**a_body(maker), "camera_motion": "slow pan"}))
    assert caught.value.field == "camera_motion"


@pytest.mark.parametrize(("opener", "maker"), MAKERS)
async def test_a_model_that_only_says_that_it_uses_a_field_is_caught(
    opener: Open, maker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = VideoRequest.check_used
    monkeypatch.setattr(
        WiderRequest, "check_used", lambda self, known, model: used(self, known | {"camera_motion"}, model)
    )
    async with opener(tmp_path, maker) as send:
        found = await guards.missing_in_family(WiderRequest, maker, send, a_body(maker))
    assert [line.partition(" ")[0] for line in found] == ["camera_motion:"]


@pytest.mark.parametrize("field", ["negative_prompt", "style"])
async def test_an_empty_text_or_a_default_is_not_set(field: str) -> None:
    animatic.plan(VideoRequest.model_validate({**a_body("animatic"), field: "", "generate_audio": True}))
