"""Text as people count it: clusters that must stay together, and the places where a line may break."""

import unicodedata
from collections.abc import Iterator

_JOINER = "\u200d"
_GLUED = frozenset("、。，．：；？！）］｝〕〉》」』】〙〗ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ…‥・」％")
_OPENERS = frozenset("（［｛〔〈《「『【〘〖")
_EMOJI_TAILS = range(0x1F3FB, 0x1F400)
_FLAGS = range(0x1F1E6, 0x1F200)
_READING_WEIGHT_WIDE = 2.5


def clean(text: str) -> str:
    """One line of printable text: no controls, no halves of surrogates, no direction overrides, single spaces."""
    kept = (" " if char.isspace() else char for char in text if char.isspace() or _printable(char))
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))


def _printable(char: str) -> bool:
    return char in (_JOINER, "\u200c") or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def clusters(text: str) -> Iterator[str]:
    """Letters with their accents, emoji with all their parts."""
    held = ""
    for char in text:
        if held and not _extends(held, char):
            yield held
            held = ""
        held += char
    if held:
        yield held


def _extends(held: str, char: str) -> bool:
    if unicodedata.category(char)[0] == "M" or char == _JOINER or ord(char) in _EMOJI_TAILS:
        return held != " "
    if ord(char) in _FLAGS:
        return len(held) == 1 and ord(held) in _FLAGS
    return held.endswith(_JOINER) and ord(char) > 0x2000


def is_wide(cluster: str) -> bool:
    return unicodedata.east_asian_width(cluster[0]) in ("W", "F")


def atoms(text: str) -> Iterator[str]:
    """The pieces between which a line may break: words with the space after them, or single wide characters."""
    held = ""
    for cluster in clusters(text):
        if held and _may_break(held, cluster):
            yield held
            held = ""
        held += cluster
    if held:
        yield held


def _may_break(held: str, cluster: str) -> bool:
    if cluster == " ":
        return False
    if held[-1] == " ":
        return True
    if cluster in _GLUED or held[-1] in _OPENERS:
        return False
    return is_wide(cluster) or is_wide(held[-1])


def reading_length(text: str) -> float:
    """Characters as a reader counts them: an ideograph takes as long as several letters."""
    return sum(_READING_WEIGHT_WIDE if is_wide(cluster) else 1.0 for cluster in clusters(text))
