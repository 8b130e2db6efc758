"""Scenes, beyond the golden vectors: what holds for all of them."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.wire.scene import BLANKS, Scene, build_prompt, clean, duration_of

texts = st.one_of(st.none(), st.text(max_size=40), st.text(alphabet=BLANKS + "ab.", max_size=40))
NAMES = ("title", "description", "visual", "cameraFlow", "script", "backgroundMusic")
scenes = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, texts))


@given(st.text(max_size=60))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert "  " not in once
    assert once == once.strip(BLANKS)


@given(scenes)
def test_a_prompt_is_empty_only_where_every_text_is_blank(fields: dict[str, Any]) -> None:
    prompt = build_prompt(Scene.model_validate(fields))
    assert (prompt == "") == all(not clean(text) for text in fields.values())
    assert prompt == clean(prompt)


@given(scenes)
def test_every_text_stands_in_the_prompt_in_the_order_of_the_labels(fields: dict[str, Any]) -> None:
    prompt, at = build_prompt(Scene.model_validate(fields)), 0
    for name in NAMES:
        text = clean(fields.get(name))
        assert text in prompt[at:]
        at = prompt.index(text, at) + len(text)


@given(start=st.integers(0, 10_000), length=st.integers(1, 10_000))
def test_a_duration_holds_its_scene_and_less_than_a_second_more(start: int, length: int) -> None:
    begin, end = f"{start / 100:.2f}s", f"{(start + length) / 100:.2f}s"
    together = duration_of(Scene(timeStart=begin, timeEnd=end))
    assert together == duration_of(Scene(timeEnd=f"{begin}-{end}"))
    assert together is not None
    assert length <= together * 100 < length + 100


def test_a_scene_without_an_end_names_no_duration() -> None:
    assert duration_of(Scene(title="A boat", timeStart="0:05")) is None


@pytest.mark.parametrize("fields", [{"timeEnd": True}, {"timeEnd": {}}, {"nope": 1}, {"timeEnd": "8", "timeStart": 9}])
def test_a_scene_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Scene.model_validate(fields)


def test_a_scene_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Scene(title="A boat").title = "A ship"  # type: ignore[misc]


@given(st.floats(0, 9_999, allow_nan=False), st.floats(0.001, 9_999, allow_nan=False))
def test_times_from_floating_point_are_stored_so_that_any_release_reads_them(start: float, length: float) -> None:
    scene = Scene(timeStart=start, timeEnd=start + length)
    stored = Scene.model_validate_json(scene.model_dump_json())
    assert stored == scene
    for time in (stored.timeStart, stored.timeEnd):
        assert re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,6})?", str(time)), "the grammar of the first release"


@pytest.mark.parametrize("time", [8, 8.5, "8s", " 0:08 ", "0:05-0:13", "8.40", "8SEC"])
def test_times_without_noise_are_stored_as_they_came(time: str | float) -> None:
    assert Scene(timeEnd=time).timeEnd == time


def test_noise_in_a_text_is_not_stored() -> None:
    scene = Scene(timeStart="0.30000000000000004", timeEnd="8.299999999999999s")
    assert (scene.timeStart, scene.timeEnd) == ("0.3", "8.3")
    assert Scene(timeEnd="0.30000000000000004-8.299999999999999s").timeEnd == "0.3-8.3"
