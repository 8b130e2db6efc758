"""The adapter, the wire-level Vertex AI that it talks to, and the store between them."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.clock import SystemClock
from infra.embedded.videos import FolderVideos
from infra.gcp.vertex.adapter import Vertex
from infra.gcp.vertex.models import ModelPreferences
from infra.gcp.vertex.planning import Planner
from schemas.domain.clip import Clip, PlannedClip
from schemas.domain.object_names import work_prefix
from schemas.ports import GenerationDone, GenerationFailed, GenerationRunning, VideoStore
from schemas.wire.request import VideoRequest
from tests.vertex.depot import FolderDepot
from tests.vertex.server import WireVertex, vertex_at

BUCKET = "films-of-a-team"
VEO, VEO_FAST = "veo-3.1-generate-001", "veo-3.1-fast-generate-001"
OMNI = "gemini-omni-1.2-flash"
SOON_S = 60.0


@dataclass(frozen=True, slots=True)
class Rig:
    """What a test needs to see what goes over the wire."""

    vertex: WireVertex
    model: Vertex
    videos: VideoStore
    folder: Path

    def another(self, url: str | None = None) -> Vertex:
        """The adapter of another process."""
        return adapter(url or self.vertex.url, self.videos)

    async def submit(
        self, request: VideoRequest, index: int = 0, *sources: str, in_s: float = SOON_S, previous: str = ""
    ) -> str:
        """One clip of the request's plan."""
        clip = a_clip(self.model.plan(request).clips[index], index)
        send_before = SystemClock().boot() + in_s
        return await self.model.submit(request, clip, sources, send_before=send_before, previous=previous)

    async def ended(self, operation: str) -> GenerationDone | GenerationFailed:
        """Asks until it has ended: the answers that say otherwise are scripted, so this ends."""
        while isinstance(answer := await self.model.poll(operation), GenerationRunning):
            pass
        assert isinstance(answer, GenerationDone | GenerationFailed)
        return answer

    async def made(self, request: VideoRequest) -> str:
        """The file of the request's whole plan."""
        outputs: list[str] = []
        operation = ""
        for index in range(len(self.model.plan(request).clips)):
            operation = await self.submit(request, index, *outputs, previous=operation)
            answer = await self.ended(operation)
            assert isinstance(answer, GenerationDone), answer
            outputs.append(answer.outputs[0])
        return outputs[-1]


def a_request(**fields: Any) -> VideoRequest:
    return VideoRequest.model_validate({"job_id": "Job_1", "prompt": "A harbour at dawn, gulls", **fields})


def a_clip(planned: PlannedClip, index: int = 0, **fields: Any) -> Clip:
    return Clip(index=index, planned=planned, attempt=1, prefix=work_prefix("Job_1", index, 1), **fields)


def adapter(url: str, videos: VideoStore, *, bucket: str = BUCKET, boot: Callable[[], float] | None = None) -> Vertex:
    """As the composition root opens it."""
    return Vertex(
        project="acme",
        location="us-central1",
        videos=videos,
        bucket=bucket,
        planner=Planner(ModelPreferences.parse(quality=f"{VEO},{OMNI}")),
        base_url=url,
        clock=_Clock(boot) if boot else None,
    )


class _Clock(SystemClock):
    """A clock whose boot time is the test's."""

    def __init__(self, boot: Callable[[], float] = time.monotonic) -> None:
        self._told = boot

    def boot(self) -> float:
        return self._told()


@asynccontextmanager
async def rig_in(folder: Path) -> AsyncIterator[Rig]:
    """Opens everything on a folder."""
    async with vertex_at(FolderDepot(folder, BUCKET)) as vertex:
        videos = await FolderVideos.open(folder, "http://facade")
        model = adapter(vertex.url, videos)
        try:
            yield Rig(vertex, model, videos, folder)
        finally:
            await model.aclose()
