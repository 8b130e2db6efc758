"""The words of a film: chapter names from any title."""

import pytest

from schemas.domain.film_words import chapter_of
from schemas.wire.film import FilmScene


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Spring", "Spring"),
        ("  two\nlines ", "two lines"),
        ("nul\x00and\x1bescape", "nulandescape"),
        ("", "opening"),
        ("\u200b\u2060", "opening"),
        ("é" * 200, "é" * 60),
    ],
)
def test_a_chapter_is_named_by_the_title_or_else_by_the_name(title: str, name: str) -> None:
    scene = FilmScene.model_validate({"name": "opening", "scene": {"title": title, "visual": "A garden at noon"}})
    assert chapter_of(scene) == name
    assert chapter_of(FilmScene(name="opening", prompt="A garden at noon")) == "opening"
