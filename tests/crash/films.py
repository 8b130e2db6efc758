"""Whether the finished file is what was asked for. Equal files are decoded once."""

import asyncio
import hashlib
from pathlib import Path

from infra.media.probe import probe
from schemas.domain.job import Job
from tests.crash.house import House
from tests.vertex.films import FPS

_frames: dict[str, int] = {}
"""By digest: what was decoded already."""


async def wrong_film(house: House, job: Job) -> str | None:
    """A sentence where it is not. It is decoded to the last frame."""
    return await wrong_length(house, job.final_name, job.request.duration_seconds)


async def wrong_length(house: House, name: str, seconds: int) -> str | None:
    """A sentence where a file does not last so long."""
    path = house.folder / "seen.mp4"
    await house.desk.videos.fetch(name, path)
    frames = await asyncio.to_thread(_decoded, path)
    wanted = seconds * FPS
    return None if frames == wanted else f"the film has {frames} frames, not {wanted}"


def _decoded(path: Path) -> int:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest not in _frames:
        _frames[digest] = probe(path, decode=True).frames
    return _frames[digest]
