"""A model that answers at once: its video is made already, and is in the store by the first poll."""

import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from schemas.domain.clip import Clip, Plan, PlannedClip
from schemas.ports import GenerationDone, GenerationFailed, GenerationRunning, VideoStore
from schemas.wire.request import VideoRequest

SECONDS = 4
"""What is asked for, and what the film lasts: nothing has to be cut."""
_CLIP = PlannedClip(model="ready", seconds=SECONDS, billed_seconds=SECONDS, price_usd=Decimal(0), expected_s=1)


def put_film(film: Path, folder: Path, prefix: str) -> str:
    """As Google does: the file lies in the store when the model is done, and costs us nothing. Returns its name."""
    name = f"{prefix}sample_0.mp4"
    (folder / prefix).mkdir(parents=True, exist_ok=True)
    os.link(film, folder / name)
    return name


class ReadyModel:
    """`VideoModel`. The film goes straight into the folder of the store, or else through the store."""

    poll_every_s = 1.0

    def __init__(self, videos: VideoStore, film: Path, folder: Path | None, price_usd: str) -> None:
        self._videos, self._film, self._folder = videos, film, folder
        self._plan = Plan(clips=(_CLIP.model_copy(update={"price_usd": Decimal(price_usd)}),))

    async def prepare(self) -> None:
        """Nothing to load."""

    def plan(self, request: VideoRequest) -> Plan:
        """One clip."""
        del request
        return self._plan

    def makes(self, model: str) -> bool:
        """Whatever it planned."""
        return True

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        """Accepted."""
        del request, sources, send_before
        return f"ready:{clip.prefix}"

    async def poll(
        self, operation: str, *, request: VideoRequest | None = None
    ) -> GenerationRunning | GenerationDone | GenerationFailed:
        """Done."""
        prefix = operation.removeprefix("ready:")
        if self._folder:
            return GenerationDone(outputs=(put_film(self._film, self._folder, prefix),))
        name = f"{prefix}sample_0.mp4"
        await self._videos.put(name, self._film, content_type="video/mp4")
        return GenerationDone(outputs=(name,))

    async def recover(self, prefix: str) -> Sequence[str]:
        """Nothing is ever lost here."""
        del prefix
        return ()

    async def discard(self, operation: str) -> None:
        """Nothing to stop."""
