"""The final file: the clips of a job joined and cut to the length that was asked for, ready to stream."""

import heapq
import logging
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from infra.media import copying
from infra.media.clip import Clip, read_clip
from infra.media.container import is_local, opened
from infra.media.encoding import encode_picture, encode_sound
from infra.media.probe import Probe, probe, probe_of
from infra.media.whole import whole

log = logging.getLogger(__name__)

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
        with whole(to) as part:
            made = _make(found, length, part)
    except Exception as error:  # of the codecs and of numpy, under whatever name
        if is_local(error) or isinstance(error, MemoryError):
            raise
        log.warning("a clip can't be edited", exc_info=True, extra={"action": "clip_not_edited"})
        reason = getattr(error, "strerror", None) or error  # which names no file
        return _keep_as_it_came(found, to, f"it can't be edited ({type(error).__name__}: {reason})")
    return replace(made, defect=defect)


def keep(clips: Sequence[Path], *, to: Path, defect: str) -> Probe:
    """Deliver the longest clip as it came. Raises ValueError for what is certainly no video."""
    return _keep_as_it_came([read_clip(clip) for clip in clips], to, defect)


def _keep_as_it_came(clips: Sequence[Clip], to: Path, defect: str) -> Probe:
    longest = max(clips, key=lambda clip: clip.length)
    with whole(to) as part:
        shutil.copyfile(longest.path, part)
    return probe_of(longest, defect=defect)


def _make(clips: Sequence[Clip], length: Fraction, to: Path) -> Probe:
    """The video, looked at. A copy that does not turn out well is encoded after all."""
    if len(clips) == 1 and copying.is_right(clips[0], length):
        shutil.copyfile(clips[0].path, to)
        return probe(to)
    if len(clips) == 1 and copying.may_copy_picture(clips[0], length):
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
    return copying.copy_picture(clips[0], source, to, length) if copies else encode_picture(clips, to, length)


def _sound(clips: Sequence[Clip], source: InputContainer, to: OutputContainer, length: Fraction) -> Any:
    if len(clips) == 1 and copying.may_copy_sound(clips[0], length):
        return copying.copy_sound(clips[0], source, to, length)
    return encode_sound(clips, to, length)


def _time_of(packet: "Packet[Any]") -> Fraction:
    moment = packet.dts if packet.dts is not None else packet.pts or 0
    return moment * (packet.time_base or Fraction(0))
