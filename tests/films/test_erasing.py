"""Erased films: no word and no file is left, the id is never used again, and a purge that dies is finished."""

import asyncio
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from infra.clock import SystemClock
from publisher.access import Access
from publisher.films.orders import cancel_film, find_film, order_film, retake_scene
from publisher.films.plan import plan_film
from publisher.purge import Purge, purge, purge_old
from schemas.domain.film import Film, FilmState
from schemas.domain.film_tombstone import LATE_FILES
from schemas.domain.object_names import is_file_of_film
from schemas.errors import Gone
from subscriber.context import WorkerContext
from subscriber.film_retention import erase_old_films
from tests.films.house import House, house_in, scene, storyboard
from tests.images import data_url, png

SECRET = "the secret of the garden"


class Later(SystemClock):
    """The clock of a later day."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return super().now() + self._by


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_in(tmp_path) as house:
        yield house


async def made(house: House, film_id: str = "ad", **more: object) -> Film:
    """A finished film whose every text has the secret, with a file beside it."""
    secret = {"prompt": SECRET, "style": SECRET, "negative_prompt": SECRET, "scene": {"script": SECRET}}
    words: dict[str, Any] = {
        "titles": [{"before": "secret-door", "text": SECRET}],
        "captions": {"from": "script", "sidecar": ["srt"]},
    }
    request = storyboard({"name": "secret-door", **secret}, scene("two"), film_id=film_id, **words, **more)
    async with house.directing(), house.rendering():
        await house.order(request)
        film = await house.until_announced(film_id)
    assert film.result
    for name in (film.result.gcs_path.replace(".mp4", ".en.vtt"), f"posters/{film.result.gcs_path[17:-4]}.jpg"):
        await house.desk.videos.put(name, SECRET.encode(), content_type="text/vtt")
    return film


async def files_of(house: House, film_id: str) -> list[str]:
    found = [await house.desk.videos.list(f"{folder}/film_{film_id}-") for folder in ("generated-videos", "posters")]
    return [file.name for files in found for file in files]


async def until_swept(house: House, *, is_last: bool = True) -> None:
    """Wait until no file is left; the last look leaves no time of another one."""
    async with asyncio.timeout(40):
        while True:
            film = await find_film(house.desk, "ad", Access())
            if not await files_of(house, "ad") and (film.next_check_at is None or not is_last):
                return
            await asyncio.sleep(0.02)


def rows(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "reelbus.db")) as database:
        tables = ("films", "jobs")
        return "\n".join(str(row) for table in tables for row in database.execute(f"SELECT * FROM {table}"))


async def test_no_word_and_no_file_is_left_and_the_cost_is_known(house: House) -> None:
    film = await made(house, project_id="spring")
    await made(house, "ad-0123456789ab")  # a longer id, whose files begin as those of the other film
    assert SECRET in rows(house.folder)
    before = await files_of(house, "ad")
    report = await purge(house.desk, (), film_ids=["ad"], dry_run=True)
    assert (report.erased_films, await files_of(house, "ad")) == (["ad"], before)
    report = await purge(house.desk, (), film_ids=["ad"])
    assert report == Purge(dry_run=False, erased=list(film.job_ids), erased_films=["ad"])
    left = await files_of(house, "ad")
    assert left == await files_of(house, "ad-0123456789ab")
    assert len(left) == 4
    await purge(house.desk, (), film_ids=["ad-0123456789ab"])
    assert await files_of(house, "ad") == []
    assert SECRET not in rows(house.folder)
    assert "secret-door" not in rows(house.folder)
    view = await house.view()
    assert (view.state, view.video_url, [each.name for each in view.scenes]) == (
        FilmState.SUCCEEDED,
        None,
        ["scene-1", "scene-2"],
    )
    assert film.result
    assert view.erased_at
    assert (view.gcs_path, view.duration_seconds) == (None, film.result.duration_seconds)
    assert all(each.erased_at for each in view.scenes)
    assert (view.titles, view.files) == ((), ())
    assert view.price_usd == view.cost_usd > 0
    assert (await purge_old(house.desk, project_id="spring", older_than=None)).erased_films == []


async def test_an_erased_id_is_never_paid_again(house: House) -> None:
    film = await made(house)
    await purge(house.desk, (), film_ids=["ad"])
    erased = await find_film(house.desk, "ad", Access())
    for order in (film.request, storyboard(scene("new"), revision=2)):
        with pytest.raises(Gone, match="a new film needs a new film_id"):
            await house.order(order)
        with pytest.raises(Gone):
            await plan_film(house.desk, order, Access())
    with pytest.raises(Gone):
        await retake_scene(house.desk, erased, "scene-1", Access(), take=2, max_cost_usd=None)
    assert await cancel_film(house.desk, erased) == erased
    assert len(house.paid) == 2


async def test_a_film_that_goes_on_is_kept_and_so_are_its_scenes(house: House) -> None:
    await house.order(storyboard(scene("one")))
    report = await purge(house.desk, (), film_ids=["ad"])
    assert "film ad has not ended (planned); cancel it first" in report.kept_films[0].reason
    assert (report.erased, report.erased_films) == ([], [])
    await cancel_film(house.desk, await find_film(house.desk, "ad", Access()))
    assert "not announced yet" in (await purge(house.desk, (), film_ids=["ad"])).kept_films[0].reason


async def test_scenes_of_earlier_revisions_are_erased_with_the_film(house: House) -> None:
    first = await made(house)
    async with house.directing(), house.rendering():
        await house.order(storyboard(scene("two"), scene("three"), revision=2))
        await house.until(lambda view: view.state is FilmState.SUCCEEDED and view.revision == 2)
        await house.until_announced()
    report = await purge(house.desk, (), film_ids=["ad"])
    assert len(report.erased) == 3
    assert first.job_ids[0] in report.erased


async def test_a_project_and_a_caller(house: House) -> None:
    acme = Access(caller="acme")
    async with house.directing(), house.rendering():
        await house.order(storyboard(scene("one"), project_id="spring"))
        theirs = await order_film(house.desk, storyboard(scene("one"), project_id="autumn"), acme)
        await house.until_announced()
        await house.until_announced(theirs.film_id)
    report = await purge_old(house.desk, project_id="spring", older_than=None)
    assert (report.erased_films, report.films, len(report.erased)) == (["ad"], [], 1)
    assert (await purge_old(house.desk, project_id=None, older_than=timedelta(days=1))).erased_films == []
    report = await purge_old(house.desk, project_id=None, older_than=None, caller="acme")
    assert report.erased_films == [theirs.film_id]
    assert (await purge_old(house.desk, project_id=None, older_than=None, caller="acme")).erased_films == []


async def test_a_scene_that_was_erased_is_shown_as_erased(house: House) -> None:
    film = await made(house)
    await purge(house.desk, film.job_ids[:1])
    view = await house.view()
    assert [each.erased_at is not None for each in view.scenes] == [True, False]
    assert view.erased_at is None


async def test_retention_erases_films_by_their_end_and_a_director_looks_for_late_files(house: House) -> None:
    film = await made(house)
    ctx = cast("WorkerContext", replace(house.ctx, clock=Later(timedelta(hours=2))))
    assert await erase_old_films(ctx, None) == 0
    assert await erase_old_films(ctx, timedelta(hours=3)) == 0
    assert await erase_old_films(ctx, timedelta(hours=1), dry_run=True) == 1
    assert await erase_old_films(ctx, timedelta(hours=1)) == 1
    assert await erase_old_films(ctx, timedelta(hours=1)) == 0
    assert await files_of(house, "ad") == []
    assert all(each.erased_at is None for each in await house.jobs()), "jobs have ages of their own"
    assert film.result
    await house.desk.videos.put(film.result.gcs_path, b"late", content_type="video/mp4")
    house.ctx = replace(house.ctx, clock=Later(LATE_FILES + timedelta(hours=2)))
    async with house.directing():
        await until_swept(house)


async def test_an_image_whose_job_was_never_made_is_deleted(house: House) -> None:
    await house.order(storyboard(scene("one", reference_image=data_url(png()))))
    async with house.directing():
        pass
    film = await cancel_film(house.desk, await find_film(house.desk, "ad", Access()))
    await house.ctx.films.save(film.note_announced(film.changed_at))
    assert len(await house.desk.videos.list("references/")) == 1
    desk = replace(house.desk, clock=Later(timedelta(hours=3)))
    report = await purge(desk, (), film_ids=["ad"])
    assert report.unfinished_films == []
    assert await house.desk.videos.list("references/") == await house.desk.videos.list("referrers/") == []
    erased = await house.ctx.films.get("ad")
    assert erased
    assert erased.request.scenes[0].reference_image is None


@pytest.mark.slow
@pytest.mark.parametrize("point", ["after films.save 1", "before videos.delete 2"])
async def test_a_purge_that_is_killed_is_finished_by_the_next(tmp_path: Path, point: str) -> None:
    async with house_in(tmp_path) as house:
        await made(house)
        async with purging(tmp_path, point) as killed, asyncio.timeout(60):
            assert await killed.wait() == -signal.SIGKILL
        report = await purge(house.desk, (), film_ids=["ad"])
        assert report.erased_films == ["ad"]
        assert await files_of(house, "ad") == []
        assert SECRET not in rows(tmp_path)
        assert all(job.erased_at for job in await house.jobs())


@pytest.mark.slow
async def test_a_director_finishes_a_purge_that_is_killed(tmp_path: Path) -> None:
    async with house_in(tmp_path) as house:
        await made(house)
        async with purging(tmp_path, "after films.save 1") as killed, asyncio.timeout(60):
            assert await killed.wait() == -signal.SIGKILL
        assert len(await files_of(house, "ad")) == 4
        async with house.directing():
            await until_swept(house, is_last=False)


@asynccontextmanager
async def purging(folder: Path, point: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that erases the film, until it kills itself at a point."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.films.purge", str(folder), point)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize(
    ("name", "is_own"),
    [
        ("0123456789ab.mp4", True),
        ("0123456789ab.en.vtt", True),
        ("0123456789ab-poster.jpg", True),
        ("0123456789ab-0123456789ab.mp4", False),
        ("0123456789abc-0123456789ab.mp4", False),
        ("b-0123456789ab.mp4", False),
        ("0123456789ab-x-0123456789ab.en.vtt", False),
        ("0123456789abcdef-0123456789ab.mp4", False),
    ],
)
def test_the_file_of_a_longer_id_is_another_film(name: str, is_own: bool) -> None:
    assert is_file_of_film(f"posters/film_ad-{name}", "posters/", "ad") is is_own
