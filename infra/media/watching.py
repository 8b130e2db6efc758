"""A clip's picture at a steady rate and size, whatever the clip's own."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av

from infra.media.probe import opened


def watch(clip: Path, rate: Fraction, size: tuple[int, int]) -> Iterator[av.VideoFrame]:
    """One frame for each tick of the rate, for as long as the clip lasts: held where it is slower, dropped where
    it is faster."""
    tick = 0
    for frame, until_s in _timed(clip):
        shown = frame.reformat(size[0], size[1], "yuv420p")
        while Fraction(2 * tick + 1, 2) / rate < until_s:
            yield shown
            tick += 1


def _timed(clip: Path) -> Iterator[tuple[av.VideoFrame, Fraction]]:
    """Each frame and the second at which it gives way to the next, counted from the clip's first."""
    with opened(clip) as container:
        stream = container.streams.video[0]
        step = 1 / (stream.average_rate or Fraction(24))
        base = stream.time_base or Fraction(1, 1000)
        held, start = None, None
        for frame in container.decode(stream):
            pts = frame.pts or 0
            start = pts if start is None else start
            if held is not None:
                yield held, (pts - start) * base
            held, last = frame, (pts - start) * base
        if held is not None:
            yield held, last + step
