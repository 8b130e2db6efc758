"""Picture and sound of a finished video: copied without a second encoding if possible, else decoded and encoded.

Decoding makes clips of any kind alike: sound at one sample rate, in step with its picture, and frames at a constant
rate in one look. Encoding joins clips in the look of the first. Copying is for files that every player already plays.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.video.stream import VideoStream

from infra.media.clip import Clip, Turn
from infra.media.container import is_faststart, is_tidy, not_playable, open_video, read_frames, read_packets
from infra.media.look import PIXELS, Look, look_of

Samples = npt.NDArray[np.float32]

SAMPLE_RATE_HZ = 48_000
_BLOCK_SAMPLES = 1024
_DRIFT_S = Fraction(1, 50)
"""Times of sound are rounded. A larger difference is a gap, or sound that starts late."""
X264 = {"preset": "fast", "crf": "17", "profile": "high"}
_AUDIO_BITS_PER_S = 192_000
_TV = 1
_SUPPORTED_PIXELS = frozenset({"yuv420p", "yuvj420p"})
_HALF = Fraction(1, 2)

# Decoding


def decode_audio(clip: Clip, samples: int) -> Iterator[av.AudioFrame]:
    """Decode stereo frames of this many samples in all, from where a player begins. Gaps are filled with silence."""
    at = 0
    for start, block in _decode_blocks(clip):
        for silence in _silence(min(start, samples) - at):
            at += silence.samples
            yield silence
        needed = block[:, max(0, at - start) : samples - start]
        if samples > start and needed.shape[1]:
            at += needed.shape[1]
            yield to_frame(needed)
        if at >= samples:
            return
    yield from _silence(samples - at)


def _silence(samples: int) -> Iterator[av.AudioFrame]:
    while samples > 0:
        length = min(samples, _BLOCK_SAMPLES)
        yield to_frame(np.zeros((2, length), np.float32))
        samples -= length


def _decode_blocks(clip: Clip) -> Iterator[tuple[int, Samples]]:
    """Yield each block and the number of its first sample, counted from where a player begins; negative before that."""
    if clip.sound is None:
        return
    with open_video(clip.path) as container:
        stream = container.streams[clip.sound.index]
        resampler, kind, at, expected = None, None, 0, Fraction(0)
        for frame in read_frames(container, stream):
            start = expected if frame.pts is None else frame.pts * frame.time_base - clip.origin
            if resampler is None or kind != _kind_of(frame) or abs(start - expected) > _DRIFT_S:
                for block in _resample(resampler, None):
                    yield at, block
                    at += block.shape[1]
                resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE_HZ)
                kind, at, expected = _kind_of(frame), round(start * SAMPLE_RATE_HZ), start
            expected += Fraction(frame.samples, frame.sample_rate)
            for block in _resample(resampler, frame):
                yield at, block
                at += block.shape[1]
        for block in _resample(resampler, None):
            yield at, block
            at += block.shape[1]


def _resample(resampler: av.AudioResampler | None, frame: av.AudioFrame | None) -> Iterator[Samples]:
    """Yield the blocks of the resampler; without a frame, flush it."""
    if frame is not None:
        frame.pts = None
    for resampled in resampler.resample(frame) if resampler else ():
        yield resampled.to_ndarray().astype(np.float32)


def _kind_of(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def to_frame(samples: Samples) -> av.AudioFrame:
    """Return a block of stereo sound as a frame without a time."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
    frame.sample_rate = SAMPLE_RATE_HZ
    return frame


def first_frame(clip: Clip) -> av.VideoFrame:
    """Decode the first frame."""
    frame, _ = next(decode_frames(clip))
    return frame


def decode_video(clip: Clip, look: Look, ticks: range, *, at: Fraction) -> Generator[av.VideoFrame, None, None]:
    """Yield one frame for each tick of a clip that begins at `at` seconds: what a player shows in the middle of a tick.

    A first frame that comes late is shown from the beginning, and the last one is held.
    """
    tick, held, shown = ticks.start, None, None
    for frame, start in decode_frames(clip):
        while held is not None and tick < ticks.stop and Fraction(2 * tick + 1, 2) / look.rate < at + start:
            shown = shown or look.dress(held, clip.picture)
            yield shown
            tick += 1
        held, shown = frame, None
        if tick >= ticks.stop:
            return
    if held is None:
        raise not_playable(clip.path, "no frame of it can be decoded")
    shown = look.dress(held, clip.picture)
    for _ in range(tick, ticks.stop):
        yield shown


