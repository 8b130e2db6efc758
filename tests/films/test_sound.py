"""The sound that a storyboard asks for, from its order to what is heard of the film."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.domain.film import FilmState
from tests.contract.sounds import listen, noise, read_sound, write_clip
from tests.films.house import House, house_in, scene, storyboard

LEVELS_DB = {"one": -45.0, "two": -15.0}


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """Its model makes scenes whose levels differ by 30 dB."""

    def write(_: Any, path: Path) -> Path:
        number = len(list(path.parent.glob("*.mp4")))
        return write_clip(path, noise(1, list(LEVELS_DB.values())[number % 2], seed=number))

    monkeypatch.setattr("tests.films.house.Clip.write", write)
    async with house_in(tmp_path) as house:
        yield house


async def heard_of(house: House, revision: int = 1, **audio: Any) -> tuple[list[float], str]:
    """The loudness of the scenes and of the whole film in LUFS, and the name of its file."""
    more = {"audio": audio} if audio else {}
    await house.order(storyboard(*map(scene, LEVELS_DB), revision=revision, **more))
    view = await house.until(lambda view: view.state is FilmState.SUCCEEDED and view.revision == revision)
    assert view.gcs_path
    to = house.folder / f"film{revision}.mp4"
    await house.desk.videos.fetch(view.gcs_path, to)
    sound = read_sound(to)[:, : 2 * 48_000]
    return [listen(part).lufs for part in (*np.split(sound, 2, axis=1), sound)], view.gcs_path


async def test_a_film_that_asks_for_nothing_has_minus_sixteen_lufs_and_another_one_what_it_asks_for(
    house: House,
) -> None:
    async with house.directing(), house.rendering():
        plain, first = await heard_of(house)
        lower, second = await heard_of(house, 2, normalise_lufs=-23)
        raw, third = await heard_of(house, 3, normalise_lufs=None)
    assert plain == pytest.approx([-16] * 3, abs=1)
    assert lower == pytest.approx([-23] * 3, abs=1)
    assert abs(raw[0] - raw[1]) == pytest.approx(30, abs=2)
    assert len({first, second, third}) == 3
    assert len(house.paid) == 2, "another sound costs nothing"
