"""Words on the screen: nothing is lost without a sign, nothing runs out of its room, nothing flashes by."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.animatic.bidi import CONTROLS
from infra.animatic.captions import READING_RATE_PER_S, Passage, cue
from infra.animatic.layout import Layout, shrink
from infra.animatic.text import ELLIPSIS, Measure, atoms, chunk, clean, clusters, count_reading_units, shorten, wrap
from infra.animatic.typeface import BOLD

SENTENCES = "The door opens. A woman walks in, looks around, and sits down by the window. Rain runs down the glass."


def measure(width: int = 30, lines: int = 2) -> Measure:
    return Measure(width_px=width, lines=lines, width_of=lambda text: float(len(text)))


@given(st.text(max_size=300))
def test_cleaning_leaves_printable_text_that_can_be_stored(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert "\n" not in cleaned
    assert "\x00" not in cleaned


@given(st.text(max_size=200))
def test_taking_text_apart_loses_nothing(text: str) -> None:
    assert "".join(clusters(text)) == text
    assert "".join(atoms(text)) == text


@pytest.mark.parametrize("whole", ["👍🏽", "👩‍💻", "e\u0301", "🇫🇷", "❤\ufe0f", "न\u093f"])
def test_what_is_one_character_to_a_reader_stays_together(whole: str) -> None:
    assert list(clusters(f"a{whole}b")) == ["a", whole, "b"]


@given(st.text(max_size=300), st.integers(5, 60), st.integers(1, 4))
def test_captions_fit_their_room_and_lose_nothing(text: str, width: int, lines: int) -> None:
    room = measure(width, lines)
    captions = list(chunk(text, room))
    for caption in captions:
        wrapped = wrap(caption, room)
        assert len(wrapped) <= lines
        assert all(len(line) <= width or len(list(clusters(line))) == 1 for line in wrapped)
    assert letters("".join(captions)) == letters(clean(text))


def letters(text: str) -> str:
    """Without blanks, and without the controls of direction, which are repeated in each part."""
    return "".join(char for char in text if not char.isspace() and char not in CONTROLS)


def test_captions_end_with_sentences() -> None:
    assert next(iter(chunk(SENTENCES, measure(34, 2)))) == "The door opens. A woman walks in, looks around,"
    assert [caption[-1] for caption in chunk(SENTENCES, measure(26, 2))] == [",", ".", "."]


def test_lines_are_of_even_length() -> None:
    first, second = wrap("One two three four five six seven eight nine", measure(40))
    assert abs(len(first) - len(second)) < 8


def test_japanese_breaks_between_characters_but_never_before_a_full_stop() -> None:
    lines = wrap("静かな街に朝の光が差し込み、最初の電車が橋を渡る。", measure(8, 9))
    assert len(lines) > 2
    assert not any(line.startswith(("。", "、")) for line in lines)


def test_too_much_text_ends_in_an_ellipsis_after_a_whole_word() -> None:
    short = shorten(SENTENCES * 4, 60, count_reading_units)
    assert short.endswith(ELLIPSIS)
    assert len(short) <= 60
    assert f"{short[:-1]} " in SENTENCES or short[:-1] in SENTENCES


def test_a_little_too_much_text_is_shown_whole() -> None:
    assert shorten(SENTENCES, len(SENTENCES) * 0.9, count_reading_units) == SENTENCES


@given(st.text(max_size=400), st.text(max_size=400), st.integers(1, 30))
def test_cues_follow_each_other_inside_the_film(action: str, script: str, length_s: int) -> None:
    texts = (Passage(kind="action", text=clean(action)), Passage(kind="script", text=clean(script)))
    cues = cue(tuple(each for each in texts if each.text), 0.1, length_s, measure(40))
    assert all(0.1 <= each.start_s < each.end_s <= length_s + 1e-6 for each in cues)
    assert all(before.end_s <= after.start_s + 1e-9 for before, after in pairwise(cues))


@given(st.integers(2, 30), st.integers(1, 60))
def test_no_caption_is_faster_than_people_read(length_s: int, repeats: int) -> None:
    passages = (Passage(kind="action", text=SENTENCES * repeats), Passage(kind="script", text=SENTENCES))
    cues = cue(passages, 0, length_s, measure(44))
    shown = sum(count_reading_units(each.text) for each in cues)
    assert shown / length_s <= READING_RATE_PER_S * 1.26
    assert {each.kind for each in cues} == {"action", "script"}


def test_a_page_that_stands_alone_says_something_even_in_one_second() -> None:
    [short] = cue((Passage(kind="action", text=SENTENCES),), 0, 1, measure(80))
    [longer] = cue((Passage(kind="action", text=SENTENCES),), 0, 1, measure(80), least=60)
    assert len(short.text) < 20
    assert 50 < len(longer.text) <= 60


def test_a_title_is_set_as_large_as_it_fits_and_cut_only_when_it_must_be() -> None:
    layout = Layout(width=1280, height=720)
    long, longest = "word " * 16, "word " * 60
    blocks = [shrink(text, layout, (92.0, 44.0), (3, 0.7, BOLD)) for text in ("A title", long, longest)]
    assert [block.type.size_px for block in blocks] == [92, 44, 44]
    assert [block.lines[-1].endswith(ELLIPSIS) for block in blocks] == [False, False, True]
    assert all(len(block.lines) <= 3 for block in blocks)


@given(st.text(max_size=120), st.sampled_from([(1280, 720), (720, 1280), (64, 36)]))
def test_any_text_can_be_set_in_the_real_typeface(text: str, size: tuple[int, int]) -> None:
    layout = Layout(width=size[0], height=size[1])
    room = layout.caption_room()
    lines = [line for caption in chunk(text, room) for line in wrap(caption, room)]
    narrow = all(room.width_of(line) <= room.width_px or len(list(clusters(line))) == 1 for line in lines)
    assert narrow
