"""A field of a request reaches every entry, and every model uses it or refuses it. A guard that can't fail is none."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.animatic import model as animatic
from infra.clock import SystemClock
from infra.gcp.vertex.models import MODELS
from schemas.domain.clip import Clip
from schemas.domain.object_names import work_prefix
from schemas.errors import Invalid
from schemas.wire.request import BY_REELBUS, VideoRequest
from tests.contract import request_fields as guards
from tests.contract.request_fields import Send
from tests.contract.video_models import ADAPTERS, FAMILIES, SOON_S, ModelBackend, on_vertex
from tests.images import png

IMAGE = f"references/{'0' * 64}.png"
Open = Callable[[Path], AbstractAsyncContextManager[ModelBackend]]
BACKENDS: dict[str, Open] = {
    **{name: row.open_backend for name, row in FAMILIES.items() if ADAPTERS[name] != "vertex"},
    **{id: on_vertex(id) for id in MODELS},
}
"""Every model: those of one family may differ in the fields that they use."""
EACH = pytest.mark.parametrize("opener", [pytest.param(opener, id=name) for name, opener in BACKENDS.items()])


class WiderRequest(VideoRequest):
    """A request with a field that nothing knows."""

    camera_motion: str | None = None


@asynccontextmanager
async def sender(opener: Open, folder: Path) -> AsyncIterator[tuple[Send, str, dict[str, Any]]]:
    """Open a model. Yields how to send it a request, its name, and a request that it can make."""
    async with opener(folder) as backend:
        await backend.videos.put(IMAGE, png(), content_type="image/png")
        model = await backend.open()
        attempts = iter(range(1, 1_000))

        async def send(request: VideoRequest) -> str:
            attempt = next(attempts)
            prefix = work_prefix("Job_1", 0, attempt)
            clip = Clip(index=0, planned=model.plan(request).clips[0], attempt=attempt, prefix=prefix)
            operation = await model.submit(request, clip, (), send_before=SystemClock().boot() + SOON_S)
            if backend.server:  # what the provider got is the body of the one POST
                return json.dumps(backend.server.books.accepted[-1].body, sort_keys=True).replace(prefix, "")
            await model.discard(operation)
            paths = [backend.folder / file.name for file in await backend.videos.list(prefix)]
            return "\n".join(path.read_text() for path in paths if path.suffix == ".json")

        body = {**backend.request.model_dump(mode="json", exclude_defaults=True), "duration_seconds": 4}
        try:  # the renderer takes a seed from all other fields: without one of ours each field would seem to be drawn
            model.plan(VideoRequest.model_validate({**body, "seed": 1}))
            body["seed"] = 1
        except Invalid:
            pass
        yield send, model.plan(VideoRequest.model_validate(body)).clips[0].model, body


@pytest.mark.parametrize("guard", guards.ENTRIES)
def test_each_field_is_at_every_entry(guard: Callable[[type[VideoRequest]], list[str]]) -> None:
    found = guard(VideoRequest)
    assert not found, "\n".join(found)


@EACH
async def test_a_model_uses_or_refuses_each_field(opener: Open, tmp_path: Path) -> None:
    async with sender(opener, tmp_path) as (send, maker, body):
        found = await guards.missing_in_family(VideoRequest, maker, send, body)
    assert not found, "\n".join(found)


async def test_each_field_is_used_by_a_model(tmp_path: Path) -> None:
    unused = set(VideoRequest.fields_for_models())
    for name, opener in BACKENDS.items():
        async with sender(opener, tmp_path / name) as (send, _, body):
            unused -= {field for field in unused if await guards.is_used(VideoRequest, field, send, body)}
    assert not unused, f"no model uses {', '.join(sorted(unused))}: add it to the fields of one"


@pytest.mark.parametrize("guard", guards.ENTRIES[:-1])
def test_an_entry_without_a_new_field_is_caught(guard: Callable[[type[VideoRequest]], list[str]]) -> None:
    assert any(line.startswith("camera_motion: ") for line in guard(WiderRequest))


def test_a_field_that_reelbus_only_promises_to_carry_out_is_caught() -> None:
    assert guards.missing_in_reelbus(WiderRequest, BY_REELBUS | {"camera_motion"}) == [
        "camera_motion: in BY_REELBUS, but no code reads it"
    ]


@EACH
async def test_a_model_refuses_a_field_that_it_does_not_know(opener: Open, tmp_path: Path) -> None:
    async with sender(opener, tmp_path) as (send, maker, body):
        with pytest.raises(Invalid, match=f"camera_motion can't be given for {maker}") as caught:
            await send(WiderRequest.model_validate({**body, "camera_motion": "slow pan"}))
    assert caught.value.field == "camera_motion"


@EACH
async def test_a_model_that_only_says_that_it_uses_a_field_is_caught(
    opener: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = VideoRequest.check_used
    monkeypatch.setattr(
        WiderRequest, "check_used", lambda self, known, model: used(self, known | {"camera_motion"}, model)
    )
    async with sender(opener, tmp_path) as (send, maker, body):
        found = await guards.missing_in_family(WiderRequest, maker, send, body)
    assert [line.partition(" ")[0] for line in found] == ["camera_motion:"]


@pytest.mark.parametrize("field", ["negative_prompt", "style"])
def test_an_empty_text_or_a_default_is_not_set(field: str) -> None:
    body = {"job_id": "job-1", "prompt": "A harbour at dawn", field: "", "generate_audio": True}
    assert animatic.plan(VideoRequest.model_validate(body)).clips
