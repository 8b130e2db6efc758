"""Captions: which words are on screen from when to when, at a pace that people can read."""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.embedded.animatic.bidi import is_right_to_left
from infra.embedded.animatic.glyphs import reading_length
from infra.embedded.animatic.wrapping import Measure, chunk, shorten

READING_RATE_PER_S = 17.0
_SLOWEST_RATE_PER_S = 6.0
_SHORTEST_CUE_S = 1.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A text and where it comes from, such as "action" or "script"."""

    kind: str
    text: str
    right_to_left: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Cue:
    kind: str
    text: str
    start_s: float
    end_s: float
    right_to_left: bool = False
    """As the whole passage runs: a caption that begins with a foreign word runs no other way."""


def cue(
    passages: tuple[Passage, ...], start_s: float, end_s: float, measure: Measure, *, least: float = 0
) -> tuple[Cue, ...]:
    """Share the time out among the passages. What cannot be read in it is cut with an ellipsis, never flashed.

    `least` characters are shown however short the time is.
    """
    room_s = end_s - start_s
    budget = max(room_s * READING_RATE_PER_S, least)
    chunks = [
        Passage(kind=passage.kind, text=text, right_to_left=is_right_to_left(passage.text))
        for passage, limit in _budgets(passages, budget)
        for text in chunk(shorten(passage.text, limit, reading_length), measure)
    ]
    return tuple(_place(chunks, start_s, room_s))


def _budgets(passages: tuple[Passage, ...], budget: float) -> Iterator[tuple[Passage, float]]:
    """An equal share for each, shortest first, so that what one leaves goes to the others; then in film order."""
    by_length = sorted(passages, key=lambda passage: reading_length(passage.text))
    shares: dict[str, float] = {}
    for at, passage in enumerate(by_length):
        shares[passage.kind] = budget / (len(by_length) - at)
        budget -= min(shares[passage.kind], reading_length(passage.text))
    return ((passage, shares[passage.kind]) for passage in passages)


def _place(chunks: list[Passage], start_s: float, room_s: float) -> Iterator[Cue]:
    if not chunks:
        return
    weights = [max(reading_length(each.text), _SHORTEST_CUE_S * READING_RATE_PER_S) for each in chunks]
    # A short text in a long film is held for a while and then makes way for the picture.
    scale = min(room_s / sum(weights), 1 / _SLOWEST_RATE_PER_S)
    at_s = start_s
    for each, weight in zip(chunks, weights, strict=True):
        end_s = at_s + weight * scale
        yield Cue(kind=each.kind, text=each.text, start_s=at_s, end_s=end_s, right_to_left=each.right_to_left)
        at_s += weight * scale
