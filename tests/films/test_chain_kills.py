"""SIGKILL between the end of a scene and the order of the one that continues from it: one job a scene, paid once."""

import asyncio
import signal
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from schemas.domain.film import FilmState
from tests.films.house import PRICE, house_in, scene, storyboard

POINTS = (
    "before videos.put 1",  # the scene before has a video
    "after videos.put 1",  # the next scene is noted as a user of its first frame
    "after videos.put 2",  # the frame is stored, and no job begins with it
    "after jobs.create 2",  # the job exists, and its request is not published
    "after bus.publish 2",  # it is published, and its record does not say so
)


@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_director_continues_each_scene_once(tmp_path: Path, point: str) -> None:
    request = storyboard(scene("one"), scene("two", continue_from_previous=True))
    async with house_in(tmp_path) as house, house.rendering():
        killed = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.films.launch", str(tmp_path), point), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert killed.stdout
            assert await killed.stdout.readline() == b"running\n"
            await house.order(request)
            async with asyncio.timeout(60):
                assert await killed.wait() == -signal.SIGKILL
        finally:
            if killed.returncode is None:
                killed.kill()
                await killed.wait()
        async with house.directing(), house.directing():
            film = await house.until_announced()
        assert film.state is FilmState.SUCCEEDED
        jobs = await house.jobs()
        assert len(jobs) == len(house.paid) == len(set(house.paid)) == 2
        assert {job.life for job in jobs} == {1}
        assert sum((job.cost_usd for job in jobs), Decimal(0)) == 2 * PRICE == (await house.view()).price_usd
        assert len(await house.desk.videos.list("references/")) == 1
        assert len(await house.desk.videos.list("referrers/")) == 1
        assert {end.attributes["ce-id"] for end in await house.ends()} == {"ad.1.film.succeeded"}
