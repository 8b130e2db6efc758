"""Captions as files of their own (WebVTT and SubRip), and as a track of an MP4 (3GPP timed text, TS 26.245).

A script may have anything in it. Signs that a reader of these formats would take for markup are escaped in WebVTT. The
others have no escapes: there an invisible word joiner stands between the two signs that begin the markup, and round
brackets in the place of braces, whose content many players drop.
"""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.container import OutputContainer
from av.packet import Packet
from pysubs2 import SSAEvent, SSAFile

from infra.media.captions import Cue

_WORD_JOINER = "\u2060"
_OVERRIDE = re.compile(r"\\(?=[A-Za-z])")
"""Such as `\\N`, and `\\an8` in braces: pysubs2 and players read them also outside of SubStation files."""
_TAG = re.compile(r"<(?=[A-Za-z/])")
_BRACES = str.maketrans("{}", "()")
_MILLISECONDS = Fraction(1, 1000)
_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Sans,18,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def write_subtitles(cues: Sequence[Cue], to: Path) -> None:
    """Write a file of the format that its extension names: `.vtt` or `.srt`."""
    kind = to.suffix.removeprefix(".")
    escape = {"vtt": _escape_vtt, "srt": _escape_srt}[kind]
    subtitles = SSAFile()
    for cue in cues:
        text = r"\N".join(escape(line) for line in cue.lines)
        subtitles.append(SSAEvent(start=cue.start_ms, end=cue.end_ms, text=text))
    # Without this, pysubs2 drops whatever is in braces.
    to.write_text(subtitles.to_string(kind, keep_ssa_tags=True), encoding="utf-8", newline="\n")


def _escape_vtt(line: str) -> str:
    escaped = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _OVERRIDE.sub(lambda _: f"\\{_WORD_JOINER}", escaped)


def _escape_srt(line: str) -> str:
    marked = _TAG.sub(f"<{_WORD_JOINER}", line.replace("-->", f"--{_WORD_JOINER}>")).translate(_BRACES)
    return _OVERRIDE.sub(lambda _: f"\\{_WORD_JOINER}", marked)


def encode_captions(cues: Sequence[Cue], to: OutputContainer) -> "Iterator[Packet[Any]]":
    """Yield the packets of a track of captions. FFmpeg's encoder would read markup in them, so it only opens it."""
    stream: Any = to.add_stream("mov_text")
    stream.codec_context.subtitle_header = _HEADER
    stream.codec_context.time_base = stream.time_base = _MILLISECONDS
    stream.codec_context.open()
    for cue in cues:
        text = "\n".join(cue.lines).encode()
        packet: Packet[Any] = Packet(len(text).to_bytes(2, "big") + text)
        packet.stream, packet.time_base = stream, _MILLISECONDS
        packet.pts = packet.dts = cue.start_ms
        packet.duration = cue.end_ms - cue.start_ms
        yield packet
