"""The `Editor` of local files: join and cut the clips of a job to the requested length, and make its poster.

Each call of the port runs in a thread: the codecs release the interpreter's lock. Importing this module imports them.
"""

import asyncio
import heapq
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
from av.packet import Packet
from av.video.stream import VideoStream
from PIL import Image

from infra.atomic_file import write_atomically
from infra.media import transcode
from infra.media.clip import Clip, read_clip
from infra.media.container import NotPlayable, is_local, not_playable, open_video, read_frames
from infra.media.look import look_of
from infra.media.probe import probe, probe_of
from infra.media.transcode import encode_picture, encode_sound
from schemas.errors import DISK_ERRNOS, Invalid, unavailable_of
from schemas.ports import Probe

T = TypeVar("T")

logger = logging.getLogger(__name__)

MENDED_S = Fraction(1, 2)
"""A picture may be too short by this: its last frame is held."""
_FASTSTART = {"movflags": "+faststart"}
_QUALITY = 85
_SHARE = Fraction(1, 3)
"""The poster is taken a third in: after a fade from black, and before the end of the story."""


class FileEditor:
    """Cuts and joins local files. Raises `Invalid` and `LocalDisk`."""

    async def assemble(self, clips: Sequence[Path], *, duration_seconds: int, to: Path) -> Probe:
        return await asyncio.to_thread(translate_errors, assemble, clips, duration_seconds=duration_seconds, to=to)

    async def keep(self, clips: Sequence[Path], *, to: Path, defect: str) -> Probe:
        return await asyncio.to_thread(translate_errors, keep, clips, to=to, defect=defect)

    async def measure(self, clip: Path) -> float:
        return float((await asyncio.to_thread(translate_errors, read_clip, clip)).length)

    async def poster(self, video: Path, to: Path) -> None:
        await asyncio.to_thread(translate_errors, poster, video, to)

    async def probe(self, video: Path) -> Probe:
        return await asyncio.to_thread(translate_errors, probe, video, decode=True)


