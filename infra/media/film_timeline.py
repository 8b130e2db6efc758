"""When the picture and the sound of a film show each scene: in frames or samples, counted from the film's beginning."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np

from infra.media.clip import Clip
from schemas.ports import Segment


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedScene:
    """One scene on the timeline of a track, whose ticks are frames or samples."""

    clip: Clip
    segment: Segment
    rate: Fraction
    alone_from: int
    """Before this tick the scene before it is shown too."""
    alone_until: int
    """From this tick on the next scene is shown too."""
    fade_out_ms: int
    """The end of the scene that fades to black."""

    @property
    def ticks(self) -> range:
        """All ticks at which the film shows the scene."""
        begins, ends = self.segment.start_ms, self.segment.start_ms + self.segment.length_ms
        return range(tick_of(begins, self.rate), tick_of(ends, self.rate))

    @property
    def fade_in_ms(self) -> int:
        """The beginning of the scene that comes from black."""
        return self.segment.fade_ms // 2 if self.segment.kind == "fade_black" else 0

    def share_at(self, ticks: Any) -> Any:
        """Return how far a crossfade into this scene is at these ticks, from 0 to 1."""
        return (ticks - self.ticks.start + 0.5) / max(1, self.alone_from - self.ticks.start)

    def light_at(self, ticks: Any) -> Any:
        """Return how much of the scene is there at these ticks: 0 is black and silent, 1 is all of it."""
        at_ms = (ticks + 0.5) * 1000 / float(self.rate) - self.segment.start_ms
        rising = at_ms / self.fade_in_ms if self.fade_in_ms else 1.0
        falling = (self.segment.length_ms - at_ms) / self.fade_out_ms if self.fade_out_ms else 1.0
        return np.clip(np.minimum(rising, falling), 0.0, 1.0)


def scenes_of(segments: Sequence[Segment], clips: Sequence[Clip], rate: Fraction) -> list[TimedScene]:
    """Return the segments on the timeline of a track that has `rate` ticks a second."""
    scenes = []
    for index, (segment, clip) in enumerate(zip(segments, clips, strict=True)):
        before = segments[index - 1] if index else None
        after = segments[index + 1] if index + 1 < len(segments) else None
        ends_ms = segment.start_ms + segment.length_ms
        overlap_ms = before.start_ms + before.length_ms if before else segment.start_ms
        scenes.append(
            TimedScene(
                clip=clip,
                segment=segment,
                rate=rate,
                alone_from=tick_of(max(segment.start_ms, overlap_ms), rate),
                alone_until=tick_of(min(ends_ms, after.start_ms) if after else ends_ms, rate),
                fade_out_ms=after.fade_ms // 2 if after and after.kind == "fade_black" else 0,
            )
        )
    return scenes


def tick_of(at_ms: int, rate: Fraction) -> int:
    """Return the first tick whose middle is not before that time."""
    return ceil(Fraction(at_ms, 1000) * rate - Fraction(1, 2))
