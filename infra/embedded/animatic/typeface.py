"""Typefaces: which font draws which character. Noto ships in packages, so every machine sets the same text."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageDraw, ImageFont

from infra.embedded.animatic.glyphs import clusters

_NOTO = "manimgx_fonts"
_MAIN = "NotoSans[wght].ttf"
_CJK = "noto_cjk_sans_jp_regular"
_LAST = ("NotoSansSymbols[wght].ttf", "NotoEmoji[wght].ttf")
_PROBE_SIZE_PX = 24
_UNASSIGNED = "\U0010fffe"
_MISSING = "\u00b7"
"""Stands for a character that no font has: a dot says that something was there; a box looks like a fault."""

REGULAR = 400
SEMIBOLD = 600
BOLD = 700


@dataclass(frozen=True, kw_only=True, slots=True)
class Type:
    """A size and a weight to set text in."""

    size_px: int
    weight: int = REGULAR

    @property
    def leading_px(self) -> int:
        return round(self.size_px * 1.34)

    def width(self, text: str) -> float:
        return _width(self, text)

    def write(self, draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, fill: tuple[int, ...]) -> None:
        """Set one line; `at` is the left end of its baseline."""
        x, y = at
        for font, part in self.runs(text):
            draw.text((x, y), part, font=font, fill=fill, anchor="ls", stroke_width=self._stroke(font))
            x += font.getlength(part)

    def _stroke(self, font: ImageFont.FreeTypeFont) -> float:
        """A font that comes in one weight is made bolder with an outline."""
        return self.size_px / 55 if self.weight > REGULAR and str(font.path).endswith(".otf") else 0

    def runs(self, text: str) -> list[tuple[ImageFont.FreeTypeFont, str]]:
        """The line in parts of one font each, in the order in which they stand."""
        runs = [(_font(face, self.size_px, self.weight), part) for face, part in split_by_face(text)]
        return runs[::-1] if _right_to_left(text) else runs


@lru_cache(maxsize=16384)
def _width(type_: Type, text: str) -> float:
    return sum(font.getlength(part) for font, part in type_.runs(text))


@lru_cache(maxsize=4096)
def split_by_face(text: str) -> tuple[tuple[Path, str], ...]:
    """Longest runs of one font each."""
    runs: list[tuple[Path, str]] = []
    for cluster in clusters(text):
        face = _face_of_space(runs) if cluster == " " else _face(cluster)
        drawn = _MISSING if face is None else cluster
        face = face or _faces()[0]
        if not runs or runs[-1][0] != face:
            runs.append((face, drawn))
        elif drawn != _MISSING or not runs[-1][1].endswith(_MISSING):
            runs[-1] = (face, runs[-1][1] + drawn)
    return tuple(runs)


def _face_of_space(runs: list[tuple[Path, str]]) -> Path:
    """Inside Arabic it must not cut the run in two; between emoji, which have very wide ones, it must."""
    if not runs or "Emoji" in runs[-1][0].name:
        return _faces()[0]
    return runs[-1][0]


@lru_cache(maxsize=8192)
def _face(cluster: str) -> Path | None:
    """The first font that has the character which the cluster is built on."""
    return next((face for face in _faces() if _has(face, cluster[0])), None)


@lru_cache(maxsize=1)
def _faces() -> tuple[Path, ...]:
    folder = Path(str(files(_NOTO)))
    scripts = sorted(path.name for path in folder.glob("NotoSans?*[[]wght].ttf"))
    between = [name for name in scripts if name not in _LAST and "Italic" not in name]
    return (folder / _MAIN, *(folder / name for name in between), *_cjk(), *(folder / name for name in _LAST))


def _cjk() -> tuple[Path, ...]:
    """Chinese, Japanese and Korean weigh more than all the rest, so they may be left out of an installation."""
    if find_spec(_CJK) is None:
        return ()
    return tuple(sorted(Path(str(files(_CJK))).glob("*.otf")))


def _has(face: Path, char: str) -> bool:
    if char == " ":
        return True
    font = _font(face, _PROBE_SIZE_PX, REGULAR)
    return bytes(font.getmask(char)) != _blank(face)


@lru_cache(maxsize=64)
def _blank(face: Path) -> bytes:
    """What a font draws for a character that it does not have."""
    return bytes(_font(face, _PROBE_SIZE_PX, REGULAR).getmask(_UNASSIGNED))


@lru_cache(maxsize=256)
def _font(face: Path, size_px: int, weight: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(face, size_px)
    if "wght" in face.name:
        font.set_variation_by_axes([weight])
    return font


def _right_to_left(text: str) -> bool:
    strong = (unicodedata.bidirectional(char) for char in text)
    return next((kind in ("R", "AL") for kind in strong if kind in ("L", "R", "AL")), False)