def translate_errors(work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run it. Any other error of the codecs passes unchanged: it says nothing certain about the video."""
    try:
        return work(*args, **kwargs)
    except NotPlayable as error:
        raise Invalid(str(error)) from error
    except OSError as error:
        if error.errno not in DISK_ERRNOS:
            raise
        raise unavailable_of("the scratch folder", error) from error


def assemble(clips: Sequence[Path], *, duration_seconds: int, to: Path) -> Probe:
    """Join the clips in order and end after exactly `duration_seconds`, with as little loss of quality as possible.

    A clip that is right already stays as it is, byte for byte. Picture and sound are each copied without a new encoding
    if possible. Anything else is encoded in the first clip's size and frame rate. If a video can't be edited, the
    longest clip is delivered as it came, with `Probe.defect`. Raises `NotPlayable` for a file that is no video.
    """
    read = [read_clip(clip) for clip in clips]
    if not read:
        raise ValueError("There are no clips to assemble.")
    length, available = Fraction(duration_seconds), sum((clip.length for clip in read), Fraction(0))
    defect = None
    if available < length - MENDED_S:
        defect = f"its picture lasts {float(available):.2f} s, not {duration_seconds} s"
        length = min(length, available - read[-1].length + read[-1].plays)
    try:
        with write_atomically(to) as part:
            made = _make(read, length, part)
    except Exception as error:  # the codecs and numpy raise errors of many types
        if is_local(error) or isinstance(error, MemoryError):
            raise
        logger.warning("a clip can't be edited", exc_info=True, extra={"action": "clip_not_edited"})
        reason = getattr(error, "strerror", None) or error  # `strerror` names no file
        return _copy_longest(read, to, f"it can't be edited ({type(error).__name__}: {reason})")
    return replace(made, defect=defect)


def keep(clips: Sequence[Path], *, to: Path, defect: str) -> Probe:
    """Deliver the longest clip as it came. Raises `NotPlayable` for a file that is certainly no video."""
    return _copy_longest([read_clip(clip) for clip in clips], to, defect)


def _copy_longest(clips: Sequence[Clip], to: Path, defect: str) -> Probe:
    longest = max(clips, key=lambda clip: clip.length)
    with write_atomically(to) as part:
        _link_or_copy(longest.path, part)
    return probe_of(longest, defect=defect)


def _link_or_copy(clip: Path, to: Path) -> None:
    """Give the same content another name. Nothing here writes to an existing file, so a link is as good as a copy."""
    try:
        os.link(clip, to)
    except OSError:
        shutil.copyfile(clip, to)


def _make(clips: Sequence[Clip], length: Fraction, to: Path) -> Probe:
    """Write the video and check it. If a copy has the wrong length, encode it instead."""
    if len(clips) == 1 and transcode.is_right(clips[0], length):
        _link_or_copy(clips[0].path, to)
        return probe_of(clips[0])
    if len(clips) == 1 and transcode.may_copy_picture(clips[0], length):
        _write(clips, length, to, copies_picture=True)
        if (made := _probe_if_right(to, length, decode=True)) is not None:
            return made
    _write(clips, length, to, copies_picture=False)
    made = _probe_if_right(to, length)
    if made is None:
        raise ValueError("what was encoded does not have the right length")
    return made


def _probe_if_right(made: Path, length: Fraction, *, decode: bool = False) -> Probe | None:
    try:
        found = probe(made, decode=decode)
    except ValueError:
        return None
    return found if abs(found.duration_seconds - float(length)) <= 1 / found.fps else None


def _write(clips: Sequence[Clip], length: Fraction, to: Path, *, copies_picture: bool) -> None:
    with ExitStack() as stack:
        container = stack.enter_context(av.open(str(to), "w", format="mp4", options=_FASTSTART))
        sources = (stack.enter_context(open_video(clips[0].path)), stack.enter_context(open_video(clips[0].path)))
        container.metadata.update(sources[0].metadata if copies_picture else {})
        if copies_picture:
            tracks: list[Any] = [transcode.copy_picture(clips[0], sources[0], container, length)]
        else:
            tracks = [encode_picture(clips, container, length)]
        if any(clip.sound for clip in clips):
            is_copy = len(clips) == 1 and transcode.may_copy_sound(clips[0], length)
            tracks.append(
                transcode.copy_sound(clips[0], sources[1], container, length)
                if is_copy
                else encode_sound(clips, container, length)
            )
        # In the order of their times, so that little waits in memory and players need not seek.
        for packet in heapq.merge(*tracks, key=_decode_time):
            container.mux(packet)


def _decode_time(packet: "Packet[Any]") -> Fraction:
    moment = packet.dts if packet.dts is not None else packet.pts or 0
    return moment * (packet.time_base or Fraction(0))


def poster(path: Path, to: Path) -> None:
    """Write a progressive JPEG. Raises `NotPlayable` if no frame can be decoded."""
    clip = read_clip(path)
    moment = clip.picture.start + int(clip.picture.frames * _SHARE) * clip.picture.step
    frame = _frame_at(clip, moment) or _frame_at(clip, None)
    if frame is None:
        raise not_playable(path, "no frame of it can be decoded")
    shown = look_of(clip, frame).dress(frame, clip.picture)
    with write_atomically(to) as part:
        picture = Image.fromarray(shown.to_ndarray(format="rgb24"))  # four times as fast as `to_image`
        picture.save(part, format="JPEG", quality=_QUALITY, progressive=True, optimize=True)


def _frame_at(clip: Clip, moment: Fraction | None) -> av.VideoFrame | None:
    """Seek to the key frame before the moment and decode from there. Without a moment, return the first frame."""
    with open_video(clip.path) as container:
        stream = container.streams[clip.picture.index]
        assert isinstance(stream, VideoStream)
        base = stream.time_base or Fraction(1, 1000)
        try:
            if moment is not None:
                container.seek(int(moment / base), stream=stream)
        except av.FFmpegError as error:
            if is_local(error):
                raise
            return None
        latest = None
        for latest in read_frames(container, stream):
            if moment is None or latest.pts is None or latest.pts * base >= moment:
                break
        return latest