def decode_frames(clip: Clip) -> Iterator[tuple[av.VideoFrame, Fraction]]:
    """Decode each frame and its time in seconds, counted from where a player begins. Interlacing is removed."""
    with open_video(clip.path) as container:
        stream = container.streams[clip.picture.index]
        assert isinstance(stream, VideoStream)
        frames: Iterator[av.VideoFrame] = read_frames(container, stream)
        start = clip.picture.start
        for frame in _deinterlace(frames, stream) if clip.picture.interlaced else frames:
            base = frame.time_base or stream.time_base
            start = frame.pts * base if frame.pts is not None and base else start + clip.picture.step
            yield frame, start - clip.origin


def _deinterlace(frames: Iterator[av.VideoFrame], stream: VideoStream) -> Iterator[av.VideoFrame]:
    graph = Graph()
    graph.link_nodes(graph.add_buffer(template=stream), graph.add("bwdif", "mode=send_frame"), graph.add("buffersink"))
    graph.configure()
    for frame in frames:
        graph.vpush(frame)
        yield from _pull_frames(graph)
    graph.vpush(None)
    yield from _pull_frames(graph)


def _pull_frames(graph: Any) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return


# Encoding


def encode_picture(clips: Sequence[Clip], to: OutputContainer, length: Fraction) -> "Iterator[Packet[Any]]":
    """Encode exactly as many frames as the length has. The last frame is held if the clips are too short."""
    look = look_of(clips[0], first_frame(clips[0]))
    yield from encode_frames(_decode_pictures(clips, look, length), look, to, X264)


def _decode_pictures(clips: Sequence[Clip], look: Look, length: Fraction) -> Iterator[av.VideoFrame]:
    for clip, (start, end) in zip(clips, pairwise(_joints(clips, length)), strict=True):
        ticks = range(*(ceil(moment * look.rate - Fraction(1, 2)) for moment in (start, end)))
        yield from decode_video(clip, look, ticks, at=start)


def encode_frames(
    frames: Iterable[av.VideoFrame], look: Look, to: OutputContainer, options: Mapping[str, str]
) -> "Iterator[Packet[Any]]":
    """Encode the frames, one after the other, at the rate of the look."""
    stream = to.add_stream("libx264", rate=look.rate, options=dict(options))
    stream.width, stream.height, stream.pix_fmt = look.width, look.height, PIXELS
    codec = stream.codec_context
    codec.color_range, codec.colorspace = _TV, look.matrix
    codec.color_primaries, codec.color_trc = look.primaries, look.transfer
    for number, frame in enumerate(frames):
        frame.pts, frame.time_base = number, 1 / look.rate
        yield from stream.encode(frame)
    yield from stream.encode(None)


def encode_sound(clips: Sequence[Clip], to: OutputContainer, length: Fraction) -> "Iterator[Packet[Any]]":
    """Encode each clip's sound in step with its picture, cut or filled to the length of the picture."""
    yield from encode_blocks(_decode_sounds(clips, length), to)


def _decode_sounds(clips: Sequence[Clip], length: Fraction) -> Iterator[av.AudioFrame]:
    position = 0
    for clip, end in zip(clips, _joints(clips, length)[1:], strict=True):
        for frame in decode_audio(clip, round(end * SAMPLE_RATE_HZ) - position):
            position += frame.samples
            yield frame


def encode_blocks(blocks: Iterable[av.AudioFrame], to: OutputContainer) -> "Iterator[Packet[Any]]":
    """Encode the blocks of sound, one after the other."""
    stream = to.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="stereo")
    stream.bit_rate = _AUDIO_BITS_PER_S
    position = 0
    for block in blocks:
        block.pts, block.time_base = position, Fraction(1, SAMPLE_RATE_HZ)
        position += block.samples
        yield from stream.encode(block)
    yield from stream.encode(None)


