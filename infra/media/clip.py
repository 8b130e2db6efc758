"""A clip as a player shows it: its frames and their times, its orientation, and its sound.

Times are seconds on the container's own timeline. A player begins at the clip's `origin`. Frames that an edit list
hides do not count. Both tracks move together if the timeline does not begin at zero.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import av
from av.packet import Packet
from av.sidedata.sidedata import Type
from av.video.stream import VideoStream

from infra.media.container import decode, not_playable, open_video, picture_in, read_packets, sounds_in

_STANDARD = tuple(
    Fraction(*rate)
    for rate in ((24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (48, 1), (50, 1), (60000, 1001), (60, 1))
)
_SNAP = Fraction(1, 2000)
"""Half of the relative difference between 24 and 23.976."""
_SLOWEST, _FASTEST, _FASTEST_UNEVEN = 12, 120, 60
_USUAL_STEP = Fraction(1, 24)
_GAP_S = Fraction(1, 100)
_HARDLY_LATER_S = Fraction(1, 20)


@dataclass(frozen=True, slots=True)
class Turn:
    """How to make a stored frame upright: first swap its axes, then mirror it."""

    swaps: bool = False
    mirrors_x: bool = False
    mirrors_y: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """The video track."""

    index: int
    codec: str
    width: int
    height: int
    pixels: str
    aspect: Fraction
    """Width of one pixel over its height."""
    turn: Turn
    interlaced: bool
    start: Fraction
    end: Fraction
    frames: int
    step: Fraction
    """Seconds from one frame to the next, on average."""
    rate: Fraction
    """A constant frame rate that shows every frame."""
    is_steady: bool
    is_in_order: bool
    """True if frames are stored in the order in which they are shown."""
    has_hidden: bool

    @property
    def fps(self) -> Fraction:
        """Frames per second of the file itself."""
        return self.rate if self.is_steady and abs(self.rate * self.step - 1) <= _SNAP else 1 / self.step

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height on a screen with square pixels, upright."""
        width = round(self.width * self.aspect)
        return (self.height, width) if self.turn.swaps else (width, self.height)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """The audio track."""

    index: int
    codec: str
    channels: int
    start: Fraction
    end: Fraction
    is_gapless: bool
    packet: Fraction
    """Seconds in its longest packet: how finely it can be cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A playable video file."""

    path: Path
    container: str
    picture: Picture
    sound: Sound | None
    complaint: str | None
    """What is missing; None for a whole file."""
    comment: str = ""
    """What the file says about itself, for example that it is a preview."""

    @property
    def origin(self) -> Fraction:
        """The time at which a player begins: with the first track, or with the picture if both start within a frame."""
        picture, sound = self.picture, self.sound
        if sound and picture.start - sound.start >= max(picture.step, _HARDLY_LATER_S):
            return sound.start
        return picture.start

    @property
    def length(self) -> Fraction:
        """Seconds from the origin to the end of the last frame."""
        return self.picture.end - self.origin

    @property
    def plays(self) -> Fraction:
        """Seconds to the end of the longer track: a player holds the last frame while sound remains."""
        return max(self.picture.end, self.sound.end if self.sound else self.picture.end) - self.origin


def read_clip(path: Path) -> Clip:
    """Read every packet and decode one frame of each track. Raises `NotPlayable` for what is certainly no video."""
    with open_video(path) as container:
        video = picture_in(container)
        if video is None:
            what = "its codec is unknown" if container.streams.video else "it has no picture"
            raise not_playable(path, what)
        tracks = {each.index: _Track(each, each.time_base or Fraction(1, 1000)) for each in sounds_in(container)}
        picture = tracks[video.index] = _Track(video, video.time_base or Fraction(1, 1000))
        promised = len(video.index_entries) if "mp4" in container.format.name else 0
        for packet in read_packets(container, *(track.stream for track in tracks.values())):
            tracks[packet.stream.index].note(packet)
        if not picture.shown:
            raise not_playable(path, f"0 of {promised} frames are there")
        if picture.first is None:
            raise not_playable(path, "no frame of it can be decoded")
        return Clip(
            path=path,
            container=container.format.name,
            picture=_picture(picture, video),
            sound=next((_sound(each) for each in tracks.values() if each is not picture and each.is_heard), None),
            complaint=_complaint(promised, picture, tracks.values()),
            comment=container.metadata.get("comment", ""),
        )


