"""Joining by encoding: clips of any kind as one video, in the first one's size and frame rate."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, islice, repeat
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from infra.media.copying import FASTSTART
from infra.media.listening import SAMPLE_RATE_HZ, listen
from infra.media.probe import Probe, opened
from infra.media.watching import watch

_X264 = {"preset": "fast", "crf": "17", "profile": "high"}
_AUDIO_BITS_PER_S = 192_000
_MAX_RATE_TERM = 60_000


def encode(clips: Sequence[Path], probes: Sequence[Probe], duration_seconds: int, to: Path) -> None:
    """Clips without sound are silent where others are heard; if none has any, the video has no sound track."""
    rate = Fraction(probes[0].fps).limit_denominator(_MAX_RATE_TERM)
    with av.open(str(to), "w", format="mp4", options=FASTSTART) as container:
        video = _video(container, clips[0], rate)
        audio = _audio(container) if any(each.audio_codec for each in probes) else None
        pictures = _pictures(clips, rate, round(duration_seconds * rate))
        sounds = _sounds(clips, probes, duration_seconds)
        _interleave(container, video, audio, pictures, sounds)


def _interleave(
    container: OutputContainer,
    video: VideoStream,
    audio: AudioStream | None,
    pictures: Iterator[av.VideoFrame],
    sounds: Iterator[av.AudioFrame],
) -> None:
    """Sound follows the picture closely, so that little waits in memory and players need not jump."""
    heard_s = Fraction(0)
    for number, picture in enumerate(pictures):
        picture.pts, picture.time_base = number, 1 / Fraction(video.codec_context.rate)
        container.mux(video.encode(picture))
        while audio and heard_s <= picture.pts * picture.time_base and (sound := next(sounds, None)):
            heard_s += Fraction(sound.samples, SAMPLE_RATE_HZ)
            container.mux(audio.encode(sound))
    for stream, rest in ((video, ()), (audio, sounds)):
        if stream:
            container.mux(list(chain.from_iterable(stream.encode(frame) for frame in (*rest, None))))


def _pictures(clips: Sequence[Path], rate: Fraction, total: int) -> Iterator[av.VideoFrame]:
    """Exactly so many frames; the last one is held if rounding left one short."""
    with opened(clips[0]) as first:
        size = (first.streams.video[0].width, first.streams.video[0].height)
    left, last = total, None
    for last in islice(chain.from_iterable(watch(clip, rate, size) for clip in clips), total):
        left -= 1
        yield last
    if last is not None:
        yield from repeat(last, left)


def _sounds(clips: Sequence[Path], probes: Sequence[Probe], duration_seconds: int) -> Iterator[av.AudioFrame]:
    """Each clip's sound cut or filled to the length of its picture, and the whole to the length of the video."""
    left = duration_seconds * SAMPLE_RATE_HZ
    position = 0
    for clip, found in zip(clips, probes, strict=True):
        length = min(left, round(found.duration_seconds * SAMPLE_RATE_HZ))
        for frame in listen(clip, length):
            frame.pts, frame.time_base = position, Fraction(1, SAMPLE_RATE_HZ)
            position += frame.samples
            yield frame
        left -= length


def _video(container: OutputContainer, first: Path, rate: Fraction) -> VideoStream:
    stream = container.add_stream("libx264", rate=rate, options=_X264)
    with opened(first) as source:
        looks = source.streams.video[0].codec_context
        stream.width, stream.height, stream.pix_fmt = looks.width, looks.height, "yuv420p"
        codec = stream.codec_context
        codec.color_primaries, codec.color_trc = looks.color_primaries, looks.color_trc
        codec.colorspace, codec.color_range = looks.colorspace, looks.color_range
    return stream


def _audio(container: OutputContainer) -> AudioStream:
    stream = container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="stereo")
    stream.bit_rate = _AUDIO_BITS_PER_S
    return stream
