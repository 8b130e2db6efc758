"""What every store promises about films: one of two writers wins, and a film is found by its jobs and its next look."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.adapters import Adapters
from schemas.domain.film import Film, FilmState, SceneJob
from schemas.errors import AlreadyExists, Conflict
from schemas.ports import Films
from schemas.wire.film import FilmRequest
from tests.contract.conftest import ADAPTERS, store_of_each

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
Open = Callable[[], Awaitable[Films]]


@pytest.fixture(params=ADAPTERS)
async def open_films(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """What each of several processes would open."""
    async with store_of_each(request, tmp_path, Adapters.films) as open_store:
        yield open_store


@pytest.fixture
async def films(open_films: Open) -> Films:
    return await open_films()


def a_film(film_id: str = "ad", *jobs: str, after_s: float = 0, **given: Any) -> Film:
    names = jobs or (f"{film_id}-1",)
    scenes = [{"name": name, "prompt": "a slow pan over a désk"} for name in names]
    request = FilmRequest.model_validate({"film_id": "ad", "scenes": scenes})
    entries = tuple(SceneJob(name=name, job_id=name, seconds=5, price_usd="0.5") for name in names)
    at = NOON + timedelta(seconds=after_s)
    fields = {"film_id": film_id, "request": request, "scenes": entries, "created_at": NOON, "changed_at": NOON}
    return Film(**{**fields, "next_check_at": at, **given})


async def test_what_was_created_is_read_back(films: Films) -> None:
    created = await films.create(a_film("__ad__", caller="acme"))
    assert created.stored_revision
    assert await films.get("__ad__") == created
    assert await films.get("other") is None
    with pytest.raises(AlreadyExists):
        await films.create(a_film("__ad__"))


async def test_one_of_two_writers_wins(open_films: Open) -> None:
    one, other = await open_films(), await open_films()
    created = await one.create(a_film())
    saved = await one.save(created.end(NOON, FilmState.CANCELLED))
    with pytest.raises(Conflict):
        await other.save(created.await_scenes(NOON))
    assert await other.get("ad") == saved
    assert (await other.save(saved.note_announced(NOON))).stored_revision != saved.stored_revision
    with pytest.raises(Conflict):
        await one.save(a_film("never-stored"))


async def test_a_save_without_a_change_is_a_new_version(films: Films) -> None:
    created = await films.create(a_film())
    await films.save(created)
    with pytest.raises(Conflict):
        await films.save(created)


async def test_what_is_due_comes_first_that_is_longest_due(films: Films) -> None:
    for film_id, after_s in (("late", 20), ("soon", 10), ("later", 90)):
        await films.create(a_film(film_id, after_s=after_s))
    await films.create(a_film("ended", next_check_at=None))
    now = NOON + timedelta(seconds=30)
    assert await films.due(now, limit=10) == ["soon", "late"]
    assert await films.due(now, limit=1) == ["soon"]
