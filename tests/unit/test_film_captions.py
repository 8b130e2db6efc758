"""Captions of any script: two lines of 42 columns, a second each, all words, and within the scene."""

import random
import unicodedata
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from infra.media.captions import cues_of, split_script
from schemas.domain.film_words import LINE_COLUMNS, columns_of, script_columns_at_most
from schemas.ports import Segment

RATE = Fraction(24)
FAMILY = "👨‍👩‍👧‍👦"
SCRIPTS = (
    "The kite rises over the field. Below it, a child runs, and the string is tight!",
    "今日はいい天気ですね、散歩に行きましょう。花が咲いて、鳥が鳴いています。",
    "مرحبا بالعالم، هذا نص طويل للتجربة مع كلمة English في الوسط.",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    f"{FAMILY * 30}",
    "Z\u0351\u036b\u0343a\u0363\u0366l\u0310g\u0367o\u0352 " * 6,
    "Wo. Wo. " * 12,
    "</v><b>{\\an8}x\\N-->&amp; 00:00:01.000 --> 00:00:09.000",
)


def segment(script: str, start_ms: int, length_ms: int) -> Segment:
    return Segment(clip=Path("one.mp4"), trim_ms=0, start_ms=start_ms, length_ms=length_ms, script=script)


def words_of(lines: tuple[str, ...]) -> str:
    return "".join("".join(lines).split())


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_word_is_in_a_caption_of_two_lines(script: str) -> None:
    parts = split_script(script, 100)
    assert "".join(map(words_of, parts)) == "".join(unicodedata.normalize("NFC", script).split())
    assert max(len(part) for part in parts) <= 2
    assert max(columns_of(line) for part in parts for line in part) <= LINE_COLUMNS


def test_a_cluster_is_never_split() -> None:
    assert all(set(line.replace(FAMILY, "")) == set() for part in split_script(FAMILY * 30, 100) for line in part)


def test_a_caption_ends_with_a_sentence_if_there_is_time_for_it() -> None:
    script = "The first of both sentences is of a middle length. And the second one is, all in all, as long."
    assert [" ".join(part)[-1] for part in split_script(script, 3)] == [".", "."]


def test_a_script_of_valid_length_has_a_second_for_each_caption() -> None:
    chance = random.Random(7)  # the same scripts in each run
    letters = "abcdefghijklm.,é今天 \u0351"
    for _ in range(150):
        seconds = chance.randint(1, 9)
        script = ""
        while True:
            word = "".join(chance.choices(letters, k=chance.choice((1, 3, 8, 22, 50))))
            if columns_of(longer := f"{script} {word}".strip()) > script_columns_at_most(seconds * 1000):
                break
            script = longer
        parts = split_script(script, seconds)
        assert len(parts) <= seconds, script


def test_times_are_shares_of_the_text_between_two_cuts() -> None:
    first, second = "A word and another one in this long first part of it, " * 2, "End."
    cues = list(cues_of([segment(first + second, 0, 6000), segment("Next.", 5500, 2000)], RATE))
    assert cues[0].start_ms == 0
    assert [a.end_ms for a in cues[:-1]] == [b.start_ms for b in cues[1:]]
    assert cues[-2].end_ms == 5500, "the captions of a scene end where a crossfade into the next one begins"
    assert cues[-1].end_ms == 7500
    assert all(cue.end_ms - cue.start_ms >= 1000 for cue in cues)
    by_text = sorted(cues[:-1], key=lambda cue: columns_of(" ".join(cue.lines)))
    assert by_text == sorted(cues[:-1], key=lambda cue: cue.end_ms - cue.start_ms)


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30_000, 1001), Fraction(25)])
def test_captions_begin_and_end_with_a_frame(rate: Fraction) -> None:
    cues = list(cues_of([segment(SCRIPTS[0], 700, 4710), segment(SCRIPTS[2], 5410, 3000)], rate))
    for moment in {moment for cue in cues for moment in (cue.start_ms, cue.end_ms)}:
        nearest = round(moment * rate / 1000)
        assert 0 <= moment - nearest * 1000 / rate < 1
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(cues))


def test_a_scene_without_a_script_has_no_captions() -> None:
    assert list(cues_of([segment("", 0, 2000)], RATE)) == []
    assert list(cues_of([segment("\U0010fffe", 0, 2000)], RATE)) == [], "a sign that no font has"


def test_a_caption_of_a_scene_below_a_second_lasts_as_long_as_the_scene() -> None:
    (cue,) = cues_of([segment("Short.", 0, 500)], RATE)
    assert (cue.start_ms, cue.end_ms) == (0, 500)
