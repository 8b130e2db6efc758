"""The `Editor` port over the media functions, each call in a thread: codecs release the interpreter's lock."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from schemas.errors import DISK_ERRNOS, Invalid, unavailable_of
from schemas.ports import Probe

T = TypeVar("T")


class FileEditor:
    """Cuts and joins local files. Codecs are imported with the first call. Raises `Invalid` and `LocalDisk`."""

    async def assemble(self, clips: Sequence[Path], *, duration_seconds: int, to: Path) -> Probe:
        """One faststart MP4 of exactly that length, or a playable clip as it came."""
        return await asyncio.to_thread(_assemble, clips, duration_seconds, to)

    async def keep(self, clips: Sequence[Path], *, to: Path, defect: str) -> Probe:
        """The longest clip as it came."""
        return await asyncio.to_thread(_keep, clips, to, defect)

    async def measure(self, clip: Path) -> float:
        """How many seconds of a clip can be played."""
        return await asyncio.to_thread(_measure, clip)

    async def poster(self, video: Path, to: Path) -> None:
        """A representative still as JPEG."""
        await asyncio.to_thread(_poster, video, to)

    async def probe(self, video: Path) -> Probe:
        """Decodes the whole file."""
        return await asyncio.to_thread(_probe, video)


def _assemble(clips: Sequence[Path], duration_seconds: int, to: Path) -> Probe:
    from infra.media.assemble import assemble

    return _translate(assemble, clips, duration_seconds=duration_seconds, to=to)


def _keep(clips: Sequence[Path], to: Path, defect: str) -> Probe:
    from infra.media.assemble import keep

    return _translate(keep, clips, to=to, defect=defect)


def _measure(clip: Path) -> float:
    from infra.media.clip import read_clip

    return float(_translate(read_clip, clip).length)


def _poster(video: Path, to: Path) -> None:
    from infra.media.poster import poster

    _translate(poster, video, to)


def _probe(video: Path) -> Probe:
    from infra.media.probe import probe

    return _translate(probe, video, decode=True)


def _translate(work: Callable[..., T], *given: Any, **named: Any) -> T:
    """What else the codecs raise stays what it is: it is no word about the video."""
    from infra.media.container import NotPlayable

    try:
        return work(*given, **named)
    except NotPlayable as error:
        raise Invalid(str(error)) from error
    except OSError as error:
        if error.errno not in DISK_ERRNOS:
            raise
        raise unavailable_of("the scratch folder", error) from error
