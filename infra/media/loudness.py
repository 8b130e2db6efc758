"""Loudness and peaks of sound by EBU R128, measured and limited as it streams by.

The limiter works at four times the sample rate, as https://www.itu.int/rec/R-REC-BS.1770 measures a true peak: between
two samples the wave can be higher than both.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from infra.media.container import open_video
from infra.media.filters import filter_sound
from infra.media.transcode import SAMPLE_RATE_HZ, Samples, to_frame

_SILENT_LUFS = -70.0
"""The absolute gate of R128. The filter reports it for sound in which nothing is louder."""
_SILENT_DBTP = -120.0
_CEILING_AT_LEAST_DB = -20.0
"""The filter alimiter takes -24 dB and more."""
_OVERSAMPLED_HZ = 4 * SAMPLE_RATE_HZ
_ATTACK_MS, _RELEASE_MS = 5, 50


@dataclass(frozen=True, slots=True)
class Loudness:
    """What a meter has measured."""

    lufs: float | None
    """The integrated loudness; None for silence."""
    peak_dbtp: float
    """The highest true peak of both channels."""


def measure_loudness(frames: Iterable[av.AudioFrame]) -> Loudness:
    """Return the loudness of all frames together. Each frame has its time."""
    metadata: dict[str, str] = {}
    for frame in filter_sound(frames, [("ebur128", "metadata=1:peak=true:framelog=quiet")]):
        metadata = dict(frame.metadata) or metadata  # the last frame may be too short to have any
    lufs = float(metadata.get("lavfi.r128.I", _SILENT_LUFS))
    peak = float(metadata.get("lavfi.r128.true_peak", 0))  # as a factor
    return Loudness(
        lufs=lufs if math.isfinite(lufs) and lufs > _SILENT_LUFS else None,
        peak_dbtp=20 * math.log10(peak) if peak > 0 else _SILENT_DBTP,
    )


def measure_file(path: Path) -> Loudness:
    """Return the loudness of a file's first sound track, as it is decoded."""
    with open_video(path) as container:
        return measure_loudness(container.decode(audio=0))


def limit_peaks(frames: Iterable[av.AudioFrame], ceiling_db: float) -> Iterator[av.AudioFrame]:
    """Yield the same length of sound without peaks above the ceiling. Lossy coding can raise them a little."""
    ceiling = 10 ** (max(ceiling_db, _CEILING_AT_LEAST_DB) / 20)
    limiter = f"limit={ceiling}:level=false:attack={_ATTACK_MS}:release={_RELEASE_MS}:latency=true"
    yield from filter_sound(
        frames,
        [
            ("aresample", str(_OVERSAMPLED_HZ)),
            ("aformat", "sample_fmts=dblp"),
            ("alimiter", limiter),
            ("aresample", str(SAMPLE_RATE_HZ)),
            ("aformat", "sample_fmts=fltp:channel_layouts=stereo"),
        ],
    )


def to_frames(blocks: Iterable[Samples]) -> Iterator[av.AudioFrame]:
    """Yield the blocks as frames that follow each other from zero."""
    position = 0
    for block in blocks:
        frame = to_frame(block)
        frame.pts, frame.time_base = position, Fraction(1, SAMPLE_RATE_HZ)
        position += frame.samples
        yield frame
