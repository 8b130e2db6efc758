"""Arabic letters in the shapes that they have beside each other, where no library shapes text.

Fonts shape Arabic by themselves if Pillow finds FriBiDi. Elsewhere Unicode's presentation forms do it for most letters.
"""

import unicodedata
from functools import lru_cache

_LAM, _TATWEEL = "\u0644", "\u0640"
_FORMS = ("isolated", "final", "initial", "medial")


def join(text: str) -> str:
    """Return the text with Arabic letters replaced by the forms in which they join their neighbours."""
    if not any("\u0600" <= char <= "\u06ff" for char in text):
        return text
    letters, marks = _with_marks(text)
    joined = []
    for at, letter in enumerate(letters):
        before = at > 0 and _joins_next(letters[at - 1])
        after = at + 1 < len(letters) and _joins_next(letter) and _joins_before(letters[at + 1])
        form = _FORMS[before + 2 * after]
        joined.append(_forms().get(letter, {}).get(form, letter) + marks[at])
    return "".join(joined)


def _with_marks(text: str) -> tuple[list[str], list[str]]:
    """Letters, lam with alef as one, and the marks on each: marks don't keep letters apart."""
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
    return letters, marks


def _joins_next(letter: str) -> bool:
    return letter == _TATWEEL or "initial" in _forms().get(letter, {})


def _joins_before(letter: str) -> bool:
    return letter == _TATWEEL or "final" in _forms().get(letter, {})


@lru_cache(maxsize=1)
def _forms() -> dict[str, dict[str, str]]:
    """By letter or by lam with alef: Unicode decomposes each form into the letter, and names the form."""
    found: dict[str, dict[str, str]] = {}
    for code in (*range(0xFB50, 0xFBC0), *range(0xFBD3, 0xFBE6), *range(0xFBFC, 0xFC00), *range(0xFE80, 0xFEFD)):
        form, *letters = unicodedata.decomposition(chr(code)).split() or ("",)
        if form[1:-1] in _FORMS:
            found.setdefault("".join(chr(int(letter, 16)) for letter in letters), {})[form[1:-1]] = chr(code)
    return found
