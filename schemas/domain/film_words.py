"""The words of a film: the names of its chapters, the texts of its cards, and the scripts for its captions. Pure."""

import unicodedata

from schemas.wire.film import FilmScene
from schemas.wire.validation import has_visible_text

CHAPTER_AT_MOST = 60
"""The characters of a chapter's name. One of the two places in an MP4 file has room for 255 bytes."""


def chapter_of(scene: FilmScene) -> str:
    """Return the name of a scene's chapter: its title on one line, or else its name."""
    title = one_line(scene.scene.title or "") if scene.scene else ""
    return title[:CHAPTER_AT_MOST] if has_visible_text(title) else scene.name


def one_line(text: str) -> str:
    """Return the text on one line, without control characters: a player would end it there."""
    spaced = " ".join(text.split())
    return "".join(char for char in spaced if unicodedata.category(char) not in ("Cc", "Cs"))
