"""Removes the caller's own words from what Google says.

Google's sentences may quote the prompt. A quoted prompt must not decide what kind of failure it is ("safety policy" may
stand in a prompt), and it must not reach an error or a log. So every sentence passes `without_echo` before it is read.
"""

import re
from collections.abc import Iterable, Iterator

from schemas.wire.request import VideoRequest

RUN = 4
"""So many words in the order of the caller's text are a quotation; fewer may be chance."""
_HIDDEN = "…"
_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W_぀-ヿ㐀-鿿가-힯]+")
"""A word; in scripts without spaces every character."""
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrt])")
_QUOTED = re.compile(r"\"([^\"]+)\"|`([^`]+)`|“([^”]+)”|«([^»]+)»|(?<!\w)'([^']+)'(?!\w)|(?<!\w)‘([^’]+)’")


def texts_of(request: VideoRequest | None) -> tuple[str, ...]:
    """What the caller wrote in free words, and what Google may quote."""
    return tuple(filter(None, (request.prompt, request.style, request.negative_prompt))) if request else ()


def without_echo(said: str, texts: Iterable[str]) -> str:
    """The sentence with an ellipsis in place of each quotation of one of the texts."""
    known = [_words(text) for text in texts]
    plain = _ESCAPED.sub(_unescape, said).replace('\\"', '"')
    hidden = sorted({*_quotations(plain, known), *_runs(plain, known)})
    return _cut(plain, hidden) if hidden else said


def _words(text: str) -> list[str]:
    return [found[0].casefold() for found in _WORD.finditer(text)]


def _unescape(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else " "


def _quotations(said: str, known: list[list[str]]) -> Iterator[tuple[int, int]]:
    """What stands in quotation marks and in a text, however short it is."""
    for found in _QUOTED.finditer(said):
        words = _words(found[0])
        if words and any(_contains(text, words) for text in known):
            yield found.start() + 1, found.end() - 1


def _contains(text: list[str], words: list[str]) -> bool:
    return f" {' '.join(words)} " in f" {' '.join(text)} "


def _runs(said: str, known: list[list[str]]) -> Iterator[tuple[int, int]]:
    """Each run of words that a text holds in the same order."""
    found = list(_WORD.finditer(said))
    words = [word[0].casefold() for word in found]
    for text in known:
        length = min(RUN, len(text))
        runs = {tuple(text[at : at + length]) for at in range(len(text) - length + 1)} if length else set()
        for at in range(len(words) - length + 1):
            if tuple(words[at : at + length]) in runs:
                yield found[at].start(), found[at + length - 1].end()


def _cut(said: str, hidden: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end in hidden:
        if start > at or not parts:
            parts += [said[at:start], _HIDDEN]
        at = max(at, end)
    return "".join((*parts, said[at:]))
