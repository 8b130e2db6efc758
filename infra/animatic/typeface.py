"""Typefaces: which font draws which character. Noto ships in packages, so every machine sets the same text.

Fonts shape Arabic by themselves if Pillow finds FriBiDi. Otherwise Unicode's presentation forms do it for most letters.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from PIL import ImageDraw, ImageFont, features

from infra.animatic import bidi
from infra.animatic.text import clusters, is_emoji, is_neutral, visible_part

_LAM, _TATWEEL = "\u0644", "\u0640"
_FORMS = ("isolated", "final", "initial", "medial")


def join(text: str) -> str:
    """Return the text with Arabic letters replaced by the forms in which they join their neighbours."""
    if not any("\u0600" <= char <= "\u06ff" for char in text):
        return text
    # Lam with alef counts as one letter, and marks don't separate letters.
    letters: list[str] = []
    marks: list[str] = []
    for char in text:
        if letters and unicodedata.category(char) == "Mn":
            marks[-1] += char
        elif letters and letters[-1] == _LAM and _LAM + char in _forms():
            letters[-1] += char
        else:
            letters.append(char)
            marks.append("")
    joined = []
    for at, letter in enumerate(letters):
        before = at > 0 and _joins(letters[at - 1], "initial")
        after = at + 1 < len(letters) and _joins(letter, "initial") and _joins(letters[at + 1], "final")
        form = _FORMS[before + 2 * after]
        joined.append(_forms().get(letter, {}).get(form, letter) + marks[at])
    return "".join(joined)


def _joins(letter: str, form: str) -> bool:
    """Return True if the letter joins the next one ("initial"), or the one before ("final")."""
    return letter == _TATWEEL or form in _forms().get(letter, {})


@lru_cache(maxsize=1)
def _forms() -> dict[str, dict[str, str]]:
    """Return the forms of each letter, and of lam with alef, from Unicode's decompositions."""
    found: dict[str, dict[str, str]] = {}
    for code in (*range(0xFB50, 0xFBC0), *range(0xFBD3, 0xFBE6), *range(0xFBFC, 0xFC00), *range(0xFE80, 0xFEFD)):
        form, *letters = unicodedata.decomposition(chr(code)).split() or ("",)
        if form[1:-1] in _FORMS:
            found.setdefault("".join(chr(int(letter, 16)) for letter in letters), {})[form[1:-1]] = chr(code)
    return found


_NOTO = "manimgx_fonts"
_MAIN = "NotoSans[wght].ttf"
_EMOJI = "NotoEmoji[wght].ttf"
_CJK = "noto_cjk_sans_jp_regular"
_LAST = ("NotoSansSymbols[wght].ttf", _EMOJI)
_PROBE_SIZE_PX = 24
_UNASSIGNED = "\U0010fffe"
_MISSING = "\u00b7"
"""Drawn for a character that no font has. A box would look like a fault."""
_SHAPES = features.check("raqm")
"""False where FriBiDi's library is missing: Pillow then sets one character after the other, from left to right."""

REGULAR = 400
SEMIBOLD = 600
BOLD = 700


class Part(NamedTuple):
    """Characters of one font and one direction, in the order in which they are read."""

    font: ImageFont.FreeTypeFont
    text: str
    direction: str | None

    @property
    def width(self) -> float:
        return self.font.getlength(self.text, direction=self.direction)


@dataclass(frozen=True, kw_only=True, slots=True)
class Type:
    """A size and a weight to set text in."""

    size_px: int
    weight: int = REGULAR

    @property
    def line_height_px(self) -> int:
        return round(self.size_px * 1.34)

    def width(self, text: str) -> float:
        return _width(self, text)

    def write(
        self,
        draw: ImageDraw.ImageDraw,
        at: tuple[float, float],
        text: str,
        fill: tuple[int, ...],
        *,
        right_to_left: bool | None = None,
    ) -> None:
        """Set one line; `at` is the left end of its baseline. Without a direction the line's first letter decides."""
        x, y = at
        for part in self.parts(text, right_to_left=right_to_left):
            # A font that comes in one weight is made bolder with an outline.
            has_one_weight = str(part.font.path).endswith(".otf")
            stroke = self.size_px / 55 if self.weight > REGULAR and has_one_weight else 0
            style: dict[str, Any] = {
                "fill": fill,
                "anchor": "ls",
                "stroke_width": stroke,
                "direction": part.direction,
            }
            try:
                draw.text((x, y), part.text, font=part.font, **style)
            except OSError:  # FreeType draws the widest Arabic ligatures (U+FDFD) in one weight alone
                plain = _font(Path(str(part.font.path)), self.size_px, REGULAR)
                draw.text((x, y), part.text, font=plain, **style)
            x += part.width

    def parts(self, text: str, *, right_to_left: bool | None = None) -> list[Part]:
        """Split the line into parts of one font and one direction each, from left to right."""
        base = bidi.is_right_to_left(text) if right_to_left is None else right_to_left
        parts: list[Part] = []
        for run in bidi.order(text, right_to_left=base):
            of_run = [
                _part(_font(face, self.size_px, self.weight), part, run) for face, part in split_by_face(run.text)
            ]
            parts += reversed(of_run) if run.right_to_left else of_run
        return parts


