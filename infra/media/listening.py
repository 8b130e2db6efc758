"""A clip's sound at the rate that we write, exactly as long as it is wanted."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from infra.media.probe import opened

SAMPLE_RATE_HZ = 48_000
_BLOCK_SAMPLES = 1024

Samples = npt.NDArray[np.float32]


def listen(clip: Path, samples: int) -> Iterator[av.AudioFrame]:
    """Stereo frames of so many samples in all: cut where the clip has more, silence where it has less or none."""
    left = samples
    for block in _heard(clip):
        taken = block[:, :left]
        if taken.shape[1]:
            yield _frame(taken)
        left -= taken.shape[1]
        if not left:
            return
    while left:
        length = min(left, _BLOCK_SAMPLES)
        yield _frame(np.zeros((2, length), np.float32))
        left -= length


def _heard(clip: Path) -> Iterator[Samples]:
    with opened(clip) as container:
        if not container.streams.audio:
            return
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE_HZ)
        for frame in container.decode(container.streams.audio[0]):
            frame.pts = None
            for resampled in resampler.resample(frame):
                yield resampled.to_ndarray().astype(np.float32)
        for resampled in resampler.resample(None):
            yield resampled.to_ndarray().astype(np.float32)


def _frame(samples: Samples) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
    frame.sample_rate = SAMPLE_RATE_HZ
    return frame
