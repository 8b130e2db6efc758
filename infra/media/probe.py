"""What a video file really holds, from its packets and not from what its header promises."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from schemas.ports import Probe

__all__ = ["Probe", "is_faststart", "opened", "probe"]

_BROKEN = (
    av.InvalidDataError,
    av.ArgumentError,
    av.PatchWelcomeError,
    av.DecoderNotFoundError,
    av.error.MemoryError,  # a damaged size asks for more than any machine has
    EOFError,
)


def probe(path: Path, *, decode: bool = False) -> Probe:
    """Read every packet, or with `decode` every frame. Raises ValueError if the file does not play to its end."""
    with opened(path) as container:
        video = _video(container, path)
        frames = _decode(container) if decode else _demux(container)
        if not frames or frames < _promised(video) - 1:
            raise ValueError(f"{path.name} is not a playable video: {frames} of {_promised(video)} frames are there")
        rate = video.average_rate or video.guessed_rate or Fraction(0)
        audio = container.streams.audio
        return Probe(
            width=video.width,
            height=video.height,
            frames=frames,
            fps=float(rate),
            duration_seconds=float(frames / rate) if rate else 0.0,
            video_codec=video.codec_context.name,
            audio_codec=getattr(audio[0].codec_context, "name", "unknown") if audio else None,
            faststart=is_faststart(path),
        )


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """A file to read from; what is wrong with its content comes out as a ValueError that names it.

    A full disk or a missing file stays the OSError that it is: it says nothing about the video.
    """
    try:
        # Left to guess, the library also opens playlists, which name other files and addresses to open.
        with av.open(str(path), format="mp4", metadata_errors="replace") as container:
            yield container
    except _BROKEN as error:
        raise ValueError(f"{path.name} is not a playable video: {_why(error)}") from error


def _why(error: Exception) -> str:
    """The library's words without its error number and without the path, which is named already."""
    return str(getattr(error, "strerror", None) or error)


def is_faststart(path: Path) -> bool:
    """Walks the boxes of an MP4 until it meets the index or the media."""
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        while (at := file.tell()) + 8 <= end:
            size, kind = int.from_bytes(file.read(4)), file.read(4)
            if kind in (b"moov", b"mdat"):
                return kind == b"moov"
            size = int.from_bytes(file.read(8)) if size == 1 else size
            if size < 8:
                return False
            file.seek(at + size)
    return False


def _video(container: InputContainer, path: Path) -> VideoStream:
    if not container.streams.video:
        raise ValueError(f"{path.name} is not a playable video: it has no picture")
    # The library leaves the sizes out of a stream that it has no decoder for.
    if not getattr(container.streams.video[0], "width", 0):
        raise ValueError(f"{path.name} is not a playable video: its codec is unknown")
    return container.streams.video[0]


def _played(container: InputContainer) -> list[Stream]:
    """Cameras and editors add other tracks, such as time codes, which no one plays."""
    return [*container.streams.video, *container.streams.audio]


def _promised(video: VideoStream) -> int:
    """How many frames the index lists; 0 where the format does not say."""
    return video.frames


def _demux(container: InputContainer) -> int:
    """Truncation shows as a packet that is corrupt, or that is not there at all."""
    frames = 0
    for packet in container.demux(_played(container)):
        if packet.is_corrupt:
            raise EOFError("the file ends too soon")
        frames += packet.stream.type == "video" and packet.size > 0 and not packet.is_discard
    return frames


def _decode(container: InputContainer) -> int:
    frames = 0
    for packet in container.demux(_played(container)):
        if packet.is_corrupt:
            raise EOFError("the file ends too soon")
        decoded = _frames(packet)
        frames += len(decoded) if packet.stream.type == "video" else 0
    return frames


def _frames(packet: "Packet[Stream]") -> list[object]:
    """Decoding touches nothing but the packet, so whatever fails is the packet's fault, under any name."""
    try:
        return list(packet.decode())
    except av.FFmpegError as error:
        raise EOFError("a part of it cannot be decoded") from error
