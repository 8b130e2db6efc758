"""The editor of video files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """The measured properties of a video file."""

    width: int
    height: int
    frames: int
    fps: float
    duration_seconds: float
    video_codec: str
    audio_codec: str | None
    faststart: bool
    defect: str | None = None
    """What is wrong with a video that is delivered nevertheless, in a few words."""


class Editor(Protocol):
    """Cuts and joins video files on the local disk.

    A paid clip must not be lost: a new adapter delivers a clip that it can't process unchanged, with `Probe.defect`. It
    leaves the clips where they are: their manifests are read afterwards.
    `tests/contract/test_editor.py` proves it.
    """

    async def assemble(self, clips: Sequence[Path], *, duration_seconds: int, to: Path) -> Probe:
        """Write one faststart MP4 of exactly that length (± one frame).

        A playable clip from which no such video can be made is delivered unchanged, with `Probe.defect`. Raises
        `Invalid` if a file is certainly no video, and `LocalDisk`.
        """

    async def keep(self, clips: Sequence[Path], *, to: Path, defect: str) -> Probe:
        """Write the longest clip unchanged. Raises `Invalid` and `LocalDisk`."""

    async def measure(self, clip: Path) -> float:
        """Return how many seconds of a clip can be played. Raises `Invalid` for a file that is certainly no video."""

    async def poster(self, video: Path, to: Path) -> None:
        """Write a representative still picture as JPEG."""

    async def probe(self, video: Path) -> Probe:
        """Decode the whole file and return its properties. Raises `Invalid` if it does not play to its end."""
