"""The slate: says on every frame that this is an animatic, and which moment of it."""

from dataclasses import dataclass

from PIL import Image, ImageDraw

from infra.embedded.animatic.layout import Layout
from infra.embedded.animatic.lettering import spaced, spaced_width
from infra.embedded.animatic.overlay import Ink, Overlay, ink
from infra.embedded.animatic.palette import Colour
from infra.embedded.animatic.typeface import SEMIBOLD, Type

_LABEL = "ANIMATIC"
_CODE = "00:00:00:00"
_LABEL_CLEAR = (0, 0, 0, 0)
_PAPER = (0, 0, 0, 110)
_WRITING = (255, 255, 255, 225)


def timecode(frame: int, frame_rate: int) -> str:
    """Hours, minutes, seconds and frames, as film people write them."""
    seconds, frames = divmod(frame, frame_rate)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{frames:02}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Slate:
    """A label in the top left corner and the running timecode in the top right one."""

    layout: Layout
    accent: Colour

    def label(self, length_s: float) -> Overlay:
        """What does not change: the label, and the paper under the timecode."""
        drawing = Image.new("RGBA", self.layout.size, _LABEL_CLEAR)
        draw = ImageDraw.Draw(drawing)
        self._paper(draw, self.layout.side_px, self._label_width)
        self._paper(draw, self._code_left, self._code_width)
        self._write_label(draw)
        return Overlay(start_s=0, end_s=length_s, fade_in_s=0, fade_out_s=0, inks=ink(drawing))

    def timecode(self, frame: int, frame_rate: int) -> tuple[Ink, Ink, Ink]:
        """In cells of one width, so that the digits do not tremble."""
        drawing = Image.new("RGBA", (_even(self._code_width), _even(self._height)), _LABEL_CLEAR)
        draw = ImageDraw.Draw(drawing)
        x = float(self._pad)
        for char in timecode(frame, frame_rate):
            self._type.write(draw, (x, self._baseline), char, _WRITING)
            x += self._type.width(char)
        return ink(drawing, (self._code_left, self._top))

    def _write_label(self, draw: ImageDraw.ImageDraw) -> None:
        left, middle, radius = self.layout.side_px + self._pad, self._top + self._height / 2, self._dot / 2
        draw.ellipse((left, middle - radius, left + self._dot, middle + radius), fill=(*self.accent, 255))
        spaced(draw, (left + self._dot * 2, self._top + self._baseline), _LABEL, self._type, _WRITING)

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
    def _label_width(self) -> int:
        return round(spaced_width(_LABEL, self._type)) + self._dot * 2 + self._pad * 2

    @property
    def _code_width(self) -> int:
        return round(sum(self._type.width(char) for char in _CODE)) + self._pad * 2

    @property
    def _code_left(self) -> int:
        return max(0, self.layout.width - self.layout.side_px - self._code_width) // 2 * 2


def _even(length: int) -> int:
    return length + length % 2
