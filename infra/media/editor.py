"""The `Editor` port over the media functions, each call in a thread: codecs release the interpreter's lock."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from schemas.errors import Invalid
from schemas.ports import Probe


class FileEditor:
    """Cuts and joins local files. Codecs are imported with the first call."""

    async def assemble(self, clips: Sequence[Path], *, duration_seconds: int, to: Path) -> Probe:
        """One faststart MP4 of exactly that length. Raises `Invalid`."""
        return await asyncio.to_thread(_assemble, clips, duration_seconds, to)

    async def poster(self, video: Path, to: Path) -> None:
        """A representative still as JPEG. Raises `Invalid`."""
        await asyncio.to_thread(_poster, video, to)

    async def probe(self, video: Path) -> Probe:
        """Reads the whole file. Raises `Invalid`."""
        return await asyncio.to_thread(_probe, video)


def _assemble(clips: Sequence[Path], duration_seconds: int, to: Path) -> Probe:
    from infra.media.assemble import assemble

    try:
        return assemble(clips, duration_seconds=duration_seconds, to=to)
    except ValueError as error:
        raise Invalid(str(error)) from error


def _poster(video: Path, to: Path) -> None:
    from infra.media.poster import poster

    try:
        poster(video, to)
    except ValueError as error:
        raise Invalid(str(error)) from error


def _probe(video: Path) -> Probe:
    from infra.media.probe import probe

    try:
        return probe(video)
    except ValueError as error:
        raise Invalid(str(error)) from error
