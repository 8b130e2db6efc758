"""Text: clusters that must stay together, places where a line may break, lines of a measured width, and captions."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING

from infra.animatic.bidi import CONTROLS, reopen
from schemas.wire.validation import has_visible_text

if TYPE_CHECKING:
    from budoux import Parser


_JOINERS = "\u200c\u200d"
_MAY_BREAK = "\u200b"
"""The zero-width space: where texts in Thai, Khmer and the like say that a word ends."""
_KEPT = frozenset((*_JOINERS, _MAY_BREAK)) | CONTROLS
_BLANK_LETTERS = "\u3164\uffa0\u2800\ufffc\U0001d159"
"""Characters of other categories that nothing is drawn for."""
_BLANKS = frozenset(" \u200b")
_FIRST_WIDE = "\u1100"
_HANGUL = (range(0x1100, 0x1200), range(0x3130, 0x3190), range(0xA960, 0xA980), range(0xAC00, 0xD800))
_EMOJI_LOOK = "\ufe0f"
_NOT_FIRST = frozenset(
    "、。，．：；？！）］｝〕〉》」』】〙〗〟｣､｡々〻ゝゞヽヾ゛゜ーｰ～〜・･…‥％‰℃°′″‐゠–"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿｧｨｩｪｫｬｭｮｯ"
    ")]}»”’!?:;,.%"
)
"""What no Chinese, Japanese or Korean line begins with."""
_NOT_LAST = frozenset("（［｛〔〈《「『【〘〖〝｢￥＄￡＃＠([{«“‘$£¥€#@")
_EMOJI_TAILS = range(0x1F3FB, 0x1F400)
_FLAGS = range(0x1F1E6, 0x1F200)
_TAGS = range(0xE0020, 0xE0080)
_VOWELS_BEFORE = frozenset("เแโใไເແໂໃໄ")
"""Thai and Lao vowels that are written before the letter that they belong to."""
_VOWELS_AFTER = frozenset("ะาำๅๆฯະາຳໆຯ")
_ENDS_A_SYLLABLE = "\u103a\u1039"
"""Burmese signs that take the vowel from the letter before them: it belongs to the syllable before."""
_LINKS = frozenset(chr(code) for code in range(0x0900, 0x1B00) if unicodedata.combining(chr(code)) == 9) - set(
    "\u103a\u0e3a\u0eba"
)
"""Signs that join the letter before them with the one behind: virama, and the coeng of Khmer."""
_THAI = re.compile("[\u0e01-\u0e4e]{4,}")
_READING_WEIGHT_WIDE = 2.5


def clean(text: str) -> str:
    """Return one line of printable text with single spaces. Of the controls only those of direction are kept."""
    kept = (
        " " if char.isspace() else char
        for char in text
        if char.isspace()
        or char in _KEPT
        or (unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn") and char not in _BLANK_LETTERS)
    )
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))


def clusters(text: str) -> Iterator[str]:
    """Yield letters with their accents, syllables of scripts that stack letters, and emoji with all their parts."""
    held = ""
    for cluster in _letters(text):
        if held and not (len(cluster) > 1 and cluster[1] in _ENDS_A_SYLLABLE and held != " "):
            yield held
            held = ""
        held += cluster
    if held:
        yield held


def _letters(text: str) -> Iterator[str]:
    held = ""
    for char in text:
        if held and not _extends(held, char):
            yield held
            held = ""
        held += char
    if held:
        yield held


def _extends(held: str, char: str) -> bool:
    code, last = ord(char), held[-1]
    if code < 0x300 and last < "\u0300":  # most texts: no marks, and nothing that holds on to the next letter
        return False
    if unicodedata.category(char)[0] == "M" or char in _JOINERS or code in _EMOJI_TAILS or code in _TAGS:
        return held != " "
    if code in _FLAGS:
        return len(held) == 1 and ord(held) in _FLAGS
    if char in _VOWELS_AFTER or 0x1160 <= code <= 0x11FF:
        return unicodedata.category(held[0])[0] == "L"
    if last in _VOWELS_BEFORE or last in _LINKS:
        return unicodedata.category(char)[0] == "L"
    return last == "\u200d" and code > 0x2000


def visible_part(cluster: str) -> str:
    """Return the cluster without characters that only change the look of others: most fonts draw a box for them."""
    drawn = ""
    for char in cluster:
        if char.isspace():
            drawn += " "
        elif unicodedata.category(char)[0] == "M":
            # Marks that enclose a letter (a keycap, a circle) are left out: fonts that have them lack most letters.
            is_drawn = unicodedata.category(char) != "Me" and not "\ufe00" <= char <= "\ufe0f" and char < "\U000e0100"
            drawn += char if is_drawn else ""
        elif char in _JOINERS or has_visible_text(char):
            drawn += char
    return drawn if drawn.isspace() or has_visible_text(drawn) else ""


def is_emoji(cluster: str) -> bool:
    """Return True if the text demands the picture of a character that also is a sign."""
    return _EMOJI_LOOK in cluster and not cluster[0].isascii()


def is_neutral(cluster: str) -> bool:
    """Return True for signs and digits, which belong to no script."""
    return all(unicodedata.category(char)[0] in "PSZ" or char.isdigit() for char in cluster)


def is_wide(cluster: str) -> bool:
    return unicodedata.east_asian_width(cluster[0]) in ("W", "F")


def atoms(text: str) -> Iterator[str]:
    """Yield the pieces between which a line may break: words with the space after them, or single wide characters."""
    word_ends = _thai_word_ends(text)
    held, last, at = "", "", 0
    for cluster in clusters(text):
        if held and (at in word_ends or _may_break(last, cluster)):
            yield held
            held = ""
        held, last, at = held + cluster, cluster, at + len(cluster)
    if held:
        yield held


def _may_break(last: str, cluster: str) -> bool:
    before, first = last[0], cluster[0]
    if first in _BLANKS:
        return False
    if before in _BLANKS:
        return True
    if first in _NOT_FIRST or before in _NOT_LAST:
        return False
    return _breaks_anywhere(first) or _breaks_anywhere(before)


def _breaks_anywhere(char: str) -> bool:
    """Return True for wide characters but Korean, which separates words by spaces."""
    return char >= _FIRST_WIDE and is_wide(char) and not any(ord(char) in block for block in _HANGUL)


def _thai_word_ends(text: str) -> frozenset[int]:
    """Return where words end: Thai writes no spaces between words, and a model of 30 kB finds them."""
    parser = _thai_parser()
    if parser is None:
        return frozenset()
    ends: set[int] = set()
    for stretch in _THAI.finditer(text):
        at = stretch.start()
        for word in parser.parse(stretch.group()):
            ends.add(at)
            at += len(word)
        ends.discard(stretch.start())
    return frozenset(ends)


@lru_cache(maxsize=1)
def _thai_parser() -> "Parser | None":
    """Load the model of Thai words; None if it is not installed. Lines then break between syllables."""
    if find_spec("budoux") is None:
        return None
    import budoux

    return budoux.load_default_thai_parser()


def count_reading_units(text: str) -> float:
    """Count characters by reading time: an ideograph takes as long as several letters."""
    return sum(_READING_WEIGHT_WIDE if is_wide(cluster) else 1.0 for cluster in clusters(text))


ELLIPSIS = "…"
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？", "؟", "।", '."', '!"', '?"', ".”", "!”", "?”")
_CLAUSE_ENDS = (",", ";", ":", "—", "–", "、", "，", "；", "：")
_EARLIEST_BREAK = 0.45
_TOLERANCE = 1.25
"""How far a text may exceed the limit uncut: a last word is read in haste rather than cut off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """The room for text: how wide a line may be, how many lines, and how wide a text is."""

    width_px: float
    lines: int
    width_of: Callable[[str], float]

    def fits(self, text: str) -> bool:
        """Return True if the text fits. It wraps no more lines than needed to know."""
        return len(list(islice(_lines(text, self.width_px, self.width_of), self.lines + 1))) <= self.lines


