"""Captions of a script: every word, in order, readable, and never after the end."""

import re

import pytest

from schemas.domain.captions import LINE_CHARACTERS, to_webvtt

SCRIPT = (
    "The kite rises over the field. Below it, a child runs & laughs, and the string is <tight>! "
    "Nothing else moves, as far as the eye can see, but the long grass in the evening wind."
)


def test_captions_follow_each_other_to_the_end() -> None:
    text = to_webvtt(SCRIPT, 12)
    assert text is not None
    head, *cues = text.strip().split("\n\n")
    assert head == "WEBVTT"
    stamps = [re.findall(r"00:00:(\d\d\.\d{3})", cue.splitlines()[0]) for cue in cues]
    times = [(float(start), float(end)) for start, end in stamps]
    assert times[0][0] == 0
    assert times[-1][1] == 12
    assert all(end - start >= 1 for start, end in times)
    assert [start for start, _ in times[1:]] == [end for _, end in times[:-1]]
    lines = [line for cue in cues for line in cue.splitlines()[1:]]
    assert " ".join(lines) == SCRIPT.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert (
        max(len(line.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")) for line in lines)
        <= LINE_CHARACTERS
    )


@pytest.mark.parametrize("script", ["", "  \n "])
def test_a_script_without_words_has_no_captions(script: str) -> None:
    assert to_webvtt(script, 6) is None


def test_a_caption_can_not_end_its_cue() -> None:
    text = to_webvtt("First\n\n00:00:00.000 --> 00:00:09.000\nSecond", 4)
    assert text is not None
    assert text.count("-->") == 1


def test_a_script_that_is_far_too_long_stays_within_the_video() -> None:
    text = to_webvtt("A word. " * 500, 4)
    assert text is not None
    assert text.count("-->") == 4
    assert "00:00:04.000" in text.splitlines()[-2] or "00:00:04.000" in text
