"""A picture and a sound encoded anew: clips of any kind, one after the other, in the first one's look."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Any

from av.container import OutputContainer
from av.packet import Packet

from infra.media.clip import Clip
from infra.media.listening import SAMPLE_RATE_HZ, listen
from infra.media.look import PIXELS, look_of
from infra.media.watching import first_frame, watch

_X264 = {"preset": "fast", "crf": "17", "profile": "high"}
_AUDIO_BITS_PER_S = 192_000
_TV = 1


def encode_picture(clips: Sequence[Clip], to: OutputContainer, length: Fraction) -> "Iterator[Packet[Any]]":
    """Exactly as many frames as the length has; the last one is held if the clips are too short."""
    look = look_of(clips[0], first_frame(clips[0]))
    stream = to.add_stream("libx264", rate=look.rate, options=_X264)
    stream.width, stream.height, stream.pix_fmt = look.width, look.height, PIXELS
    codec = stream.codec_context
    codec.color_range, codec.colorspace = _TV, look.matrix
    codec.color_primaries, codec.color_trc = look.primaries, look.transfer
    number = 0
    for clip, (start, end) in zip(clips, pairwise(_joints(clips, length)), strict=True):
        ticks = range(*(ceil(moment * look.rate - Fraction(1, 2)) for moment in (start, end)))
        for frame in watch(clip, look, ticks, at=start):
            frame.pts, frame.time_base = number, 1 / look.rate
            yield from stream.encode(frame)
            number += 1
    yield from stream.encode(None)


def encode_sound(clips: Sequence[Clip], to: OutputContainer, length: Fraction) -> "Iterator[Packet[Any]]":
    """Each clip's sound in step with its picture, cut or filled to the length of the picture."""
    stream = to.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="stereo")
    stream.bit_rate = _AUDIO_BITS_PER_S
    position = 0
    for clip, end in zip(clips, _joints(clips, length)[1:], strict=True):
        for frame in listen(clip, round(end * SAMPLE_RATE_HZ) - position):
            frame.pts, frame.time_base = position, Fraction(1, SAMPLE_RATE_HZ)
            position += frame.samples
            yield from stream.encode(frame)
    yield from stream.encode(None)


def _joints(clips: Sequence[Clip], length: Fraction) -> list[Fraction]:
    """Where each clip begins in the finished video, and where the last one ends."""
    joints = [Fraction(0)]
    for clip in clips:
        joints.append(min(length, joints[-1] + clip.length))
    return [*joints[:-1], length]
