"""The worker of the embedded house: the real command, with Google's model over the video folder, where the wire-level
Vertex AI writes. The composition root asks for a bucket, and here is none.

`python -m tests.chaos.worker …`, in the environment `CHAOS_STOP=before|after`: then it stops itself (SIGSTOP) right
before or right after its first paid call, and logs every write that the store refuses.
"""

import logging
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import subscriber.compose
from infra.adapters import Adapters
from schemas.domain.clip import Clip
from schemas.domain.job import Job
from schemas.errors import Conflict
from schemas.ports import JobStore, VideoModel, VideoStore
from schemas.settings import Addresses
from schemas.wire.request import VideoRequest
from subscriber.__main__ import main
from tests.vertex.rig import adapter

log = logging.getLogger(__name__)


@dataclass
class Stopping:
    """A model that stops the whole process at its first paid call."""

    model: VideoModel
    at: str

    def __getattr__(self, name: str) -> object:
        return getattr(self.model, name)

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        """The real call, with a sleep before or after it that nobody inside notices."""
        self._stop("before")
        operation = await self.model.submit(request, clip, sources, send_before=send_before, previous=previous)
        self._stop("after")
        return operation

    def _stop(self, point: str) -> None:
        if self.at == point:
            self.at = ""
            os.kill(os.getpid(), signal.SIGSTOP)


@dataclass
class Witness:
    """A store whose refusals are logged."""

    jobs: JobStore

    def __getattr__(self, name: str) -> object:
        return getattr(self.jobs, name)

    async def save(self, job: Job) -> Job:
        """As the store does it."""
        try:
            return await self.jobs.save(job)
        except Conflict:
            log.info("the store refused a write", extra={"action": "write_refused", "state": job.state})
            raise


class ChaosAdapters(Adapters):
    """The product's own, but for the address of the model's files."""

    async def model(self, url: str, *, videos: VideoStore, settings: Addresses | None = None, **_: Any) -> VideoModel:
        """Google's, whatever the URL."""
        made = adapter(settings.vertex_base_url if settings else "", videos)
        self.close_at_exit(made.aclose)
        return made


class WatchedAdapters(ChaosAdapters):
    """Those of a worker that is to become a zombie."""

    async def model(self, url: str, **parts: Any) -> VideoModel:
        """Stops."""
        return cast("VideoModel", Stopping(await super().model(url, **parts), os.environ["CHAOS_STOP"]))

    async def jobs(self, url: str) -> JobStore:
        """Tells of what was refused."""
        return cast("JobStore", Witness(await super().jobs(url)))


if __name__ == "__main__":
    vars(subscriber.compose)["Adapters"] = WatchedAdapters if "CHAOS_STOP" in os.environ else ChaosAdapters
    main(prog_name="reelbus worker")
