"""An editor that trusts its model: the clip is the film, and the poster is empty. What both sides do without codecs."""

import os
from collections.abc import Sequence
from pathlib import Path

from schemas.ports import Probe

_PROBE = Probe(
    width=1280,
    height=720,
    frames=96,
    fps=24.0,
    duration_seconds=4.0,
    video_codec="h264",
    audio_codec="aac",
    faststart=True,
)


def assemble(clips: Sequence[Path], *, duration_seconds: int, to: Path) -> Probe:
    """The one clip as it is."""
    del duration_seconds
    os.link(clips[0], to)
    return _PROBE


def poster(video: Path, to: Path) -> None:
    """Some bytes."""
    del video
    to.write_bytes(b"\xff\xd8\xff\xd9")


class PlainEditor:
    """`Editor` over these."""

    async def assemble(self, clips: Sequence[Path], *, duration_seconds: int, to: Path) -> Probe:
        """The one clip as it is."""
        return assemble(clips, duration_seconds=duration_seconds, to=to)

    async def keep(self, clips: Sequence[Path], *, to: Path, defect: str) -> Probe:
        """The one clip as it is."""
        del defect
        return assemble(clips, duration_seconds=0, to=to)

    async def measure(self, clip: Path) -> float:
        """What it always is."""
        del clip
        return _PROBE.duration_seconds

    async def poster(self, video: Path, to: Path) -> None:
        """Some bytes."""
        poster(video, to)

    async def probe(self, video: Path) -> Probe:
        """What it always is."""
        del video
        return _PROBE
