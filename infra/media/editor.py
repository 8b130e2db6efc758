"""The `Editor` port over the media functions, each call in a thread: codecs release the interpreter's lock.

The final file: the clips of a job joined and cut to the length that was asked for, ready to stream.

The poster: one frame that stands for a video in a list or before it plays.
"""

import asyncio
import heapq
import logging
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from PIL import Image

from infra.media import transcode
from infra.media.atomic_file import write_atomically
from infra.media.clip import Clip, read_clip
from infra.media.container import is_local, not_playable, opened, read_frames
from infra.media.look import look_of
from infra.media.probe import probe, probe_of
from infra.media.transcode import encode_picture, encode_sound
from schemas.errors import DISK_ERRNOS, Invalid, unavailable_of
from schemas.ports import Probe

logger = logging.getLogger(__name__)


MENDED_S = Fraction(1, 2)
"""So much too short a picture may be: its last frame is held."""
_FASTSTART = {"movflags": "+faststart"}


def assemble(clips: Sequence[Path], *, duration_seconds: int, to: Path) -> Probe:
    """Join the clips in order and end after exactly `duration_seconds`, losing as little quality as can be.

    A clip that is right already is copied as it is. Picture and sound are copied without being encoded again if they
    can be, each for itself; anything else is encoded anew, in the first clip's size and frame rate. What can't be
    mended is delivered as it came, with `Probe.defect`. Raises ValueError for what is certainly no video.
    """
    found = [read_clip(clip) for clip in clips]
    if not found:
        raise ValueError("There are no clips to assemble.")
    length, there = Fraction(duration_seconds), sum((clip.length for clip in found), Fraction(0))
    defect = None
    if there < length - MENDED_S:
        defect = f"its picture lasts {float(there):.2f} s, not {duration_seconds} s"
        length = min(length, there - found[-1].length + found[-1].plays)
    try:
        with write_atomically(to) as part:
            made = _make(found, length, part)
    except Exception as error:  # of the codecs and of numpy, under whatever name
        if is_local(error) or isinstance(error, MemoryError):
            raise
        logger.warning("a clip can't be edited", exc_info=True, extra={"action": "clip_not_edited"})
        reason = getattr(error, "strerror", None) or error  # which names no file
        return _keep_as_it_came(found, to, f"it can't be edited ({type(error).__name__}: {reason})")
    return replace(made, defect=defect)


def keep(clips: Sequence[Path], *, to: Path, defect: str) -> Probe:
    """Deliver the longest clip as it came. Raises ValueError for what is certainly no video."""
    return _keep_as_it_came([read_clip(clip) for clip in clips], to, defect)


def _keep_as_it_came(clips: Sequence[Clip], to: Path, defect: str) -> Probe:
    longest = max(clips, key=lambda clip: clip.length)
    with write_atomically(to) as part:
        shutil.copyfile(longest.path, part)
    return probe_of(longest, defect=defect)


def _make(clips: Sequence[Clip], length: Fraction, to: Path) -> Probe:
    """The video, looked at. A copy that does not turn out well is encoded after all."""
    if len(clips) == 1 and transcode.is_right(clips[0], length):
        shutil.copyfile(clips[0].path, to)
        return probe(to)
    if len(clips) == 1 and transcode.may_copy_picture(clips[0], length):
        _write(clips, length, to, copies_picture=True)
        if (made := _looked_at(to, length, decode=True)) is not None:
            return made
    _write(clips, length, to, copies_picture=False)
    made = _looked_at(to, length)
    if made is None:
        raise ValueError("what was encoded does not have the right length")
    return made


def _looked_at(made: Path, length: Fraction, *, decode: bool = False) -> Probe | None:
    try:
        found = probe(made, decode=decode)
    except ValueError:
        return None
    return found if abs(found.duration_seconds - float(length)) <= 1 / found.fps else None


def _write(clips: Sequence[Clip], length: Fraction, to: Path, *, copies_picture: bool) -> None:
    with ExitStack() as stack:
        container = stack.enter_context(av.open(str(to), "w", format="mp4", options=_FASTSTART))
        sources = (stack.enter_context(opened(clips[0].path)), stack.enter_context(opened(clips[0].path)))
        container.metadata.update(sources[0].metadata if copies_picture else {})
        picture = _picture(clips, sources[0], container, length, copies=copies_picture)
        tracks = [picture]
        if any(clip.sound for clip in clips):
            tracks.append(_sound(clips, sources[1], container, length))
        # In the order of their times, so that little waits in memory and players need not jump.
        for packet in heapq.merge(*tracks, key=_time_of):
            container.mux(packet)


def _picture(
    clips: Sequence[Clip], source: InputContainer, to: OutputContainer, length: Fraction, *, copies: bool
) -> Any:
    return transcode.copy_picture(clips[0], source, to, length) if copies else encode_picture(clips, to, length)


def _sound(clips: Sequence[Clip], source: InputContainer, to: OutputContainer, length: Fraction) -> Any:
    if len(clips) == 1 and transcode.may_copy_sound(clips[0], length):
        return transcode.copy_sound(clips[0], source, to, length)
    return encode_sound(clips, to, length)


def _time_of(packet: "Packet[Any]") -> Fraction:
    moment = packet.dts if packet.dts is not None else packet.pts or 0
    return moment * (packet.time_base or Fraction(0))


_QUALITY = 85
_SHARE = Fraction(1, 3)
"""A third in: past a fade from black, and before the story is over."""


def poster(path: Path, to: Path) -> None:
    """Write a progressive JPEG. Raises ValueError if the video does not play."""
    clip = read_clip(path)
    moment = clip.picture.start + int(clip.picture.frames * _SHARE) * clip.picture.step
    frame = _frame_at(clip, moment) or _frame_at(clip, None)
    if frame is None:
        raise not_playable(path, "no frame of it can be decoded")
    shown = look_of(clip, frame).dress(frame, clip.picture)
    with write_atomically(to) as part:
        picture = Image.fromarray(shown.to_ndarray(format="rgb24"))  # four times as quick as `to_image`
        picture.save(part, format="JPEG", quality=_QUALITY, progressive=True, optimize=True)


def _frame_at(clip: Clip, moment: Fraction | None) -> av.VideoFrame | None:
    """Jump to the key frame before the moment and decode on from there; without a moment, the first frame."""
    with opened(clip.path) as container:
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
    pass

    return _translate(assemble, clips, duration_seconds=duration_seconds, to=to)


def _keep(clips: Sequence[Path], to: Path, defect: str) -> Probe:
    pass

    return _translate(keep, clips, to=to, defect=defect)


def _measure(clip: Path) -> float:
    from infra.media.clip import read_clip

    return float(_translate(read_clip, clip).length)


def _poster(video: Path, to: Path) -> None:
    pass

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
