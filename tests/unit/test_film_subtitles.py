"""Files of captions, read back by FFmpeg: whatever a script has in it, the same captions come out."""

import re
from pathlib import Path
from typing import Any

import av
import pytest

from infra.media.captions import Cue
from infra.media.subtitles import write_subtitles

HOSTILE = (
    ("The <b>kite</b> rises, a < b & c &amp; d.",),
    ("00:00:01.000 --> 00:00:09.000", "42"),
    ("{\\an8}{b} C:\\new\\Next \\h {\\p1}m 0 0", "</v><script>alert(1)</script>"),
    ("مرحبا بالعالم English", "今日は 👨‍👩‍👧 Grüße"),
    ("NOTE", "STYLE ::cue{color:red}"),
)
CUES = [Cue(start_ms=1000 * at, end_ms=1000 * at + 1000, lines=lines) for at, lines in enumerate(HOSTILE)]


def read(path: Path) -> list[tuple[int, int, str]]:
    """Start, end and words of each caption, in FFmpeg's own reading of the file."""
    found = list[tuple[int, int, str]]()
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.subtitles[0]):
            if packet.pts is None or not packet.time_base or not packet.duration:
                continue
            sets: list[Any] = packet.decode()
            words = "".join(_plain(each.ass.decode()) for each in sets)
            start, length = (round(ticks * packet.time_base * 1000) for ticks in (packet.pts, packet.duration))
            found.append((start, start + length, words))
    return found


def _plain(event: str) -> str:
    """The words of a SubStation event, into which FFmpeg turns every caption."""
    words = event.split(",", 8)[8].replace("\\{{}", "\\{")  # how FFmpeg escapes a brace of WebVTT
    assert not re.search(r"(?<!\\)\{", words), "an unescaped brace begins markup, which is not shown"
    return words.replace("\\N", "\n").replace("\\{", "{").replace("\u2060", "")


@pytest.mark.parametrize("kind", ["vtt", "srt"])
def test_hostile_captions_are_read_back_as_they_were_written(tmp_path: Path, kind: str) -> None:
    to = tmp_path / f"film.{kind}"
    write_subtitles(CUES, to)
    read_back = read(to)
    assert [(start, end) for start, end, _ in read_back] == [(cue.start_ms, cue.end_ms) for cue in CUES]
    given = ["\n".join(cue.lines) for cue in CUES]
    if kind == "srt":
        given = [words.replace("{", "(").replace("}", ")") for words in given]
    assert [words for *_, words in read_back] == given


def test_webvtt_has_its_escapes_and_subrip_has_none(tmp_path: Path) -> None:
    for kind in ("vtt", "srt"):
        write_subtitles(CUES[:1], tmp_path / f"film.{kind}")
    vtt, srt = (tmp_path / "film.vtt").read_text(), (tmp_path / "film.srt").read_text()
    assert vtt.startswith("WEBVTT\n\n")
    assert "The &lt;b&gt;kite&lt;/b&gt; rises, a &lt; b &amp; c &amp;amp; d." in vtt
    assert "00:00:00,000 --> 00:00:01,000\nThe <\u2060b>kite<\u2060/b> rises, a < b & c &amp; d.\n" in srt
