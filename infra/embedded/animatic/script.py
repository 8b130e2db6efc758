"""The film's words: which text stands where and when, for a scene with a title and for a bare prompt."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from infra.embedded.animatic.captions import Cue, Passage, cue
from infra.embedded.animatic.glyphs import clean, reading_length
from infra.embedded.animatic.layout import Layout
from infra.embedded.animatic.lettering import Block, paint, shrink
from infra.embedded.animatic.overlay import Overlay, ink
from infra.embedded.animatic.palette import Colour
from infra.embedded.animatic.storyboard import Storyboard
from infra.embedded.animatic.typeface import BOLD
from infra.embedded.animatic.wrapping import wrap

_HEADLINE_SIZES = (92.0, 80.0, 70.0, 60.0, 52.0, 44.0)
_LOWER_THIRD_SIZES = (48.0, 42.0, 36.0)
_LONGEST_TITLE = 160
_TITLE_S = (3.0, 4.5)
_FADE_S = 0.3
_LEAST_STATEMENT = 60
"""Characters: the only thing on a still page may be more than can be read in a second; one can stop the film."""


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
    def labelled(self) -> bool:
        """A bare prompt needs no label; a scene has two voices, which must be told apart."""
        return bool(self.title or len(self.passages) > 1)


def letter(board: Storyboard, layout: Layout, accent: Colour) -> list[Overlay]:
    """All words of the film as overlays, lowest first."""
    words = _Words(
        title=clean(board.title)[:_LONGEST_TITLE], action=clean(board.description), script=clean(board.script)
    )
    length_s = float(board.duration_seconds)
    if board.image is not None:
        return _over_picture(words, layout, accent, length_s)
    if words.title:
        return [_headline(words.title, layout, accent, length_s), *_captions(words, layout, accent, length_s)]
    return _bare(words, layout, accent, length_s)


def _over_picture(words: _Words, layout: Layout, accent: Colour, length_s: float) -> list[Overlay]:
    captions = _captions(words, layout, accent, length_s)
    if not words.title:
        return captions
    title = shrink(words.title, layout, _LOWER_THIRD_SIZES, (2, 0.9, BOLD))
    title = replace(title, bar=True, accent=accent)
    below = _caption_zone_px(layout) if captions else 0
    top_px = layout.height - layout.bottom_px - below - title.height_px
    end_s = _title_end(words.title, length_s)
    overlay = Overlay(start_s=0.15, end_s=end_s, fade_in_s=_FADE_S, inks=paint(title, layout, top_px))
    return [_scrim(layout, (0.0, end_s), layout.height - top_px, length_s), *captions, overlay]


def _title_end(title: str, length_s: float) -> float:
    wanted = min(max(_TITLE_S[0], 1.0 + reading_length(title) / 12), _TITLE_S[1])
    return min(length_s * 0.6, wanted) if length_s >= 4 else length_s


def _headline(title: str, layout: Layout, accent: Colour, length_s: float) -> Overlay:
    """With no picture to look at, the title is the picture, and stays."""
    block = shrink(title, layout, _HEADLINE_SIZES, (6 if layout.tall else 3, 1.0 if layout.tall else 0.72, BOLD))
    block = replace(block, bar=True, accent=accent)
    centre = layout.height * (0.33 if layout.tall else 0.42)
    inks = paint(block, layout, round(centre - block.height_px / 2))
    return Overlay(start_s=0.0, end_s=length_s, fade_in_s=0, fade_out_s=0, inks=inks)


def _bare(words: _Words, layout: Layout, accent: Colour, length_s: float) -> list[Overlay]:
    """A prompt alone is set large, in pages; where there is a script too, it runs below."""
    if not words.passages:
        return []
    main, *others = words.passages
    pages = cue((main,), 0.0, length_s, layout.statement_room(), least=_LEAST_STATEMENT)
    below = _captions(_Words(title="", action="", script=others[0].text), layout, accent, length_s) if others else []
    return [*_pages(pages, layout, accent, length_s), *below]


def _pages(pages: tuple[Cue, ...], layout: Layout, accent: Colour, length_s: float) -> Iterator[Overlay]:
    for number, page in enumerate(pages):
        last = number == len(pages) - 1
        block = Block(lines=wrap(page.text, layout.statement_room()), type=layout.statement, bar=True, accent=accent)
        centre = layout.height * (0.36 if layout.tall else 0.46)
        yield Overlay(
            start_s=page.start_s,
            end_s=length_s if last else page.end_s,
            fade_in_s=_FADE_S if number else 0,
            fade_out_s=0 if last else _FADE_S,
            inks=paint(block, layout, round(centre - block.height_px / 2)),
        )


def _captions(words: _Words, layout: Layout, accent: Colour, length_s: float) -> list[Overlay]:
    room = layout.caption_room()
    cues = cue(words.passages, min(0.4, length_s / 8), length_s, room)
    if not cues:
        return []
    height_px = layout.bottom_px + _caption_zone_px(layout)
    scrim = _scrim(layout, (cues[0].start_s, cues[-1].end_s), height_px, length_s)
    return [scrim, *(_caption(each, layout, accent, length_s, labelled=words.labelled) for each in cues)]


def _caption(each: Cue, layout: Layout, accent: Colour, length_s: float, *, labelled: bool) -> Overlay:
    lines = wrap(each.text, layout.caption_room())
    kicker = each.kind.upper() if labelled else ""
    block = Block(lines=lines, type=layout.caption, kicker=kicker, accent=accent)
    inks = paint(block, layout, layout.height - layout.bottom_px - block.height_px)
    leaving_s = _leaving_s(each.end_s, length_s)
    return Overlay(start_s=each.start_s, end_s=each.end_s, fade_out_s=leaving_s, inks=inks)


def _caption_zone_px(layout: Layout) -> int:
    """What the tallest caption takes, with its label and some air."""
    return layout.caption.leading_px * layout.caption_room().lines + layout.px(44)


def _scrim(layout: Layout, seen: tuple[float, float], height_px: int, length_s: float) -> Overlay:
    """Darkness that rises from the bottom edge and ends above the text, too softly to have an edge."""
    reach = min(layout.height, round(height_px * 1.65))
    column = np.zeros(layout.height, np.float32)
    column[layout.height - reach :] = np.sin(np.linspace(0, np.pi / 2, reach, dtype=np.float32)) ** 2 * 195
    alpha = Image.fromarray(np.repeat(column.astype(np.uint8)[:, None], layout.width, axis=1))
    drawing = Image.new("RGBA", layout.size, (6, 8, 12, 0))
    drawing.putalpha(alpha)
    leaving_s = _leaving_s(seen[1], length_s)
    return Overlay(start_s=seen[0], end_s=seen[1], fade_in_s=0.4, fade_out_s=leaving_s, inks=ink(drawing))


def _leaving_s(end_s: float, length_s: float) -> float:
    """What lasts to the end is still there on the last frame."""
    return 0 if end_s > length_s - 0.05 else _FADE_S
