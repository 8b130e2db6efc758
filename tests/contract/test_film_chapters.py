"""Chapters of films, as a player finds them: at the cuts, to the frame."""

from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from infra.adapters import Adapters
from schemas.ports import FilmEditor, Segment
from tests.unit.media_clips import Film


@pytest.fixture
async def editor() -> AsyncIterator[FilmEditor]:
    async with Adapters() as adapters:
        yield await adapters.film_editor()


def frame_at(path: Path, moment: Fraction) -> int:
    """The number of the frame that a player shows at that time."""
    with av.open(str(path)) as container:
        shown = sorted(frame.time for frame in container.decode(video=0))
        return max(number for number, start in enumerate(shown) if start <= moment)


def chapters_in(path: Path) -> list[tuple[str, Fraction, Fraction]]:
    """The title, start and end in seconds of each chapter."""
    with av.open(str(path)) as container:
        found: list[dict[str, Any]] = [dict(each) for each in container.chapters()]
    return [
        (each["metadata"]["title"], each["start"] * each["time_base"], each["end"] * each["time_base"])
        for each in found
    ]


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30_000, 1001)])
async def test_a_chapter_begins_with_the_first_frame_of_its_scene(
    editor: FilmEditor, tmp_path: Path, fps: Fraction
) -> None:
    """Also if the cut is in the middle of a frame: a player that seeks there shows nothing of the scene before."""
    one, to = Film(seconds=1.0, fps=fps).write(tmp_path / "one.mp4"), tmp_path / "film.mp4"
    titles = ["Grüße & <Küsse>", "夜 😀", "", "end"]
    segments = [
        Segment(clip=one, trim_ms=0, start_ms=700 * number, length_ms=700, chapter=title)
        for number, title in enumerate(titles)
    ]
    await editor.join(segments, to=to)
    chapters = chapters_in(to)
    assert [title for title, _, _ in chapters] == ["Grüße & <Küsse>", "夜 😀", "end"]
    starts = [start for _, start, _ in chapters]
    assert [frame_at(to, start) for start in starts] == [round(Fraction(cut, 1000) * fps) for cut in (0, 700, 2100)]
    ends = [end for _, _, end in chapters]
    assert ends[:-1] == starts[1:]
    assert float(ends[-1]) == pytest.approx(2.8, abs=float(1 / fps))


async def test_a_film_without_names_has_no_chapters(editor: FilmEditor, tmp_path: Path) -> None:
    one, to = Film(seconds=1.0).write(tmp_path / "one.mp4"), tmp_path / "film.mp4"
    await editor.join([Segment(clip=one, trim_ms=0, start_ms=0, length_ms=1000)], to=to)
    assert chapters_in(to) == []
