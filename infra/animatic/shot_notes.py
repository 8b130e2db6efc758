"""The notes of a shot, with labels, on the card of a film that has no picture.

Long notes are set smaller, then in several pages. Only a film that is too short for its pages leaves lines out, and
says how many.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw

from infra.animatic.bidi import is_right_to_left
from infra.animatic.compositing import OverlayPlane, ink
from infra.animatic.layout import Layout, add_tracking, shade, width_with_tracking
from infra.animatic.palette import Colour
from infra.animatic.text import wrap
from infra.animatic.typeface import Type

_SIZES = (36.0, 33.0, 30.0, 27.0, 24.0, 21.0)
_LARGEST_IN_WIDE_FRAMES = 30.0
_GAP = 0.5
"""Between two notes, in lines."""
_LABEL_LEADING = 1.5
"""Where a label stands above its text, in heights of its type."""
_WHITE: Colour = (250, 250, 248)


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """One text of the storyboard, paragraph by paragraph, and its label."""

    label: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """One line. The first of each note has its label."""

    label: str
    line: str
    right_to_left: bool
    first: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """The lines that are shown at once."""

    rows: tuple[_Row, ...]
    type: Type
    layout: Layout
    label_px: int
    """How wide the column of labels is; in tall frames labels stand above their texts."""

    @property
    def height_px(self) -> int:
        return round(sum(self._height(row, at) for at, row in enumerate(self.rows)))

    def _height(self, row: _Row, at: int) -> float:
        gap = self.type.line_height_px * _GAP if row.first and at else 0
        label = self.layout.kicker.size_px * _LABEL_LEADING if row.label and self.layout.tall else 0
        return self.type.line_height_px + gap + label

    def paint(
        self, top_px: int, accent: Colour, *, right_to_left: bool
    ) -> tuple[OverlayPlane, OverlayPlane, OverlayPlane]:
        """Draw the page. The top of its first line is at `top_px`; labels stand on the side where reading begins."""
        drawing = Image.new("RGBA", self.layout.size, (0, 0, 0, 0))
        draw = ImageDraw.Draw(drawing)
        y = float(top_px)
        for at, row in enumerate(self.rows):
            y += self._height(row, at)
            self._write(draw, row, y - self.type.line_height_px, right_to_left=right_to_left)
            if row.label:
                above = self.type.line_height_px if self.layout.tall else 0
                self._write_label(draw, row.label, y - above, accent, right_to_left=right_to_left)
        return ink(shade(drawing, self.layout))

    def _write(self, draw: ImageDraw.ImageDraw, row: _Row, top: float, *, right_to_left: bool) -> None:
        side, baseline = self.layout.side_px, top + self.type.size_px * 1.02
        left = side + (0 if right_to_left else self.label_px)
        if row.right_to_left or right_to_left:
            right = self.layout.width - side - (self.label_px if right_to_left else 0)
            left = round(right - self.type.width(row.line))
        self.type.write(draw, (left, baseline), row.line, (*_WHITE, 255), right_to_left=row.right_to_left)

    def _write_label(
        self, draw: ImageDraw.ImageDraw, label: str, bottom: float, accent: Colour, *, right_to_left: bool
    ) -> None:
        kicker, left = self.layout.kicker, float(self.layout.side_px)
        if right_to_left:
            left = self.layout.width - left - width_with_tracking(label, kicker)
        drop = kicker.size_px * 0.45 if self.layout.tall else self.type.line_height_px - self.type.size_px * 1.02
        add_tracking(draw, (left, bottom - drop), label, kicker, (*accent, 255))


def set_pages(notes: tuple[Note, ...], layout: Layout, room_px: int, most: int) -> list[Page]:
    """Set the notes in the largest type in which one page of that height holds them, or else in several pages."""
    sizes = [units for units in _SIZES if layout.tall or units <= _LARGEST_IN_WIDE_FRAMES]
    settings = (_set(notes, layout, units) for units in sizes)
    page = next((page for page in settings if page.height_px <= room_px), None) or _set(notes, layout, sizes[-1])
    pages = list(_split(page, room_px))
    if len(pages) <= most:
        return pages
    # The last page says how many lines are left out.
    last = pages[most - 1]
    missing = sum(len(page.rows) for page in pages[most:]) + 1
    note = replace(last.rows[-1], line=f"… (+{missing} lines)", right_to_left=False)
    return [*pages[: most - 1], replace(last, rows=(*last.rows[:-1], note))]


def _set(notes: tuple[Note, ...], layout: Layout, units: float) -> Page:
    type_ = layout.type(units)
    labels = [width_with_tracking(note.label, layout.kicker) for note in notes if note.label]
    label_px = round(max(labels) + layout.px(26)) if labels and not layout.tall else 0
    measure = layout.room(type_, 1, 1.0)
    measure = replace(measure, width_px=(measure.width_px - label_px) * (1.0 if layout.tall else 0.86))
    rows = [
        _Row(label="" if number else note.label, line=line, right_to_left=right_to_left, first=not number)
        for note in notes
        for number, (line, right_to_left) in enumerate(
            (line, is_right_to_left(paragraph)) for paragraph in note.paragraphs for line in wrap(paragraph, measure)
        )
    ]
    return Page(rows=tuple(rows), type=type_, layout=layout, label_px=label_px)


def _split(page: Page, room_px: int) -> Iterator[Page]:
    """Split a page into pages of that height. The first line of each has the label of its note."""
    taken: list[_Row] = []
    label = ""
    for row in page.rows:
        label = row.label or label
        if taken and replace(page, rows=(*taken, row)).height_px > room_px:
            yield replace(page, rows=tuple(taken))
            taken = [replace(row, label=label)]
        else:
            taken.append(row)
    yield replace(page, rows=tuple(taken))
