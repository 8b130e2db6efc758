"""Captions of a film: scripts in parts of two lines, each shown for as long as its share of the text.

Exact times would need speech recognition. A caption appears and disappears with a frame.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from infra.animatic.text import Measure, chunk, wrap
from infra.media.chapters import to_shown_ms
from schemas.domain.film_words import CAPTION_LEAST_MS, LINE_COLUMNS, columns_of
from schemas.ports import Segment

_MEASURE = Measure(width_px=LINE_COLUMNS, lines=2, width_of=columns_of)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cue:
    """One caption."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Its words on one line. Between ideographs no space is written."""
        return "".join(line if columns_of(line[-1:]) == 2 else f"{line} " for line in self.lines).strip()


def cues_of(segments: Sequence[Segment], rate: Fraction) -> Iterator[Cue]:
    """Yield the captions of the film in their order. Those of a scene end where the next scene begins."""
    for index, segment in enumerate(segments):
        ends_ms = segment.start_ms + segment.length_ms
        room_ms = min([ends_ms, *(after.start_ms for after in segments[index + 1 : index + 2])]) - segment.start_ms
        parts = split_script(segment.script, max(1, room_ms // CAPTION_LEAST_MS))
        moments = [segment.start_ms + at for at in _divide(room_ms, [columns_of(" ".join(part)) for part in parts])]
        for part, (start, end) in zip(parts, pairwise(moments), strict=True):
            yield Cue(start_ms=to_shown_ms(start, rate), end_ms=to_shown_ms(end, rate), lines=part)


def split_script(script: str, most: int) -> list[tuple[str, ...]]:
    """Return the lines of each caption, which ends with a sentence if possible: not if there were more than `most`."""
    by_sentence = [wrap(text, _MEASURE) for text in chunk(script, _MEASURE)]
    if len(by_sentence) <= most:
        return by_sentence
    lines = wrap(script, _MEASURE)
    return [lines[at : at + 2] for at in range(0, len(lines), 2)]


def _divide(room_ms: int, weights: Sequence[int]) -> list[int]:
    """Return when each part begins, and the end: shares by weight, but a second at least if there is room for it."""
    if not weights:
        return [0]
    least = min(Fraction(CAPTION_LEAST_MS), Fraction(room_ms, len(weights)))
    raised = set[int]()
    while True:
        free = room_ms - least * len(raised)
        total = sum(weight for index, weight in enumerate(weights) if index not in raised)
        short = {i for i, weight in enumerate(weights) if i not in raised and weight * free < least * total}
        if not short:
            break
        raised |= short
    moments = [Fraction(0)]
    for index, weight in enumerate(weights):
        moments.append(moments[-1] + (least if index in raised else free * weight / total))
    return [round(moment) for moment in moments]
