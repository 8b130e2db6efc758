"""Removes quotations of the caller's texts from a provider's messages.

A provider's messages may quote the prompt. A quoted prompt must not decide the kind of failure (a prompt may contain
"safety policy"), and it must not get into an error or a log. So every message passes `without_echo` before it is
classified.
"""

import re
from collections.abc import Iterable, Iterator

from schemas.wire.request import VideoRequest

RUN = 4
"""So many words in the order of the caller's text are a quotation; fewer may be a coincidence."""
_HIDDEN = "…"
_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W_぀-ヿ㐀-鿿가-힯]+")
"""A word; in scripts without spaces, each character."""
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrt])")
_QUOTED = re.compile(r"\"([^\"]+)\"|`([^`]+)`|“([^”]+)”|«([^»]+)»|(?<!\w)'([^']+)'(?!\w)|(?<!\w)‘([^’]+)’")


def texts_of(request: VideoRequest | None) -> tuple[str, ...]:
    """Return the caller's free texts, which Google may quote."""
    return request.words if request else ()


def without_echo(message: str, texts: Iterable[str]) -> str:
    """Replace each quotation of one of the texts with an ellipsis."""
    known = [_words(text) for text in texts]
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", message).replace('\\"', '"')
    hidden = sorted({*_find_quoted(plain, known), *_find_runs(plain, known)})
    return _hide(plain, hidden) if hidden else message


def _words(text: str) -> list[str]:
    return [found[0].casefold() for found in _WORD.finditer(text)]


def _find_quoted(message: str, known: list[list[str]]) -> Iterator[tuple[int, int]]:
    """Find what is in quotation marks and in a text, however short."""
    for found in _QUOTED.finditer(message):
        quoted = f" {' '.join(_words(found[0]))} "
        if quoted.strip() and any(quoted in f" {' '.join(text)} " for text in known):
            yield found.start() + 1, found.end() - 1


def _find_runs(message: str, known: list[list[str]]) -> Iterator[tuple[int, int]]:
    """Find each run of words that a text contains in the same order."""
    found = list(_WORD.finditer(message))
    words = [word[0].casefold() for word in found]
    for text in known:
        length = min(RUN, len(text))
        runs = {tuple(text[at : at + length]) for at in range(len(text) - length + 1)} if length else set()
        for at in range(len(words) - length + 1):
            if tuple(words[at : at + length]) in runs:
                yield found[at].start(), found[at + length - 1].end()


def _hide(message: str, hidden: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end in hidden:
        if start > at or not parts:
            parts += [message[at:start], _HIDDEN]
        at = max(at, end)
    return "".join((*parts, message[at:]))
