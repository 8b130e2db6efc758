"""Open a video file of any container format, choose the tracks that a player would play, and read its packets."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from schemas.errors import DISK_ERRNOS

_LOCAL = DISK_ERRNOS | {errno.ENOENT, errno.EACCES, errno.ESTALE}
"""Errors of this machine, not of a video: the same work may succeed later."""
_SIGNATURES = ((0, b"\x1aE\xdf\xa3", "matroska"), (8, b"AVI ", "avi"), (0, b"OggS", "ogg"), (0, b"FLV\x01", "flv"))
_TS_PACKET_BYTES = 188


class NotPlayable(ValueError):
    """The file is certainly no video, or is incomplete and the caller needs all of it."""


@contextmanager
def open_video(path: Path) -> Iterator[InputContainer]:
    """Open a file for reading. Raises `NotPlayable`; a full disk or a missing file stays an `OSError`."""
    with path.open("rb") as file:
        head = file.read(_TS_PACKET_BYTES + 1)
    is_ts = len(head) > _TS_PACKET_BYTES and head[0] == head[_TS_PACKET_BYTES] == ord("G")
    kind = next((name for at, mark, name in _SIGNATURES if head[at : at + len(mark)] == mark), "mp4")
    try:
        # Without a format the library also opens playlists, which name other files and addresses to open.
        container = av.open(str(path), format="mpegts" if is_ts else kind, metadata_errors="replace")
    except (av.FFmpegError, EOFError) as error:
        if is_local(error):
            raise
        # `strerror` has neither the error number nor the path, which the sentence names already.
        raise not_playable(path, str(getattr(error, "strerror", None) or error)) from error
    with container:
        yield container


def not_playable(path: Path, why: str) -> NotPlayable:
    """Return the error that names the file and the reason."""
    return NotPlayable(f"{path.name} is not a playable video: {why}")


def is_local(error: BaseException) -> bool:
    """Return True if the local disk or process is at fault: then the same work may succeed later."""
    # The codecs report EIO for a file that ends too soon, the system for a broken disk.
    ours = _LOCAL if isinstance(error, av.FFmpegError) else _LOCAL | {errno.EIO, errno.ENODEV, errno.ENOTDIR}
    return isinstance(error, OSError) and error.errno in ours


def picture_in(container: InputContainer) -> VideoStream | None:
    """Return the video track that a player shows. Cover art is also a video track, with one picture, and is skipped."""
    moving = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
    # A stream without a decoder has no width and height.
    known = [each for each in moving if getattr(each, "width", 0) and getattr(each, "height", 0)]
    return next((each for each in known if each.disposition & Disposition.default), known[0] if known else None)


def sounds_in(container: InputContainer) -> list[AudioStream]:
    """Return the audio tracks that can be decoded, the one that a player would choose first."""
    known = [each for each in container.streams.audio if getattr(each.codec_context, "sample_rate", 0)]
    return sorted(known, key=lambda each: not each.disposition & Disposition.default)


def read_packets(container: InputContainer, *streams: Stream) -> "Iterator[Packet[Any]]":
    """Read the packets of these tracks. Reading ends without an error where a damaged file ends."""
    try:
        yield from container.demux(list(streams))
    except (av.FFmpegError, EOFError) as error:
        if is_local(error):
            raise


def read_frames(container: InputContainer, stream: Stream) -> Iterator[Any]:
    """Decode the frames of a track. A packet that can't be decoded is skipped, as players do."""
    for packet in read_packets(container, stream):
        if not packet.is_corrupt:
            yield from decode(packet)


def decode(packet: "Packet[Any]") -> list[Any]:
    """Decode the frames of one packet; none if it is damaged."""
    try:
        return list(packet.decode())
    except (av.FFmpegError, EOFError, ValueError):
        return []


def is_faststart(path: Path) -> bool:
    """Return True if the index of an MP4 comes before its media, so that a player can begin at once."""
    kinds = [kind for kind, _ in read_boxes(path)]
    return b"moov" in kinds and b"mdat" not in kinds[: kinds.index(b"moov")]


def is_tidy(path: Path) -> bool:
    """Return True for one plain MP4 from its first byte to its last: no fragments, and nothing behind it."""
    boxes = read_boxes(path)
    return [kind for kind, _ in boxes].count(b"moov") == 1 and not any(
        kind == b"moof" or not whole for kind, whole in boxes
    )


def read_boxes(path: Path) -> list[tuple[bytes, bool]]:
    """List the top-level boxes of an MP4 in order, and whether each ends inside the file. Garbage ends the list."""
    found: list[tuple[bytes, bool]] = []
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        while (at := file.tell()) + 8 <= end:
            size, kind = int.from_bytes(file.read(4)), file.read(4)
            size = int.from_bytes(file.read(8)) if size == 1 else size or end - at
            found.append((kind, kind.isascii() and kind.isalnum() and 8 <= size <= end - at))
            if not found[-1][1]:
                break
            file.seek(at + size)
        else:
            if at < end:
                found.append((b"", False))
    return found
