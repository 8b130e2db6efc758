"""A director that is late with the cancel of a film takes nothing from the revision that came after it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from publisher.access import Access
from publisher.films.orders import cancel_film, find_film
from schemas.domain.film import Film, FilmState
from schemas.domain.states import JobState
from schemas.ports import WORKERS, Films
from schemas.services.film_cancel import cancel_scenes
from schemas.wire.message import CANCEL
from subscriber.films.director import Director
from tests.films.house import House, house_in, scene, storyboard


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_in(tmp_path) as house:
        yield house


class ReadOnce:
    """Films of which one is read, and after that something happens."""

    def __init__(self, films: Films, then: Callable[[], Awaitable[None]]) -> None:
        self._films, self._then = films, then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._films, name)

    async def get(self, film_id: str) -> Film | None:
        film = await self._films.get(film_id)
        await self._then()
        return film


async def cancelled(house: House) -> Film:
    """A film whose cancel was carried out and announced."""
    director = Director(house.ctx)
    await house.order(storyboard(scene("one")))
    await director.advance("ad")
    await cancel_film(house.desk, await find_film(house.desk, "ad", Access()))
    await director.advance("ad")
    assert [job.state for job in await house.jobs()] == [JobState.CANCELLED]
    return await find_film(house.desk, "ad", Access())


async def revise(house: House) -> None:
    """Order the same scene in the next revision, which queues its job again."""
    await house.order(storyboard(scene("one"), revision=2))
    await Director(house.ctx).advance("ad")


async def test_the_cancel_of_a_film_names_the_lives_of_its_jobs(house: House) -> None:
    await cancelled(house)
    await revise(house)
    await cancel_film(house.desk, await find_film(house.desk, "ad", Access()))
    await Director(house.ctx).advance("ad")
    waiting = await house.desk.bus.list_waiting(WORKERS)
    assert [each["life"] for each in waiting if each["ce-type"] == CANCEL] == ["1", "2"]


@pytest.mark.parametrize("is_late", [False, True], ids=["before its reads", "after its reads"])
async def test_a_late_cancel_leaves_the_jobs_that_the_next_revision_queued_again(house: House, is_late: bool) -> None:
    film = await cancelled(house)
    ctx, films = house.ctx, house.ctx.films
    if is_late:
        films = cast("Films", ReadOnce(films, lambda: revise(house)))
    else:
        await revise(house)
    await cancel_scenes(film, films=films, jobs=ctx.jobs, bus=ctx.bus, clock=ctx.clock)
    (job,) = await house.jobs()
    assert (job.state, job.life, job.cancel_requested) == (JobState.QUEUED, 2, False)
    async with house.directing(), house.rendering():
        ended = await house.until(lambda view: view.state.ended)
    assert ended.state is FilmState.SUCCEEDED
    assert house.paid == [job.job_id]
