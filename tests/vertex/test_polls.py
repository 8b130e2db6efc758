"""Later polls are the library's own request with another id; whatever they are told is read as the library reads it."""

import httpx
import pytest

from infra.gcp.vertex.transport import VertexTransport
from schemas.errors import Unavailable
from schemas.ports import GenerationRunning
from tests.vertex.rig import OMNI, VEO, Rig, a_request
from tests.vertex.script import Ending, Step

MODELS = (VEO, OMNI)


@pytest.mark.parametrize("model", MODELS)
async def test_a_later_poll_is_what_the_library_would_have_sent(
    rig: Rig, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[httpx.Request] = []
    real = VertexTransport.poll

    async def noted(self: VertexTransport, request: httpx.Request) -> bytes:
        sent.append(request)
        return await real(self, request)

    monkeypatch.setattr(VertexTransport, "poll", noted)
    first, second = await _two(rig, model, Step(ending="never"), Step(ending="never"))
    other = rig.another()
    for adapter, operation in ((rig.model, first), (rig.model, second), (other, second)):
        assert isinstance(await adapter.poll(operation), GenerationRunning)
    await other.aclose()
    written, ours, by_library = map(_told, sent)
    assert ours == by_library
    assert ours != written


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("ending", ["film", "error", "filtered", "audio_filtered", "fewer", "nothing", "gone"])
async def test_every_ending_is_read_alike_by_a_later_poll(rig: Rig, model: str, ending: Ending) -> None:
    first, second = await _two(rig, model, Step(ending="never"), Step(ending=ending))
    assert isinstance(await rig.model.poll(first), GenerationRunning)
    other = rig.another()
    assert await rig.model.poll(second) == await other.poll(second)
    await other.aclose()
    assert rig.vertex.books.polls == 3


@pytest.mark.parametrize("model", MODELS)
async def test_a_later_poll_that_fails_is_asked_again_later(rig: Rig, model: str) -> None:
    first, second = await _two(rig, model, Step(ending="never"), Step(ending="never", poll_statuses=(503,)))
    assert isinstance(await rig.model.poll(first), GenerationRunning)
    with pytest.raises(Unavailable, match="503"):
        await rig.model.poll(second)
    assert isinstance(await rig.model.poll(second), GenerationRunning)


async def _two(rig: Rig, model: str, *steps: Step) -> list[str]:
    rig.vertex.then(*steps)
    return [await rig.submit(a_request(model=model, duration_seconds=4)) for _ in steps]


def _told(request: httpx.Request) -> tuple[str, str, dict[str, str], bytes]:
    return request.method, str(request.url), dict(request.headers), request.content
