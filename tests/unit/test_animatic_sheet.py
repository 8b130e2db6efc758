"""The card of a film without a picture: all that is known of the shot is on it, and what is left out is counted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.animatic.captions import has_notes, reads_from_right, set_captions
from infra.animatic.layout import Layout
from infra.animatic.render import render
from infra.animatic.shot_notes import Note, Page, set_pages
from infra.animatic.text import clean
from tests.unit.animatic_film import Frames, board, grey

WIDE, TALL = Layout(width=1280, height=720), Layout(width=720, height=1280)
ACCENT = (200, 100, 50)
SHOT: dict[str, Any] = {
    "width": 640,
    "height": 360,
    "seed": 4,
    "title": "The workshop",
    "description": "A craftsman planes a board.",
    "visual": "Warm wood, long shadows.",
    "script": "NARRATOR: Every table begins with a tree.\nCRAFTSMAN: And with patience.",
    "camera": "static",
    "music": "calm guitar",
    "style": "warm",
    "project": "walnut",
    "shot": 4,
}


def text_of(pages: list[Page]) -> str:
    return " ".join(row.line for page in pages for row in page.rows)


@pytest.fixture(scope="module")
def whole_card(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    """The first frame of the card that has everything."""
    return first_frame(tmp_path_factory.mktemp("whole"), **SHOT)


def first_frame(folder: Path, **fields: Any) -> Frames:
    path = folder / "film.mp4"
    render(board(**fields), path)
    frames: Frames = grey(path)[0]
    return frames


@pytest.mark.parametrize("field", ["title", "description", "visual", "script", "music", "style", "project", "shot"])
def test_each_thing_that_is_known_is_on_the_card(tmp_path: Path, whole_card: Frames, field: str) -> None:
    without = first_frame(tmp_path, **(SHOT | {field: None if field == "shot" else ""}))
    assert (np.abs(whole_card - without) > 60).sum() > 30


def test_each_line_of_the_dialogue_is_a_line_of_its_own() -> None:
    note = Note(label="SCRIPT", paragraphs=("A: Yes.", "B: No.", "A: Well."))
    [page] = set_pages((note,), WIDE, 600, 1)
    assert [row.line for row in page.rows] == ["A: Yes.", "B: No.", "A: Well."]
    assert [row.label for row in page.rows] == ["SCRIPT", "", ""]


@pytest.mark.parametrize("layout", [WIDE, TALL])
def test_what_is_long_is_set_smaller_and_then_in_pages(layout: Layout) -> None:
    sizes, counts = [], []
    for repeats in (1, 12, 24, 150):
        text = "A long walk through the city at night. " * repeats
        pages = set_pages((Note(label="ACTION", paragraphs=(clean(text),)),), layout, 420, 99)
        assert clean(text_of(pages)) == clean(text)
        assert all(page.height_px <= 420 for page in pages)
        assert all(page.rows[0].label == "ACTION" for page in pages)
        sizes.append(pages[0].type.size_px)
        counts.append(len(pages))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1] >= 21
    assert counts[0] == 1 < counts[-1]


def test_what_has_no_time_to_be_shown_is_counted() -> None:
    note = Note(label="ACTION", paragraphs=(clean("A long walk through the city at night. " * 150),))
    everything, shown = set_pages((note,), WIDE, 420, 99), set_pages((note,), WIDE, 420, 2)
    assert len(shown) == 2
    lines = sum(len(page.rows) for page in everything)
    left = lines - sum(len(page.rows) for page in shown) + 1
    assert shown[-1].rows[-1].line == f"… (+{left} lines)"
    assert shown[0] == everything[0]


@given(st.lists(st.text(max_size=80), max_size=6), st.sampled_from([WIDE, TALL]), st.integers(60, 500))
def test_any_notes_fit_their_room(texts: list[str], layout: Layout, room_px: int) -> None:
    notes = tuple(Note(label="ACTION", paragraphs=(clean(text),)) for text in texts if clean(text))
    if notes:
        pages = set_pages(notes, layout, room_px, 3)
        assert all(page.height_px <= room_px or len(page.rows) == 1 for page in pages)
        assert len(pages) <= 3


def test_a_title_that_has_no_room_is_a_note_and_whole() -> None:
    long = board(**(SHOT | {"title": "A title with many words " * 30, "description": ""}))
    assert has_notes(long)
    assert len(set_captions(replace(long, duration_seconds=5), WIDE, ACCENT)) > 1


def test_a_prompt_alone_is_set_large_without_notes_and_a_long_one_in_notes() -> None:
    assert not has_notes(board(description="A boat leaves the harbour at dawn.", camera="", width=1280, height=720))
    assert has_notes(board(description="A boat leaves the harbour at dawn. " * 30, camera="", width=1280, height=720))


def test_pages_follow_each_other_to_the_end_of_the_film() -> None:
    long = board(**(SHOT | {"description": "A long walk. " * 150, "width": 1280, "height": 720, "duration_seconds": 8}))
    head, *pages = set_captions(long, WIDE, ACCENT)
    assert (head.start_s, head.end_s) == (0, 8)
    assert len(pages) > 1
    assert [page.start_s for page in pages] == [0.0, *(page.end_s for page in pages[:-1])]
    assert pages[-1].end_s == 8


@pytest.mark.parametrize("size", [(640, 360), (360, 640)])
def test_a_card_that_is_read_from_the_right_stands_at_the_right(tmp_path: Path, size: tuple[int, int]) -> None:
    fields = {"width": size[0], "height": size[1], "description": "סירה", "script": "שלום", "camera": "static"}
    assert reads_from_right(board(**fields))
    frame = first_frame(tmp_path, **fields)[60:]
    bright = np.flatnonzero((frame > 170).any(0))
    assert bright.min() > size[0] * 0.4


def test_a_small_frame_has_room_for_something(tmp_path: Path) -> None:
    assert first_frame(tmp_path, **(SHOT | {"width": 64, "height": 36})).shape == (36, 64)
