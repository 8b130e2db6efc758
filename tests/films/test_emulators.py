"""A film on Google's emulators: Pub/Sub, Firestore and Cloud Storage instead of one file and a folder."""

from pathlib import Path

import pytest

from schemas.domain.film import FilmState
from tests.films.house import PRICE, house_in, scene, storyboard
from tests.gcp.emulated import Project
from tests.unit.media_clips import play


@pytest.mark.emulator
async def test_two_scenes_become_one_film(project: Project, tmp_path: Path) -> None:
    project.set_up()
    urls = {"bus": project.bus_url, "jobs": project.jobs_url, "videos": project.videos_url}
    async with house_in(tmp_path, **urls) as house, house.directing(), house.rendering():
        await house.order(storyboard(scene("one"), scene("two", transition={"kind": "crossfade", "seconds": 0.5})))
        film = await house.until_announced()
        assert film.state is FilmState.SUCCEEDED
        assert film.result
        assert len(house.paid) == len(await house.jobs()) == 2
        assert (await house.view()).cost_usd == 2 * PRICE
        to = tmp_path / "film.mp4"
        await house.desk.videos.fetch(film.result.gcs_path, to)
        assert play(to).frames == 36
