"""Lettering: blocks of set text, drawn with a soft shadow so that they can be read on any picture."""

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

from infra.embedded.animatic.bidi import is_right_to_left
from infra.embedded.animatic.glyphs import atoms
from infra.embedded.animatic.layout import Layout
from infra.embedded.animatic.overlay import Ink, ink
from infra.embedded.animatic.palette import Colour
from infra.embedded.animatic.typeface import Type
from infra.embedded.animatic.wrapping import ELLIPSIS, Measure, wrap

_CLEAR = (0, 0, 0, 0)
_SHADOW_STRENGTH = 1.5
_WHITE: Colour = (250, 250, 248)


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Lines of text, with a small word in the accent colour above them or a bar beside them."""

    lines: tuple[str, ...]
    type: Type
    kicker: str = ""
    accent: Colour = _WHITE
    bar: bool = False
    cut: bool = False
    """Not all of the text is here."""
    right_to_left: bool = False
    """It stands at the right edge, and each line begins there."""

    @property
    def height_px(self) -> int:
        return self.type.leading_px * len(self.lines)


def paint(block: Block, layout: Layout, top_px: int) -> tuple[Ink, Ink, Ink]:
    """The block, its first line's top at `top_px`."""
    drawing = Image.new("RGBA", layout.size, _CLEAR)
    draw = ImageDraw.Draw(drawing)
    _write(draw, block, layout, top_px)
    if block.kicker:
        left = layout.side_px
        if block.right_to_left:
            left = layout.width - layout.side_px - round(spaced_width(block.kicker, layout.kicker))
        spaced(draw, (left, top_px - layout.px(9)), block.kicker, layout.kicker, (*block.accent, 255))
    if block.bar:
        _bar(draw, block, layout, top_px)
    return ink(shade(drawing, layout))


def _write(draw: ImageDraw.ImageDraw, block: Block, layout: Layout, top_px: int) -> None:
    side = layout.side_px + (layout.px(20) if block.bar else 0)
    for number, line in enumerate(block.lines):
        baseline = top_px + block.type.leading_px * number + round(block.type.size_px * 1.02)
        left = layout.width - side - block.type.width(line) if block.right_to_left else side
        block.type.write(draw, (left, baseline), line, (*_WHITE, 255), right_to_left=block.right_to_left)


def _bar(draw: ImageDraw.ImageDraw, block: Block, layout: Layout, top_px: int) -> None:
    width, slack = max(1, layout.px(5)), round(block.type.size_px * 0.18)
    left = layout.width - layout.side_px - width if block.right_to_left else layout.side_px
    box = (left, top_px + slack, left + width - 1, top_px + block.height_px - slack)
    draw.rectangle(box, fill=(*block.accent, 255))


def spaced(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], word: str, type_: Type, fill: tuple[int, int, int, int]
) -> float:
    """Set a short word in spaced letters, if it is of a script whose letters may stand apart; returns where it ends."""
    x, y = at
    if not _may_be_spaced(word):
        type_.write(draw, at, word, fill)
        return x + type_.width(word)
    for letter in word:
        type_.write(draw, (x, y), letter, fill)
        x += type_.width(letter) + type_.size_px * 0.16
    return x - type_.size_px * 0.16


def spaced_width(word: str, type_: Type) -> float:
    if not _may_be_spaced(word):
        return type_.width(word)
    return sum(type_.width(letter) for letter in word) + type_.size_px * 0.16 * (len(word) - 1)


def _may_be_spaced(word: str) -> bool:
    """Latin, Greek and Cyrillic letters, and signs; Arabic and Indic letters hold on to each other."""
    return all(ord(char) < 0x0530 or 0x2000 < ord(char) < 0x2070 for char in word)


def shrink(text: str, layout: Layout, sizes: tuple[float, ...], room: tuple[int, float, int]) -> Block:
    """The text in the largest of the sizes that holds it; too long for the smallest, it ends in an ellipsis."""
    lines, share, weight = room
    for units in sizes:
        type_ = layout.type(units, weight)
        measure = layout.room(type_, lines, share)
        if measure.fits(text) and not _splits_a_word(text, measure):
            return Block(lines=wrap(text, measure), type=type_, right_to_left=is_right_to_left(text))
    set_lines = wrap(text, measure)
    kept = set_lines[:lines]
    if len(set_lines) > lines:
        kept = (*kept[:-1], _cut(kept[-1], measure))
    return Block(lines=kept, type=type_, cut=len(set_lines) > lines, right_to_left=is_right_to_left(text))


def _splits_a_word(text: str, measure: Measure) -> bool:
    return any(measure.width_of(word.rstrip()) > measure.width_px for word in atoms(text))


def _cut(line: str, measure: Measure) -> str:
    while line and measure.width_of(line + ELLIPSIS) > measure.width_px:
        line = line[:-1].rstrip()
    return line + ELLIPSIS


def shade(drawing: Image.Image, layout: Layout) -> Image.Image:
    """The drawing over a soft shadow of itself."""
    reach = max(1, layout.px(5))
    box = drawing.getchannel("A").getbbox() or (0, 0, 1, 1)
    box = (max(0, box[0] - 4 * reach), max(0, box[1] - 4 * reach), box[2] + 4 * reach, box[3] + 4 * reach)
    part = drawing.crop((box[0], box[1], min(box[2], drawing.width), min(box[3], drawing.height)))
    shade = part.getchannel("A").filter(ImageFilter.GaussianBlur(reach))
    shadow = Image.new("RGBA", part.size, _CLEAR)
    shadow.putalpha(shade.point(lambda value: min(190, int(value * _SHADOW_STRENGTH))))
    drawing.paste(Image.alpha_composite(shadow, part), (box[0], box[1]))
    return drawing