def _part(font: ImageFont.FreeTypeFont, text: str, run: bidi.Run) -> Part:
    if _SHAPES:
        part = bidi.Run(text, run.right_to_left)
        return Part(font, bidi.override(part), "rtl" if run.right_to_left else "ltr")
    text = join(text)
    return Part(font, bidi.mirror(clusters(text)) if run.right_to_left else text, None)


@lru_cache(maxsize=16384)
def _width(type_: Type, text: str) -> float:
    return sum(part.width for part in type_.parts(text))


@lru_cache(maxsize=4096)
def split_by_face(text: str) -> tuple[tuple[Path, str], ...]:
    """Split into the longest runs of one font each. Invisible characters are left out, unless they shape others."""
    runs: list[tuple[Path, str]] = []
    for cluster in clusters(text):
        before = runs[-1][0] if runs else None
        face, drawn = _choose(cluster, before)
        if not drawn:
            continue
        if face != before:
            runs.append((face, drawn))
        elif drawn != _MISSING or not runs[-1][1].endswith(_MISSING):
            runs[-1] = (face, runs[-1][1] + drawn)
    return tuple(runs)


def _choose(cluster: str, before: Path | None) -> tuple[Path, str]:
    """Choose the font for a cluster, and return what it draws of it."""
    drawn = visible_part(cluster)
    if drawn == " ":
        # Inside Arabic a space must not cut the run in two; between emoji, which have very wide spaces, it must.
        return before if before and before.name != _EMOJI else _faces()[0], " "
    if is_neutral(drawn) and before and before.name != _EMOJI and _has_all(before, drawn):
        return before, drawn
    face = _face(drawn, emoji=is_emoji(cluster))
    if face is None:
        return _faces()[0], _MISSING if drawn else ""
    return face, drawn[0] + "".join(char for char in drawn[1:] if _has(face, char))


@lru_cache(maxsize=8192)
def _face(drawn: str, *, emoji: bool) -> Path | None:
    """Return the first font that has the whole cluster, or else its first character."""
    faces = [face for face in _faces() if drawn and _has(face, drawn[0])]
    if emoji:
        faces.sort(key=lambda face: face.name != _EMOJI)
    return next((face for face in faces if _has_all(face, drawn)), faces[0] if faces else None)


@lru_cache(maxsize=1)
def _faces() -> tuple[Path, ...]:
    folder = Path(str(files(_NOTO)))
    scripts = sorted(path.name for path in folder.glob("NotoSans?*[[]wght].ttf"))
    between = [name for name in scripts if name not in _LAST and "Italic" not in name]
    # Chinese, Japanese and Korean are larger than all the rest. An installation may leave them out.
    cjk = sorted(Path(str(files(_CJK))).glob("*.otf")) if find_spec(_CJK) else []
    return (folder / _MAIN, *(folder / name for name in between), *cjk, *(folder / name for name in _LAST))


def _has_all(face: Path, drawn: str) -> bool:
    return all(_has(face, char) for char in drawn)


@lru_cache(maxsize=32768)
def _has(face: Path, char: str) -> bool:
    if char in " \u200c\u200d":
        return True
    return bytes(_probe(face).getmask(char)) != bytes(_probe(face).getmask(_UNASSIGNED))


@lru_cache(maxsize=64)
def _probe(face: Path) -> ImageFont.FreeTypeFont:
    """Open a font without shaping, which would draw a mark that stands alone on a circle."""
    return ImageFont.truetype(face, _PROBE_SIZE_PX, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=256)
def _font(face: Path, size_px: int, weight: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(face, size_px)
    if "wght" in face.name:
        font.set_variation_by_axes([weight])
    return font
