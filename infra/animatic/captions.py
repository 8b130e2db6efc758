"""The words of a film: which text is where and when, for a scene with a title and for a bare prompt.

Captions are shown at a pace that people can read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from infra.animatic.bidi import is_right_to_left
from infra.animatic.compositing import Overlay, ink
from infra.animatic.layout import Block, Layout, paint, shrink
from infra.animatic.palette import Colour
from infra.animatic.shot_notes import Note, Page, set_pages
from infra.animatic.storyboard import Storyboard
from infra.animatic.text import Measure, chunk, clean, count_reading_units, shorten, wrap
from infra.animatic.typeface import BOLD, SEMIBOLD

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
    """The direction of the whole passage, also if the caption begins with a foreign word."""


def cue(
    passages: tuple[Passage, ...], start_s: float, end_s: float, measure: Measure, *, least: float = 0
) -> tuple[Cue, ...]:
    """Divide the time among the passages. Text that can't be read in its time is cut with an ellipsis.

    `least` characters are shown however short the time is.
    """
    room_s = end_s - start_s
    budget = max(room_s * READING_RATE_PER_S, least)
    # An equal share for each, shortest first: what a passage does not use goes to the longer ones.
    limits: dict[str, float] = {}
    for at, passage in enumerate(sorted(passages, key=lambda passage: count_reading_units(passage.text))):
        limits[passage.kind] = budget / (len(passages) - at)
        budget -= min(limits[passage.kind], count_reading_units(passage.text))
    chunks = [
        Passage(kind=passage.kind, text=text, right_to_left=is_right_to_left(passage.text))
        for passage in passages
        for text in chunk(shorten(passage.text, limits[passage.kind], count_reading_units), measure)
    ]
    return tuple(_place(chunks, start_s, room_s))


def _place(chunks: list[Passage], start_s: float, room_s: float) -> Iterator[Cue]:
    if not chunks:
        return
    weights = [max(count_reading_units(each.text), _SHORTEST_CUE_S * READING_RATE_PER_S) for each in chunks]
    # A short text in a long film is held for a while and then makes way for the picture.
    scale = min(room_s / sum(weights), 1 / _SLOWEST_RATE_PER_S)
    at_s = start_s
    for each, weight in zip(chunks, weights, strict=True):
        end_s = at_s + weight * scale
        yield Cue(kind=each.kind, text=each.text, start_s=at_s, end_s=end_s, right_to_left=each.right_to_left)
        at_s += weight * scale


_HEADLINE_SIZES = (92.0, 80.0, 70.0, 60.0, 52.0, 44.0)
_HEAD_SIZES = (60.0, 52.0, 46.0, 40.0)
"""Of a title that has notes below it."""
_STATEMENT_SIZES = (52.0, 46.0, 40.0)
"""Of a text without a title; one that is longer becomes a note."""
_LOWER_THIRD_SIZES = (48.0, 42.0, 36.0)
_TITLE_S = (3.0, 4.5)
_FADE_S = 0.3
_PAGE_S = 1.5
"""The shortest time for a page of notes: a viewer who wants to read all of it stops the film."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Words:
    """The storyboard's texts, made printable."""

    title: str
    action: str
    script: str

    @property
    def passages(self) -> tuple[Passage, ...]:
        both = (Passage(kind="action", text=self.action), Passage(kind="script", text=self.script))
        return tuple(passage for passage in both if passage.text)

    @property
    def has_labels(self) -> bool:
        """Return True for a scene, whose two voices need labels. A bare prompt needs none."""
        return bool(self.title or len(self.passages) > 1)


def set_captions(board: Storyboard, layout: Layout, accent: Colour) -> list[Overlay]:
    """Return all words of the film as overlays, the lowest first."""
    length_s = float(board.duration_seconds)
    if board.image is None:
        return _set_card(board, layout, accent, length_s)
    words = _Words(title=clean(board.title), action=clean(board.description), script=clean(board.script))
    captions: list[Overlay] = []
    room = layout.caption_room()
    cues = cue(words.passages, min(0.4, length_s / 8), length_s, room)
    if cues:
        height_px = layout.bottom_px + _caption_zone_px(layout)
        captions.append(_scrim(layout, (cues[0].start_s, cues[-1].end_s), height_px, length_s))
    for each in cues:
        kicker = each.kind.upper() if words.has_labels else ""
        block = Block(lines=wrap(each.text, room), type=layout.caption, kicker=kicker, accent=accent)
        block = replace(block, right_to_left=each.right_to_left)
        inks = paint(block, layout, layout.height - layout.bottom_px - block.height_px)
        fade_out_s = _fade_out_s(each.end_s, length_s)
        captions.append(Overlay(start_s=each.start_s, end_s=each.end_s, fade_out_s=fade_out_s, inks=inks))
    if not words.title:
        return captions
    title = replace(shrink(words.title, layout, _LOWER_THIRD_SIZES, (2, 0.9, BOLD)), bar=True, accent=accent)
    below = _caption_zone_px(layout) if captions else 0
    top_px = layout.height - layout.bottom_px - below - title.height_px
    wanted_s = min(max(_TITLE_S[0], 1.0 + count_reading_units(words.title) / 12), _TITLE_S[1])
    end_s = min(length_s * 0.6, wanted_s) if length_s >= 4 else length_s
    overlay = Overlay(start_s=0.15, end_s=end_s, fade_in_s=_FADE_S, inks=paint(title, layout, top_px))
    return [_scrim(layout, (0.0, end_s), layout.height - top_px, length_s), *captions, overlay]


