"""The video models under contract: one row for each family, and what a case needs of it.

A new family is a row of `FAMILIES`: how one process opens it, a request that it can make, the name of an operation of
its own, and, if it is paid, the scripted server that it talks to.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from infra.animatic.model import Animatic
from infra.animatic.pool import RenderPool
from infra.clock import SystemClock
from infra.embedded.videos import FolderVideos
from infra.paid import transport
from schemas.domain.clip import Clip
from schemas.domain.object_names import work_prefix
from schemas.ports import GenerationDone, GenerationFailed, GenerationRunning, VideoModel, VideoStore
from schemas.wire.request import VideoRequest
from tests.contract.plain_model import PREFIX, PlainModel
from tests.vertex import rig
from tests.vertex.server import WireVertex

NOBODY_LISTENS = "http://127.0.0.1:9"
ANSWER_S = 0.3
"""How long a model waits for the answer to a submit in these tests."""
SOON_S = 60.0
Boot = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class ModelBackend:
    """A model as several processes see it."""

    adapter: str
    request: VideoRequest
    videos: VideoStore
    open_at: Callable[[str, Boot], Awaitable[VideoModel]]
    """Opens the adapter of one more process, at this address and with this boot clock."""
    folder: Path
    """Where the video store is."""
    server: WireVertex | None = None
    """The scripted server; None if the model is free and has none."""

    async def open(self, url: str = "", boot: Boot | None = None) -> VideoModel:
        return await self.open_at(url or (self.server.url if self.server else ""), boot or SystemClock().boot)

    @property
    def wire(self) -> WireVertex:
        """The scripted server of a paid model."""
        assert self.server is not None
        return self.server

    def clip(self, model: VideoModel, *, attempt: int = 1) -> Clip:
        """The first clip of the request's plan."""
        job_id = self.request.job_id
        (planned, *_) = model.plan(self.request).clips
        return Clip(index=0, planned=planned, attempt=attempt, prefix=work_prefix(job_id, 0, attempt))

    async def submit(
        self,
        model: VideoModel,
        *,
        attempt: int = 1,
        send_before: float | None = None,
        request: VideoRequest | None = None,
    ) -> str:
        last = SystemClock().boot() + SOON_S if send_before is None else send_before
        return await model.submit(request or self.request, self.clip(model, attempt=attempt), (), send_before=last)

    async def end_of(self, model: VideoModel, operation: str) -> GenerationDone | GenerationFailed:
        """Polls until it has ended."""
        while isinstance(answer := await model.poll(operation, request=self.request), GenerationRunning):
            pass
        assert isinstance(answer, GenerationDone | GenerationFailed), answer
        return answer


class FamilyRow(NamedTuple):
    """One family of models."""

    open_backend: Callable[[Path], AbstractAsyncContextManager[ModelBackend]]
    operation: str
    """The name of an operation of this family, which is foreign to every other."""
    shorten_answers: Callable[[pytest.MonkeyPatch], None] | None
    """Makes the adapter give up waiting for the answer to a submit after `ANSWER_S`; None if it is free."""


@asynccontextmanager
async def _animatic(folder: Path) -> AsyncIterator[ModelBackend]:
    videos = await FolderVideos.open(folder, "http://facade")
    async with AsyncExitStack() as stack:

        async def open_at(url: str, boot: Boot) -> VideoModel:
            del url, boot
            scratch = folder / "scratch"
            scratch.mkdir(exist_ok=True)
            model = Animatic(videos, RenderPool(1), scratch)
            stack.push_async_callback(model.aclose)
            return model

        request = rig.a_request(duration_seconds=1)
        yield ModelBackend(adapter="animatic", request=request, videos=videos, open_at=open_at, folder=folder)


def on_vertex(model_id: str) -> Callable[[Path], AbstractAsyncContextManager[ModelBackend]]:
    """Return what opens one model of Vertex AI and its scripted server."""

    @asynccontextmanager
    async def open_backend(folder: Path) -> AsyncIterator[ModelBackend]:
        async with rig.rig_in(folder) as base, AsyncExitStack() as stack:
            base.vertex.studio.shrink = 8

            async def open_at(url: str, boot: Boot) -> VideoModel:
                model = rig.adapter(url, base.videos, boot=boot)
                stack.push_async_callback(model.aclose)
                return model

            yield ModelBackend(
                adapter="vertex",
                request=rig.a_request(model=model_id, duration_seconds=4),
                videos=base.videos,
                open_at=open_at,
                folder=folder,
                server=base.vertex,
            )

    return open_backend


@asynccontextmanager
async def _plain(folder: Path) -> AsyncIterator[ModelBackend]:
    async with rig.rig_in(folder) as base, AsyncExitStack() as stack:
        base.vertex.studio.shrink = 8

        async def open_at(url: str, boot: Boot) -> VideoModel:
            model = PlainModel(url, base.videos, rig.BUCKET, boot)
            stack.push_async_callback(model.aclose)
            return model

        request = rig.a_request(duration_seconds=4)
        yield ModelBackend(
            adapter="plain",
            request=request,
            videos=base.videos,
            open_at=open_at,
            folder=folder,
            server=base.vertex,
        )


def _shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ANSWER_S", ANSWER_S)


_VEO_OPERATION = f"veo:projects/p/locations/us-central1/publishers/google/models/{rig.VEO}/operations/1"
_OMNI_OPERATION = "omni:projects/p/locations/global/interactions/1"
FAMILIES = {
    "animatic": FamilyRow(_animatic, "work/Job_1/0/1/operation.json", None),
    "veo": FamilyRow(on_vertex(rig.VEO), _VEO_OPERATION, _shorten),
    "omni": FamilyRow(on_vertex(rig.OMNI), _OMNI_OPERATION, _shorten),
    "plain": FamilyRow(_plain, f"{PREFIX}projects/p/operations/1", _shorten),
}
PAID = [name for name, row in FAMILIES.items() if row.shorten_answers]
ADAPTERS = {"animatic": "animatic", "veo": "vertex", "omni": "vertex", "plain": "plain"}
"""Which adapter serves a family: an operation of one adapter is foreign to every other."""
