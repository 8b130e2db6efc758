"""Wrapping: text as lines of a measured width, and lines as captions that a viewer can take in at once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from infra.embedded.animatic.bidi import reopen
from infra.embedded.animatic.glyphs import atoms, clean, clusters

ELLIPSIS = "…"
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？", "؟", "।", '."', '!"', '?"', ".”", "!”", "?”")
_CLAUSE_ENDS = (",", ";", ":", "—", "–", "、", "，", "；", "：")
_EARLIEST_BREAK = 0.45
_TOLERANCE = 1.25
"""A last word is rather read in haste than cut off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """The room for text: how wide a line may be, how many lines, and how wide a text is."""

    width_px: float
    lines: int
    width_of: Callable[[str], float]

    def fits(self, text: str) -> bool:
        """Whether the text fits; it wraps no more lines than it must to know."""
        return len(list(islice(_lines(text, self.width_px, self.width_of), self.lines + 1))) <= self.lines


def wrap(text: str, measure: Measure) -> tuple[str, ...]:
    """The fewest lines, and those of even length, so that no word is left alone on the last one."""
    return tuple(_carry_directions(_even_lines(clean(text), measure)))


def _even_lines(text: str, measure: Measure) -> tuple[str, ...]:
    lines = tuple(_lines(text, measure.width_px, measure.width_of))
    if len(lines) < 2:
        return lines
    total = measure.width_of(text)
    for share in (1.02, 1.08, 1.16, 1.26):
        narrow = min(measure.width_px, total / len(lines) * share)
        even = tuple(_lines(text, narrow, measure.width_of))
        if len(even) == len(lines):
            return even
    return lines


def chunk(text: str, measure: Measure) -> Iterator[str]:
    """Captions: each as much as fits, ended at a sentence or a clause where there is one."""
    yield from _carry_directions(_chunks(list(_pieces(clean(text), measure)), measure))


def _chunks(rest: list[str], measure: Measure) -> Iterator[str]:
    while rest:
        taken = _take(rest, measure)
        yield "".join(rest[:taken]).strip()
        rest = rest[taken:]


def _carry_directions(parts: Iterable[str]) -> Iterator[str]:
    """What a part says of the direction of all that follows holds for the next part, too."""
    still_open = ""
    for part in parts:
        yield still_open + part
        still_open = reopen(still_open + part)


def shorten(text: str, limit: float, length_of: Callable[[str], float]) -> str:
    """The text, or as many of its words as the limit allows and an ellipsis, where it is far too long."""
    text = clean(text)
    if length_of(text) <= limit * _TOLERANCE:
        return text
    kept = _leading(text, limit - 1, length_of).rstrip()
    return _end_well(kept) + ELLIPSIS if kept else ""


def _leading(text: str, limit: float, length_of: Callable[[str], float]) -> str:
    kept, length = "", 0.0
    for atom in atoms(text):
        if length + length_of(atom.rstrip()) > limit:
            break
        kept += atom
        length += length_of(atom)
    return kept


def _end_well(kept: str) -> str:
    """Prefer to stop after a whole sentence when most of the text survives it."""
    ends = [at + 1 for at, char in enumerate(kept) if char in ".!?。！？" and at + 1 >= 0.6 * len(kept)]
    best = kept[: ends[-1]] if ends else kept
    return best.rstrip(" ,;:—–-.")


def _take(rest: list[str], measure: Measure) -> int:
    """How many of the pieces make the next caption."""
    most = _most(rest, measure)
    if most == len(rest):
        return most
    for ends in (_SENTENCE_ENDS, _CLAUSE_ENDS):
        breaks = [at for at in range(1, most + 1) if rest[at - 1].rstrip().endswith(ends)]
        if breaks and breaks[-1] >= most * _EARLIEST_BREAK:
            return breaks[-1]
    return most


def _most(rest: list[str], measure: Measure) -> int:
    fitting = 1
    while fitting < len(rest) and measure.fits("".join(rest[: fitting + 1])):
        fitting += 1
    return fitting


def _lines(text: str, width_px: float, width_of: Callable[[str], float]) -> Iterator[str]:
    line = ""
    for piece in _narrow(atoms(text), width_px, width_of):
        if line and width_of((line + piece).rstrip()) > width_px:
            yield line.rstrip()
            line = ""
        line += piece
    if line.strip():
        yield line.rstrip()


def _pieces(text: str, measure: Measure) -> Iterator[str]:
    return _narrow(atoms(text), measure.width_px, measure.width_of)


def _narrow(words: Iterator[str], width_px: float, width_of: Callable[[str], float]) -> Iterator[str]:
    """Words as they are, and what is wider than a line in parts that fit."""
    for word in words:
        if width_of(word.rstrip()) <= width_px:
            yield word
        else:
            yield from _parts(word, width_px, width_of)


def _parts(word: str, width_px: float, width_of: Callable[[str], float]) -> Iterator[str]:
    part = ""
    for cluster in clusters(word):
        if part and width_of(part + cluster) > width_px:
            yield part
            part = ""
        part += cluster
    yield part