def reads_from_right(board: Storyboard) -> bool:
    """Return True if the words of a card stand at its right."""
    texts = (board.title, board.description, board.script, board.visual)
    return is_right_to_left(next((clean(text) for text in texts if clean(text)), ""))


def has_notes(board: Storyboard) -> bool:
    """Return True if a card has more on it than a headline."""
    _head, notes = _divide(board, Layout(width=board.width, height=board.height))
    return bool(notes)


def _set_card(board: Storyboard, layout: Layout, accent: Colour, length_s: float) -> list[Overlay]:
    """Set a headline and the notes of the shot. Without a picture they are shown for the whole film."""
    head, notes = _divide(board, layout)
    top_px = layout.top_px + layout.px(28 + 26)
    shot = f"SHOT {board.shot}" if board.shot is not None else ""
    kicker = " · ".join(filter(None, (clean(board.project), shot)))
    kicker_px = layout.px(30) if kicker else 0
    if kicker and not head:
        kicker_px += layout.px(14)
    head_px = head.height_px + layout.px(22 if notes else 0) if head else 0
    room_px = layout.height - layout.bottom_px - top_px - kicker_px - head_px
    pages = set_pages(notes, layout, room_px, max(1, int(length_s / _PAGE_S))) if notes else []
    used_px = max((page.height_px for page in pages), default=0)
    top_px += kicker_px + round((room_px - used_px) * (0.4 if notes else 0.36 if layout.tall else 0.42))
    overlays = []
    right_to_left = reads_from_right(board)
    if head or kicker:
        block = replace(head or Block(lines=(), type=layout.statement), kicker=kicker, accent=accent, bar=bool(head))
        inks = paint(replace(block, right_to_left=right_to_left), layout, top_px if head else top_px - layout.px(14))
        overlays.append(Overlay(start_s=0.0, end_s=length_s, fade_in_s=0, fade_out_s=0, inks=inks))
    return [*overlays, *_turn(pages, layout, accent, (top_px + head_px, length_s, right_to_left))]


def _turn(pages: list[Page], layout: Layout, accent: Colour, place: tuple[int, float, bool]) -> Iterator[Overlay]:
    """Show one page after the other, each as long as its share of the lines."""
    top_px, length_s, right_to_left = place
    lines, at_s = sum(len(page.rows) for page in pages), 0.0
    for number, page in enumerate(pages):
        last = number == len(pages) - 1
        end_s = length_s if last else at_s + length_s * len(page.rows) / lines
        yield Overlay(
            start_s=at_s,
            end_s=end_s,
            fade_in_s=_FADE_S if number else 0,
            fade_out_s=0 if last else _FADE_S,
            inks=page.paint(top_px, accent, right_to_left=right_to_left),
        )
        at_s = end_s


def _divide(board: Storyboard, layout: Layout) -> tuple[Block | None, tuple[Note, ...]]:
    """Return the headline and the notes below it. A text that has no room in the headline is a note, uncut."""
    texts = (
        ("ACTION", board.description),
        ("VISUAL", board.visual),
        ("SCRIPT", board.script),
        ("CAMERA", board.camera),
        ("MUSIC", board.music),
        ("STYLE", board.style),
    )
    cleaned = [(label, tuple(filter(None, map(clean, text.splitlines())))) for label, text in texts]
    notes = tuple(Note(label=label, paragraphs=paragraphs) for label, paragraphs in cleaned if paragraphs)
    title = clean(board.title)
    if not title and len(notes) >= 1 and notes[0].label in ("ACTION", "SCRIPT") and len(notes[0].paragraphs) == 1:
        share = 1.0 if layout.tall else 0.74
        block = shrink(notes[0].paragraphs[0], layout, _STATEMENT_SIZES, (7 if layout.tall else 4, share, SEMIBOLD))
        return (None, notes) if block.cut else (block, notes[1:])
    if not title:
        return None, notes
    sizes, lines = (_HEAD_SIZES, 2) if notes else (_HEADLINE_SIZES, 3)
    room = (lines * 2 if layout.tall else lines, 1.0 if layout.tall else 0.8, BOLD)
    block = shrink(title, layout, sizes, room)
    whole = Note(label="TITLE", paragraphs=(title,))
    return block, (whole, *notes) if block.cut else notes


def _caption_zone_px(layout: Layout) -> int:
    """Return the height of the tallest caption, with its label and a margin."""
    return layout.caption.line_height_px * layout.caption_room().lines + layout.px(44)


def _scrim(layout: Layout, seen: tuple[float, float], height_px: int, length_s: float) -> Overlay:
    """Darken the frame from the bottom edge to above the text, without a visible edge."""
    reach = min(layout.height, round(height_px * 1.65))
    column = np.zeros(layout.height, np.float32)
    column[layout.height - reach :] = np.sin(np.linspace(0, np.pi / 2, reach, dtype=np.float32)) ** 2 * 195
    alpha = Image.fromarray(np.repeat(column.astype(np.uint8)[:, None], layout.width, axis=1))
    drawing = Image.new("RGBA", layout.size, (6, 8, 12, 0))
    drawing.putalpha(alpha)
    fade_out_s = _fade_out_s(seen[1], length_s)
    return Overlay(start_s=seen[0], end_s=seen[1], fade_in_s=0.4, fade_out_s=fade_out_s, inks=ink(drawing))


def _fade_out_s(end_s: float, length_s: float) -> float:
    """Return no fade for an overlay that lasts to the end: the last frame shows it."""
    return 0 if end_s > length_s - 0.05 else _FADE_S
