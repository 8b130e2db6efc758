"""Smaller files that are made of a finished video."""

from pathlib import Path
from typing import Protocol

from schemas.errors import ReelbusError


class NotDerived(ReelbusError):
    """The file could not be made of this video."""


class FileDeriver(Protocol):
    """Makes a sprite sheet or a preview of a video file on the local disk, which may be hostile.

    A new adapter must guarantee that no file takes down the process or keeps the call longer than `within_s` and a
    second. `tests/contract/test_file_deriver.py` proves it.
    """

    async def derive(self, variant: str, video: Path, to: Path, *, within_s: float) -> None:
        """Write the `spritesheet` as JPEG, or the `preview` as MP4. Raises `NotDerived` with the reason."""
