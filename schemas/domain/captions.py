"""Captions of a scene's script, as WebVTT (https://www.w3.org/TR/webvtt1).

Each caption is shown for as long as its share of the text. Exact times would need speech recognition.
"""

import re
import textwrap

LINE_CHARACTERS = 42
"""Of a line; a caption has two (https://partnerhelp.netflixstudios.com/hc/en-us/articles/217350977)."""
LEAST_S = 1.0
_ENDS = re.compile(r"(?<=[.!?…。！？])\s+")


def to_webvtt(script: str, seconds: float) -> str | None:
    """Return the captions of a script that lasts for the whole video; None for a script without a word."""
    captions = _split(script)
    if not captions:
        return None
    captions = captions[: max(1, int(seconds / LEAST_S))]
    weights = [len(caption) for caption in captions]
    spare, at, cues = max(0.0, seconds - LEAST_S * len(captions)), 0.0, []
    for caption, weight in zip(captions, weights, strict=True):
        end = at + min(LEAST_S, seconds / len(captions)) + spare * weight / sum(weights)
        cues.append(f"{_stamp(at)} --> {_stamp(min(end, seconds))}\n{_escape(caption)}\n")
        at = end
    return "WEBVTT\n\n" + "\n".join(cues)


def _split(script: str) -> list[str]:
    """Return captions of at most two lines. A sentence begins a new one."""
    found = []
    for sentence in _ENDS.split(" ".join(script.split())):
        lines = textwrap.wrap(sentence, LINE_CHARACTERS)
        found += ["\n".join(lines[at : at + 2]) for at in range(0, len(lines), 2)]
    return found


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _stamp(seconds: float) -> str:
    millis = round(seconds * 1000)
    return f"{millis // 3_600_000:02}:{millis // 60_000 % 60:02}:{millis // 1000 % 60:02}.{millis % 1000:03}"
