"""The provenance of video files: the signed manifest (C2PA) that says who made a file, and of what."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schemas.errors import ReelbusError


class NotSigned(ReelbusError):
    """A file has no manifest, although a source of it has one. It is unchanged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourcePart:
    """A part of a made video: the file that it comes from, and when the made video shows it."""

    file: Path
    shown_s: tuple[float, float] | None = None
    """Its begin and end in the made video, in seconds; None if the file was used as a whole, up to the video's end."""


class Provenance(Protocol):
    """Keeps the manifests of sources when a video is made of them.

    A new adapter must guarantee that no file takes down the process or keeps a call longer than its limit, and that a
    file which can't be signed stays as it is. `tests/contract/test_provenance.py` proves it.
    """

    async def sign(self, made: Path, parts: Sequence[SourcePart], *, is_composite: bool, adds_more: bool) -> None:
        """Give a video a manifest that names its sources, if one of them has a manifest.

        A video that is a copy of a source stays as it is. `is_composite` is False for an edit of one source,
        `adds_more` True if the video shows or plays something that is in no source. Raises `NotSigned`.
        """

    async def is_kept(self, made: Path, sources: Sequence[Path]) -> bool | None:
        """Return whether the video has a manifest; None if no source has one, so that nothing could be kept."""
