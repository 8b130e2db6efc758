"""What every store promises about films: one of two writers wins, and a film is found by its jobs and its next look."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.adapters import Adapters
from schemas.domain.film import Film, FilmState, SceneJob
from schemas.domain.film_tombstone import film_tombstone_of
from schemas.errors import AlreadyExists, Conflict, Invalid
from schemas.ports import DueFilm, FilmQuery, Films
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


def at(after_s: float) -> datetime:
    return NOON + timedelta(seconds=after_s)


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
    soon, late = await films.due(now, limit=10)
    assert [soon, late] == [DueFilm(film_id="soon", at=at(10)), DueFilm(film_id="late", at=at(20))]
    assert await films.due(now, limit=1) == [soon]
    assert await films.due(now, limit=10, after=soon) == [late]
    assert await films.due(now, limit=10, after=late) == []


async def test_films_that_are_due_at_one_moment_come_page_by_page(films: Films) -> None:
    for number in (3, 1, 2, 5, 4):
        await films.create(a_film(f"film-{number}"))
    last, found = None, list[str]()
    while page := await films.due(NOON, limit=2, after=last):
        found += [each.film_id for each in page]
        last = page[-1]
    assert found == [f"film-{number}" for number in range(1, 6)]


async def test_films_are_listed_by_state_project_and_caller(films: Films) -> None:
    for number, (project_id, caller) in enumerate([("p1", None), ("p1", "acme"), (None, "acme"), ("p2", "acme/p1")]):
        film = a_film(f"film-{number}", caller=caller, created_at=NOON + timedelta(seconds=number))
        await films.create(
            film.model_copy(update={"request": film.request.model_copy(update={"project_id": project_id})})
        )
    first = await films.get("film-1")
    assert first
    await films.save(first.end(NOON, FilmState.FAILED))

    async def listed(**query: Any) -> list[str]:
        return [film.film_id for film in (await films.list(FilmQuery(**query))).films]

    assert await listed() == ["film-3", "film-2", "film-1", "film-0"]
    assert await listed(project_id="p1") == ["film-1", "film-0"]
    assert await listed(caller="acme") == ["film-2", "film-1"]
    assert await listed(caller="acme", project_id="p1") == ["film-1"]
    assert await listed(state=FilmState.FAILED) == ["film-1"]
    assert await listed(state=FilmState.PLANNED, caller="acme") == ["film-2"]
    assert await listed(state=FilmState.PLANNED, caller="acme", project_id="p1") == []
    assert await listed(state=FilmState.FAILED, project_id="p1") == ["film-1"]


async def test_pages_list_each_film_once(films: Films) -> None:
    for number in range(5):  # two of them were created in the same millisecond
        await films.create(a_film(f"film-{number}", created_at=NOON + timedelta(seconds=min(number, 3))))
    pages, query = [], FilmQuery(limit=2)
    while True:
        page = await films.list(query)
        pages.append([film.film_id for film in page.films])
        if page.cursor is None:
            break
        query = replace(query, cursor=page.cursor)
    assert pages == [["film-3", "film-4"], ["film-2", "film-1"], ["film-0"]]
    assert await films.get("film-3") in (await films.list(FilmQuery())).films
    for wrong in (FilmQuery(cursor="nonsense"), FilmQuery(limit=0)):
        with pytest.raises(Invalid):
            await films.list(wrong)


async def test_ended_films_are_found_until_they_are_erased(films: Films) -> None:
    ended = [a_film(f"film-{after_s}").end(NOON + timedelta(seconds=after_s), FilmState.FAILED) for after_s in (20, 10)]
    for film in (a_film("goes-on"), *ended):
        await films.create(film)
    assert await films.list_ended_before(NOON + timedelta(seconds=15), limit=10) == ["film-10"]
    later = NOON + timedelta(seconds=30)
    assert await films.list_ended_before(later, limit=10) == ["film-10", "film-20"]
    assert await films.list_ended_before(later, limit=1) == ["film-10"]
    first = await films.get("film-10")
    assert first
    await films.save(film_tombstone_of(first, later))
    assert await films.list_ended_before(later, limit=10) == ["film-20"]
