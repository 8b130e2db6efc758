"""The layout of a frame, blocks of text in it, and the slate with the timecode.

Every distance follows from the frame's short side. Text has a soft shadow, so that it can be read on any picture.
"""

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

from infra.animatic.bidi import is_right_to_left
from infra.animatic.compositing import Overlay, OverlayPlane, ink
from infra.animatic.palette import Colour
from infra.animatic.text import ELLIPSIS, Measure, atoms, wrap
from infra.animatic.typeface import BOLD, REGULAR, SEMIBOLD, Type

_REFERENCE_PX = 720
_SMALLEST_TYPE_PX = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The measures of a frame. Tall frames keep more room below, where players and phones show their controls."""

    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def tall(self) -> bool:
        return self.height > self.width

    def px(self, units: float) -> int:
        """Return the pixels of a length that is given in 720ths of the short side."""
        return round(units * min(self.width, self.height) / _REFERENCE_PX)

    @property
    def side_px(self) -> int:
        return self.px(54 if self.tall else 64)

    @property
    def top_px(self) -> int:
        return self.px(64 if self.tall else 40)

    @property
    def bottom_px(self) -> int:
        return self.px(132 if self.tall else 48)

    def type(self, units: float, weight: int = REGULAR) -> Type:
        return Type(size_px=max(_SMALLEST_TYPE_PX, self.px(units)), weight=weight)

    @property
    def caption(self) -> Type:
        return self.type(36 if self.tall else 33, SEMIBOLD)

    @property
    def kicker(self) -> Type:
        return self.type(16, BOLD)

    @property
    def statement(self) -> Type:
        return self.type(56 if self.tall else 52, SEMIBOLD)

    def caption_room(self) -> Measure:
        return self.room(self.caption, 3 if self.tall else 2, 1.0 if self.tall else 0.8)

    def room(self, type_: Type, lines: int, share: float) -> Measure:
        """Return the room for some lines of a type, over a share of the width between the margins."""
        return Measure(width_px=(self.width - 2 * self.side_px) * share, lines=lines, width_of=type_.width)


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
    """True if the text is longer than these lines."""
    right_to_left: bool = False
    """True if the block stands at the right edge, where each line begins."""

    @property
    def height_px(self) -> int:
        return self.type.line_height_px * len(self.lines)


def paint(block: Block, layout: Layout, top_px: int) -> tuple[OverlayPlane, OverlayPlane, OverlayPlane]:
    """Draw the block. The top of its first line is at `top_px`."""
    drawing = Image.new("RGBA", layout.size, _CLEAR)
    draw = ImageDraw.Draw(drawing)
    _write(draw, block, layout, top_px)
    if block.kicker:
        left = layout.side_px
        if block.right_to_left:
            left = layout.width - layout.side_px - round(width_with_tracking(block.kicker, layout.kicker))
        add_tracking(draw, (left, top_px - layout.px(9)), block.kicker, layout.kicker, (*block.accent, 255))
    if block.bar:
        _bar(draw, block, layout, top_px)
    return ink(shade(drawing, layout))


def _write(draw: ImageDraw.ImageDraw, block: Block, layout: Layout, top_px: int) -> None:
    side = layout.side_px + (layout.px(20) if block.bar else 0)
    for number, line in enumerate(block.lines):
        baseline = top_px + block.type.line_height_px * number + round(block.type.size_px * 1.02)
        left = layout.width - side - block.type.width(line) if block.right_to_left else side
        block.type.write(draw, (left, baseline), line, (*_WHITE, 255), right_to_left=block.right_to_left)


def _bar(draw: ImageDraw.ImageDraw, block: Block, layout: Layout, top_px: int) -> None:
    width, slack = max(1, layout.px(5)), round(block.type.size_px * 0.18)
    left = layout.width - layout.side_px - width if block.right_to_left else layout.side_px
    box = (left, top_px + slack, left + width - 1, top_px + block.height_px - slack)
    draw.rectangle(box, fill=(*block.accent, 255))


def add_tracking(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], word: str, type_: Type, fill: tuple[int, int, int, int]
) -> float:
    """Set a short word in spaced letters, if its script allows that, and return where it ends."""
    x, y = at
    if not _may_be_spaced(word):
        type_.write(draw, at, word, fill)
        return x + type_.width(word)
    for letter in word:
        type_.write(draw, (x, y), letter, fill)
        x += type_.width(letter) + type_.size_px * 0.16
    return x - type_.size_px * 0.16


def width_with_tracking(word: str, type_: Type) -> float:
    if not _may_be_spaced(word):
        return type_.width(word)
    return sum(type_.width(letter) for letter in word) + type_.size_px * 0.16 * (len(word) - 1)


def _may_be_spaced(word: str) -> bool:
    """Return True for Latin, Greek and Cyrillic letters, and signs. Arabic and Indic letters join each other."""
    return all(ord(char) < 0x0530 or 0x2000 < ord(char) < 0x2070 for char in word)


def shrink(text: str, layout: Layout, sizes: tuple[float, ...], room: tuple[int, float, int]) -> Block:
    """Set the text in the largest of the sizes that holds it. If the smallest does not, it ends in an ellipsis."""
    lines, share, weight = room
    for units in sizes:
        type_ = layout.type(units, weight)
        measure = layout.room(type_, lines, share)
        splits_a_word = any(measure.width_of(word.rstrip()) > measure.width_px for word in atoms(text))
        if measure.fits(text) and not splits_a_word:
            return Block(lines=wrap(text, measure), type=type_, right_to_left=is_right_to_left(text))
    set_lines = wrap(text, measure)
    kept = set_lines[:lines]
    if len(set_lines) > lines:
        last = kept[-1]
        while last and measure.width_of(last + ELLIPSIS) > measure.width_px:
            last = last[:-1].rstrip()
        kept = (*kept[:-1], last + ELLIPSIS)
    return Block(lines=kept, type=type_, cut=len(set_lines) > lines, right_to_left=is_right_to_left(text))


def shade(drawing: Image.Image, layout: Layout) -> Image.Image:
    """Lay the drawing over a soft shadow of itself."""
    reach = max(1, layout.px(5))
    box = drawing.getchannel("A").getbbox() or (0, 0, 1, 1)
    box = (max(0, box[0] - 4 * reach), max(0, box[1] - 4 * reach), box[2] + 4 * reach, box[3] + 4 * reach)
    part = drawing.crop((box[0], box[1], min(box[2], drawing.width), min(box[3], drawing.height)))
    shade = part.getchannel("A").filter(ImageFilter.GaussianBlur(reach))
    shadow = Image.new("RGBA", part.size, _CLEAR)
    shadow.putalpha(shade.point(lambda value: min(190, int(value * _SHADOW_STRENGTH))))
    drawing.paste(Image.alpha_composite(shadow, part), (box[0], box[1]))
    return drawing


_LABEL = "ANIMATIC"
_CODE = "00:00:00:00"
_PAPER = (0, 0, 0, 110)
_WRITING = (255, 255, 255, 225)


def timecode(frame: int, frame_rate: int) -> str:
    """Format hours, minutes, seconds and frames."""
    seconds, frames = divmod(frame, frame_rate)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{frames:02}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Slate:
    """A label in the top left corner and the running timecode in the top right one."""

    layout: Layout
    accent: Colour

    def label(self, length_s: float) -> Overlay:
        """Draw what does not change: the label, and the paper under the timecode."""
        drawing = Image.new("RGBA", self.layout.size, _CLEAR)
        draw = ImageDraw.Draw(drawing)
        label_width = round(width_with_tracking(_LABEL, self._type)) + self._dot * 2 + self._pad * 2
        self._paper(draw, self.layout.side_px, label_width)
        self._paper(draw, self._code_left, self._code_width)
        self._write_label(draw)
        return Overlay(start_s=0, end_s=length_s, fade_in_s=0, fade_out_s=0, inks=ink(drawing))

    def timecode(self, frame: int, frame_rate: int) -> tuple[OverlayPlane, OverlayPlane, OverlayPlane]:
        """Draw the timecode of a frame."""
        drawing = Image.new("RGBA", (_even(self._code_width), _even(self._height)), _CLEAR)
        draw = ImageDraw.Draw(drawing)
        x = float(self._pad)
        for char in timecode(frame, frame_rate):
            self._type.write(draw, (x, self._baseline), char, _WRITING)
            x += self._type.width(char)
        return ink(drawing, (self._code_left, self._top))

    def _write_label(self, draw: ImageDraw.ImageDraw) -> None:
        left, middle, radius = self.layout.side_px + self._pad, self._top + self._height / 2, self._dot / 2
        draw.ellipse((left, middle - radius, left + self._dot, middle + radius), fill=(*self.accent, 255))
        add_tracking(draw, (left + self._dot * 2, self._top + self._baseline), _LABEL, self._type, _WRITING)

    def _paper(self, draw: ImageDraw.ImageDraw, left: int, width: int) -> None:
        box = (left, self._top, left + width - 1, self._top + self._height - 1)
        draw.rounded_rectangle(box, radius=self._height // 4, fill=_PAPER)

    @property
    def _type(self) -> Type:
        return self.layout.type(15, SEMIBOLD)

    @property
    def _pad(self) -> int:
        return self.layout.px(11)

    @property
    def _dot(self) -> int:
        return max(2, self.layout.px(8))

    @property
    def _height(self) -> int:
        return max(2, self.layout.px(28))

    @property
    def _baseline(self) -> float:
        return self._height * 0.69

    @property
    def _top(self) -> int:
        return self.layout.top_px // 2 * 2

    @property
    def _code_width(self) -> int:
        return round(sum(self._type.width(char) for char in _CODE)) + self._pad * 2

    @property
    def _code_left(self) -> int:
        return max(0, self.layout.width - self.layout.side_px - self._code_width) // 2 * 2


def _even(length: int) -> int:
    return length + length % 2
