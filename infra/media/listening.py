"""A clip's sound at the rate that we write, in step with its picture and exactly as long as it is wanted."""

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt

from infra.media.clip import Clip
from infra.media.container import opened, read_frames

SAMPLE_RATE_HZ = 48_000
_BLOCK_SAMPLES = 1024
_DRIFT_S = Fraction(1, 50)
"""Times of sound are rounded; what is off by more was left out, or is late."""

Samples = npt.NDArray[np.float32]


def listen(clip: Clip, samples: int) -> Iterator[av.AudioFrame]:
    """Stereo frames of so many samples in all, from where a player begins: silence where the clip has no sound."""
    at = 0
    for start, block in _timed_blocks(clip):
        for silence in _silence(min(start, samples) - at):
            at += silence.samples
            yield silence
        heard = block[:, max(0, at - start) : samples - start]
        if samples > start and heard.shape[1]:
            at += heard.shape[1]
            yield _frame(heard)
        if at >= samples:
            return
    yield from _silence(samples - at)


def _silence(samples: int) -> Iterator[av.AudioFrame]:
    while samples > 0:
        length = min(samples, _BLOCK_SAMPLES)
        yield _frame(np.zeros((2, length), np.float32))
        samples -= length


def _timed_blocks(clip: Clip) -> Iterator[tuple[int, Samples]]:
    """Each block and the number of its first sample, counted from where a player begins; negative before that."""
    if clip.sound is None:
        return
    with opened(clip.path) as container:
        stream = container.streams[clip.sound.index]
        resampler, kind, at, expected = None, None, 0, Fraction(0)
        for frame in read_frames(container, stream):
            start = expected if frame.pts is None else frame.pts * frame.time_base - clip.origin
            if resampler is None or kind != _kind_of(frame) or abs(start - expected) > _DRIFT_S:
                for block in _resampled(resampler, None):
                    yield at, block
                    at += block.shape[1]
                resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE_HZ)
                kind, at, expected = _kind_of(frame), round(start * SAMPLE_RATE_HZ), start
            expected += Fraction(frame.samples, frame.sample_rate)
            for block in _resampled(resampler, frame):
                yield at, block
                at += block.shape[1]
        for block in _resampled(resampler, None):
            yield at, block
            at += block.shape[1]


def _resampled(resampler: av.AudioResampler | None, frame: av.AudioFrame | None) -> Iterator[Samples]:
    """The resampler's own blocks; without a frame, those that it still holds."""
    if frame is not None:
        frame.pts = None
    for resampled in resampler.resample(frame) if resampler else ():
        yield resampled.to_ndarray().astype(np.float32)


def _kind_of(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _frame(samples: Samples) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
    frame.sample_rate = SAMPLE_RATE_HZ
    return frame