def wrap(text: str, measure: Measure) -> tuple[str, ...]:
    """Wrap into the fewest lines, of even length, so that no word is left alone on the last one."""
    text = clean(text)
    lines = tuple(_lines(text, measure.width_px, measure.width_of))
    for share in (1.02, 1.08, 1.16, 1.26) if len(lines) > 1 else ():
        narrow = min(measure.width_px, measure.width_of(text) / len(lines) * share)
        even = tuple(_lines(text, narrow, measure.width_of))
        if len(even) == len(lines):
            return tuple(_carry_directions(even))
    return tuple(_carry_directions(lines))


def chunk(text: str, measure: Measure) -> Iterator[str]:
    """Split into captions: each as much as fits, ending after a sentence or a clause if possible."""
    pieces = list(_narrow(atoms(clean(text)), measure.width_px, measure.width_of))
    chunks = []
    while pieces:
        most = 1
        while most < len(pieces) and measure.fits("".join(pieces[: most + 1])):
            most += 1
        count = most
        for ends in (_CLAUSE_ENDS, _SENTENCE_ENDS) if most < len(pieces) else ():  # the end of a sentence is better
            breaks = [at for at in range(1, most + 1) if pieces[at - 1].rstrip().endswith(ends)]
            if breaks and breaks[-1] >= most * _EARLIEST_BREAK:
                count = breaks[-1]
        chunks.append("".join(pieces[:count]).strip())
        pieces = pieces[count:]
    return _carry_directions(chunks)


def _carry_directions(parts: Iterable[str]) -> Iterator[str]:
    """Repeat in each part the direction controls that the parts before it leave open."""
    still_open = ""
    for part in parts:
        yield still_open + part
        still_open = reopen(still_open + part)


def shorten(text: str, limit: float, length_of: Callable[[str], float]) -> str:
    """Return the text or, if it is far too long, as many of its words as the limit allows and an ellipsis."""
    text = clean(text)
    if length_of(text) <= limit * _TOLERANCE:
        return text
    kept, length = "", 0.0
    for atom in atoms(text):
        if length + length_of(atom.rstrip()) > limit - 1:
            break
        kept += atom
        length += length_of(atom)
    kept = kept.rstrip()
    # End after a whole sentence, if at least 60 % of the text is in it.
    sentences = [at for at in range(1, len(kept) + 1) if kept[at - 1] in ".!?。！？" and at >= 0.6 * len(kept)]
    if sentences:
        kept = kept[: sentences[-1]]
    return kept.rstrip(" ,;:—–-.") + ELLIPSIS if kept else ""


def _lines(text: str, width_px: float, width_of: Callable[[str], float]) -> Iterator[str]:
    line = ""
    for piece in _narrow(atoms(text), width_px, width_of):
        if line and width_of((line + piece).rstrip()) > width_px:
            yield line.rstrip()
            line = ""
        line += piece
    if line.strip():
        yield line.rstrip()


def _narrow(words: Iterator[str], width_px: float, width_of: Callable[[str], float]) -> Iterator[str]:
    """Yield the words. One that is wider than a line is split into parts that fit."""
    for word in words:
        if width_of(word.rstrip()) <= width_px:
            yield word
        else:
            yield from _parts(word, width_px, width_of)


def _parts(word: str, width_px: float, width_of: Callable[[str], float]) -> Iterator[str]:
    part = ""
    for cluster in clusters(word):
        if part and width_of(part + cluster) > width_px:
            yield part
            part = ""
        part += cluster
    yield part
