"""What of a clip can be used as it is, without a second encoding: the whole file, its picture, its sound."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from av.container import InputContainer, OutputContainer
from av.packet import Packet

from infra.media.clip import Clip, Picture, Turn
from infra.media.container import is_faststart, is_tidy, opened, read_packets

_PLAYED = frozenset({"yuv420p", "yuvj420p"})
_HALF = Fraction(1, 2)


def is_right(clip: Clip, length: Fraction) -> bool:
    """True if the file can be delivered byte for byte."""
    step = clip.picture.step
    sound_ends = clip.sound.end if clip.sound else length
    return (
        may_copy_picture(clip, length)
        and abs(clip.length - length) <= step * _HALF
        and (clip.sound is None or may_copy_sound(clip, length))
        and sound_ends <= length + step
        and clip.origin == 0
        and is_tidy(clip.path)
        and is_faststart(clip.path)
        and abs(_container_length(clip) - length) <= step  # other tracks could make a player go on
    )


def may_copy_picture(clip: Clip, length: Fraction) -> bool:
    """True for the kind of picture that every player shows alike, and that can end cleanly there."""
    picture = clip.picture
    return (
        clip.complaint is None
        and _is_plain(clip)
        and picture.start - clip.origin <= picture.step * _HALF
        and clip.length >= length - picture.step * _HALF
        and (picture.is_steady or picture.is_in_order)
        and _ends_cleanly(clip, length)
    )


def may_copy_sound(clip: Clip, length: Fraction) -> bool:
    """True for plain sound that is there from the first to the last frame."""
    sound, step = clip.sound, clip.picture.step
    return (
        sound is not None
        and "mp4" in clip.container
        and sound.codec == "aac"
        and sound.channels <= 2
        and sound.is_gapless
        and sound.packet * _HALF <= step
        and sound.start - clip.origin <= step
        and sound.end - clip.origin >= length - step
    )


def copy_picture(clip: Clip, source: InputContainer, to: OutputContainer, length: Fraction) -> "Iterator[Packet[Any]]":
    """The frames of the length, from where a player begins."""
    picture = clip.picture
    track = source.streams[picture.index]
    output = to.add_stream_from_template(track)
    left = _frames_in(clip, length)
    for packet in _moved_packets(source, track, clip.origin):
        if not left:
            return
        left -= 1
        if not left and not picture.is_steady and packet.pts is not None and packet.time_base:
            packet.duration = max(1, round(length / packet.time_base) - packet.pts)
        packet.stream = output
        yield packet


def copy_sound(clip: Clip, source: InputContainer, to: OutputContainer, length: Fraction) -> "Iterator[Packet[Any]]":
    """The sound beside them. What would end more than half a packet after the picture is left out."""
    assert clip.sound is not None
    track = source.streams[clip.sound.index]
    output = to.add_stream_from_template(track)
    for packet in _moved_packets(source, track, clip.origin):
        if packet.pts is not None and packet.time_base:
            if (packet.pts + Fraction(packet.duration or 0) / 2) * packet.time_base >= length:
                return
            packet.stream = output
            yield packet


def _is_plain(clip: Clip) -> bool:
    picture: Picture = clip.picture
    return (
        "mp4" in clip.container
        and picture.codec == "h264"
        and picture.pixels in _PLAYED
        and picture.aspect == 1
        and picture.turn == Turn()
        and not picture.interlaced
        and not picture.has_hidden
    )


def _frames_in(clip: Clip, length: Fraction) -> int:
    if clip.picture.is_steady:
        return min(clip.picture.frames, round(length / clip.picture.step))
    return sum(start < length - clip.picture.step / 4 for start in _starts(clip))


def _starts(clip: Clip) -> list[Fraction]:
    """When the frames are shown, in the order in which they are stored."""
    with opened(clip.path) as source:
        packets = _moved_packets(source, source.streams[clip.picture.index], clip.origin)
        return [packet.pts * packet.time_base for packet in packets if packet.pts is not None and packet.time_base]


def _ends_cleanly(clip: Clip, length: Fraction) -> bool:
    """Frames are stored in the order in which they are decoded, not shown: a frame that comes after the cut may be
    needed by one before it. The cut is clean if the frames to keep are also the first ones stored."""
    frames = _frames_in(clip, length)
    if clip.picture.is_steady and (frames >= clip.picture.frames or clip.picture.is_in_order):
        return frames > 0
    starts = _starts(clip)
    if not clip.picture.is_steady and length - max(starts[:frames], default=Fraction(0)) > clip.picture.step:
        return False  # that frame stays for long, and what plays it may not wait for its end
    return sorted(starts[:frames]) == sorted(starts)[:frames]


def _moved_packets(source: InputContainer, track: Any, origin: Fraction) -> "Iterator[Packet[Any]]":
    """Packets whose timeline begins at zero."""
    for packet in read_packets(source, track):
        if packet.size and packet.time_base:
            by = round(origin / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - by
            packet.dts = None if packet.dts is None else packet.dts - by
            yield packet


def _container_length(clip: Clip) -> Fraction:
    with opened(clip.path) as container:
        return Fraction(container.duration or 0, 1_000_000)