@dataclass(slots=True)
class _Track:
    """When a player shows the packets of one track, in the order in which they are stored; and its first frame."""

    stream: Any
    base: Fraction
    shown: list[tuple[int, int]] = field(default_factory=list)
    hidden: int = 0
    corrupt: int = 0
    first: Any = None

    def note(self, packet: "Packet[Any]") -> None:
        if self.first is None and not packet.is_corrupt:
            self.first = next(iter(decode(packet)), None)
        if not packet.size:
            return
        last = self.shown[-1] if self.shown else (0, 0)
        pts = packet.pts if packet.pts is not None else packet.dts
        if packet.is_corrupt:
            self.corrupt += 1
        elif packet.is_discard:
            self.hidden += 1
        else:
            self.shown.append((sum(last) if pts is None else pts, max(0, packet.duration or 0)))

    @property
    def is_heard(self) -> bool:
        """True for an audio track that can be decoded."""
        return bool(self.shown) and self.first is not None

    @property
    def start(self) -> Fraction:
        return min(self.shown)[0] * self.base

    @property
    def end(self) -> Fraction:
        return max(pts + length for pts, length in self.shown) * self.base

    def starts(self) -> list[Fraction]:
        return [pts * self.base for pts, _ in sorted(self.shown)]

    def is_steady(self) -> bool:
        """Return True if no packet is shown a quarter of the average step too early or too late."""
        starts = sorted(pts for pts, _ in self.shown)
        steps, span = len(starts) - 1, starts[-1] - starts[0]
        if not span:
            return not steps
        return all(abs((pts - starts[0]) * steps - number * span) * 4 <= span for number, pts in enumerate(starts))

    def is_gapless(self) -> bool:
        gap = int(_GAP_S / self.base)
        ends = (pts + length for pts, length in self.shown)
        return all(abs(end - start) <= gap for end, (start, _) in zip(ends, self.shown[1:], strict=False))


def _complaint(promised: int, picture: _Track, tracks: Iterable[_Track]) -> str | None:
    there = len(picture.shown) + picture.hidden
    if any(track.corrupt for track in tracks):
        return "the file ends too soon"
    return f"{there} of {promised} frames are there" if there < promised - 1 else None


def _picture(track: _Track, video: VideoStream) -> Picture:
    frame, starts = track.first, track.starts()
    step = _step(starts, track)
    is_steady = track.is_steady()
    aspect = video.sample_aspect_ratio or video.codec_context.sample_aspect_ratio
    return Picture(
        index=video.index,
        codec=video.codec_context.name,
        width=frame.width,
        height=frame.height,
        pixels=frame.format.name,
        aspect=Fraction(aspect) if aspect and Fraction(1, 8) <= aspect <= 8 else Fraction(1),
        turn=_turn(frame),
        interlaced=bool(frame.interlaced_frame),
        start=starts[0],
        end=max(track.end, starts[-1] + (step if track.end <= starts[-1] else 0)),
        frames=len(starts),
        step=step,
        rate=_rate(starts, step, is_steady=is_steady),
        is_steady=is_steady,
        is_in_order=sorted(track.shown) == track.shown,
        has_hidden=track.hidden > 0,
    )


def _turn(frame: av.VideoFrame) -> Turn:
    """Read the orientation from the display matrix that cameras write: x' = a·x + c·y, y' = b·x + d·y."""
    side_data: Any = frame.side_data
    if Type.DISPLAYMATRIX not in side_data:
        return Turn()
    matrix = bytes(side_data[Type.DISPLAYMATRIX])
    a, b, _, c, d = (int.from_bytes(matrix[at : at + 4], "little", signed=True) for at in range(0, 20, 4))
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Turn(swaps=True, mirrors_x=c < 0, mirrors_y=b < 0)
    return Turn(mirrors_x=a < 0, mirrors_y=d < 0)


def _step(starts: Sequence[Fraction], track: _Track) -> Fraction:
    if len(starts) > 1 and starts[-1] > starts[0]:
        return (starts[-1] - starts[0]) / (len(starts) - 1)
    return track.end - starts[0] if 0 < track.end - starts[0] <= 1 else _USUAL_STEP


def _rate(starts: Sequence[Fraction], step: Fraction, *, is_steady: bool) -> Fraction:
    """Return the standard rate close to a steady one. For uneven frames, the rate misses at most about 5 % of them."""
    if is_steady:
        rate = min(1 / step, Fraction(_FASTEST))
    else:
        steps = sorted(b - a for a, b in pairwise(starts) if b > a)
        rate = min(1 / steps[len(steps) // 20], Fraction(_FASTEST_UNEVEN))
    for standard in _STANDARD:
        if abs(rate / standard - 1) <= _SNAP:
            return standard
    return rate.limit_denominator(1001) * ceil(_SLOWEST / rate)


def _sound(track: _Track) -> Sound:
    return Sound(
        index=track.stream.index,
        codec=track.stream.codec_context.name,
        channels=track.first.layout.nb_channels,
        start=track.start,
        end=track.end,
        is_gapless=track.is_gapless(),
        packet=max(length for _, length in track.shown) * track.base,
    )
