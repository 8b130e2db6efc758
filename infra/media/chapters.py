"""Chapters of a film, for the menus of players."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil

from av.container import OutputContainer

from infra.media.film_timeline import tick_of
from schemas.ports import Segment

_MILLISECONDS = Fraction(1, 1000)


def to_shown_ms(at_ms: int, rate: Fraction) -> int:
    """Return a time at which a player shows the first frame of a cut. An earlier one would show the frame before."""
    return ceil(tick_of(at_ms, rate) * 1000 / rate)


def set_chapters(container: OutputContainer, segments: Sequence[Segment], rate: Fraction) -> None:
    """Begin a chapter with each segment that has one. The first chapter begins with the film."""
    named = [segment for segment in segments if segment.chapter]
    ends = segments[-1].start_ms + segments[-1].length_ms
    starts = [0, *(to_shown_ms(segment.start_ms, rate) for segment in named[1:]), to_shown_ms(ends, rate)]
    container.set_chapters(
        [
            {"id": number, "start": start, "end": end, "time_base": _MILLISECONDS, "metadata": {"title": it.chapter}}
            for number, (it, (start, end)) in enumerate(zip(named, pairwise(starts), strict=True))
        ]
        if named
        else []
    )