def _joints(clips: Sequence[Clip], length: Fraction) -> list[Fraction]:
    """Return when each clip begins in the finished video, and when the last one ends."""
    joints = [Fraction(0)]
    for clip in clips:
        joints.append(min(length, joints[-1] + clip.length))
    return [*joints[:-1], length]


# Copying


def is_right(clip: Clip, length: Fraction) -> bool:
    """Return True if the file can be delivered byte for byte."""
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
        and _ends_with_its_tracks(clip, length)
    )


def _ends_with_its_tracks(clip: Clip, length: Fraction) -> bool:
    """Return False if another track makes the container longer, since a player would go on."""
    with open_video(clip.path) as container:
        return abs(Fraction(container.duration or 0, 1_000_000) - length) <= clip.picture.step


def may_copy_picture(clip: Clip, length: Fraction) -> bool:
    """Return True for a picture that every player shows alike, and that can be cut at this length."""
    picture = clip.picture
    return (
        clip.complaint is None
        and "mp4" in clip.container
        and picture.codec == "h264"
        and picture.pixels in _SUPPORTED_PIXELS
        and picture.aspect == 1
        and picture.turn == Turn()
        and not (picture.interlaced or picture.has_hidden)
        and picture.start - clip.origin <= picture.step * _HALF
        and clip.length >= length - picture.step * _HALF
        and (picture.is_steady or picture.is_in_order)
        and _is_clean_cut(clip, length)
    )


def may_copy_sound(clip: Clip, length: Fraction) -> bool:
    """Return True for plain sound that lasts from the first to the last frame."""
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
    """Copy the frames of this length, from where a player begins."""
    picture = clip.picture
    track = source.streams[picture.index]
    output = to.add_stream_from_template(track)
    remaining = _frames_in(clip, length)
    for packet in _shift_packets(source, track, clip.origin):
        if not remaining:
            return
        remaining -= 1
        if not remaining and not picture.is_steady and packet.pts is not None and packet.time_base:
            packet.duration = max(1, round(length / packet.time_base) - packet.pts)
        packet.stream = output
        yield packet


def copy_sound(clip: Clip, source: InputContainer, to: OutputContainer, length: Fraction) -> "Iterator[Packet[Any]]":
    """Copy the sound of this length. A packet of which more than half comes after the end is left out."""
    assert clip.sound is not None
    track = source.streams[clip.sound.index]
    output = to.add_stream_from_template(track)
    for packet in _shift_packets(source, track, clip.origin):
        if packet.pts is not None and packet.time_base:
            if (packet.pts + Fraction(packet.duration or 0) / 2) * packet.time_base >= length:
                return
            packet.stream = output
            yield packet


def _frames_in(clip: Clip, length: Fraction) -> int:
    if clip.picture.is_steady:
        return min(clip.picture.frames, round(length / clip.picture.step))
    return sum(start < length - clip.picture.step / 4 for start in _starts(clip))


def _starts(clip: Clip) -> list[Fraction]:
    """Return when the frames are shown, in the order in which they are stored."""
    with open_video(clip.path) as source:
        packets = _shift_packets(source, source.streams[clip.picture.index], clip.origin)
        return [packet.pts * packet.time_base for packet in packets if packet.pts is not None and packet.time_base]


def _is_clean_cut(clip: Clip, length: Fraction) -> bool:
    """Return True if the frames to keep are also the first ones stored.

    Frames are stored in decoding order: a frame before the cut may need one that is shown after it.
    """
    frames = _frames_in(clip, length)
    if clip.picture.is_steady and (frames >= clip.picture.frames or clip.picture.is_in_order):
        return frames > 0
    starts = _starts(clip)
    if not clip.picture.is_steady and length - max(starts[:frames], default=Fraction(0)) > clip.picture.step:
        return False  # the last frame is shown for long, and some players do not wait for its end
    return sorted(starts[:frames]) == sorted(starts)[:frames]


def _shift_packets(source: InputContainer, track: Any, origin: Fraction) -> "Iterator[Packet[Any]]":
    """Read packets and shift their times, so that the timeline begins at zero."""
    for packet in read_packets(source, track):
        if packet.size and packet.time_base:
            by = round(origin / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - by
            packet.dts = None if packet.dts is None else packet.dts - by
            yield packet
