"""The words of a film: the names of its chapters, and the scripts for its captions. Pure."""

import unicodedata

from schemas.wire.film import FilmScene
from schemas.wire.validation import has_visible_text

CHAPTER_AT_MOST = 60
"""The characters of a chapter's name. One of the two places in an MP4 file has room for 255 bytes."""
LINE_COLUMNS = 42
"""Of a line of a caption, which has two (https://partnerhelp.netflixstudios.com/hc/en-us/articles/217350977)."""
CAPTION_LEAST_MS = 1000
"""The shortest time of a caption, unless its scene is shorter."""


def chapter_of(scene: FilmScene) -> str:
    """Return the name of a scene's chapter: its title on one line, or else its name."""
    return name_chapter((scene.scene.title or "") if scene.scene else "", scene.name)


def name_chapter(title: str, name: str) -> str:
    """Return the title on one line, as long as a chapter's may be; without a visible character the name."""
    line = one_line(title)[:CHAPTER_AT_MOST]
    return line if has_visible_text(line) else name


def script_of(scene: FilmScene) -> str:
    """Return what the captions of a scene say, on one line; empty without a visible character."""
    script = one_line((scene.scene.script or "") if scene.scene else "")
    return script if has_visible_text(script) else ""


def one_line(text: str) -> str:
    """Return the text on one line, without control characters and noncharacters.

    A player would end it at the first ones, and XML can't hold U+FFFE and U+FFFF.
    """
    spaced = " ".join(text.split())
    return "".join(char for char in spaced if unicodedata.category(char) not in ("Cc", "Cs") and not _is_last(char))


def _is_last(char: str) -> bool:
    """Return whether it is one of the last two of its plane, which Unicode keeps free."""
    return ord(char) & 0xFFFE == 0xFFFE


def columns_of(text: str) -> int:
    """Return how wide a text is. An ideograph or an emoji takes two columns, and a mark on a letter none."""
    return sum(_columns_of_char(char) for char in text)


def _columns_of_char(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def script_columns_at_most(room_ms: int) -> int:
    """Return how wide a script may be that is shown for this time, with a second at least for each caption.

    Of two lines that follow each other each has a word that the one before has no room for. So both have more columns
    than one line, and each caption but the last has as many.
    """
    return LINE_COLUMNS * max(1, room_ms // CAPTION_LEAST_MS)
