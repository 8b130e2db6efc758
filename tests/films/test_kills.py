"""SIGKILL of a director at its steps from the fan-out to the end: one job a scene, one film, each scene paid once."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from infra.clock import SystemClock
from schemas.domain.film import JOIN_CLAIM, FilmState
from tests.films.house import PRICE, House, house_in, scene, storyboard

POINTS = (
    "after jobs.create 1",  # the job exists, and its request is not published
    "before films.save 1",  # the jobs exist, and the film does not say so
    "after films.save 2",  # all scenes have ended, and the claim to join is stored
    "after videos.put 1",  # the film is joined and stored, and its record does not say so
    "after bus.publish 3",  # its end is announced, and its record does not say so
)


class ClockAhead(SystemClock):
    """The clock of a moment at which the claim of the killed director has expired."""

    def now(self) -> datetime:
        return super().now() + JOIN_CLAIM + timedelta(seconds=1)


@asynccontextmanager
async def director(folder: Path, point: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A director process that runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.films.launch", str(folder), point),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        assert await process.stdout.readline() == b"running\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_director_makes_nothing_twice(tmp_path: Path, point: str) -> None:
    async with house_in(tmp_path) as house, house.rendering():
        async with director(tmp_path, point) as killed, asyncio.timeout(60):
            await house.order(storyboard(scene("one"), scene("two")))
            assert await killed.wait() == -signal.SIGKILL
        async with House(house.desk, replace(house.ctx, clock=ClockAhead()), tmp_path).directing():
            film = await house.until_announced()
        assert film.state is FilmState.SUCCEEDED
        await expect_one_of_each(house)


async def expect_one_of_each(house: House) -> None:
    jobs = await house.jobs()
    assert len(jobs) == len(house.paid) == len(set(house.paid)) == 2
    assert {job.life for job in jobs} == {1}
    assert sum((job.cost_usd for job in jobs), Decimal(0)) == 2 * PRICE == (await house.view()).price_usd
    files = await house.desk.videos.list("generated-videos/film_ad-")
    assert len(files) == 1
    assert {end.attributes["ce-id"] for end in await house.ends()} == {"ad.1.succeeded"}
