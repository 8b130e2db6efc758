"""Whether a text has anything to see: a prompt of invisible characters is paid for like any other.

`publisher/node/src/visible.js` has the same rule; `schemas/vectors/requests.json` holds both to it.
"""

import unicodedata

_INVISIBLE = frozenset(
    {
        0x115F,  # Hangul fillers: letters by their category
        0x1160,
        0x3164,
        0xFFA0,
        0x2800,  # the braille pattern without dots
        0xFFFC,  # stands for an object that is not there
        0x1D159,  # a note head that is drawn as nothing
        0x2065,
        *range(0xFFF0, 0xFFF9),
        *range(0xE0000, 0xE1000),
    }
)
"""Unicode's default ignorable code points outside the categories below, and symbols that are drawn as blanks."""


def has_visible_text(text: str) -> bool:
    """Return whether at least one character can be seen on its own: a letter, a digit, a sign or a symbol."""
    return any(_is_visible(char) for char in text)


def _is_visible(char: str) -> bool:
    code = ord(char)
    if code in _INVISIBLE or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:
        return False
    # Unassigned characters count: a newer Unicode than Python's may have given them a picture.
    return unicodedata.category(char)[0] in "LNPS" or unicodedata.category(char) == "Cn"
