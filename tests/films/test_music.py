"""Music under a film, from its order to its file: looked at before anything is paid, and kept with the film."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from infra.media.limited import CallFailed, LimitedProcesses
from publisher.access import Access
from publisher.films.orders import find_film, order_film, retake_scene
from publisher.films.plan import plan_film
from publisher.purge import purge
from schemas.domain.film import Film, FilmState, film_of_record, record_of
from schemas.domain.film_tombstone import film_tombstone_of
from schemas.errors import IdReused, Invalid, NotFound
from schemas.ports import MusicReader, VideoStore
from schemas.wire.film import FilmRequest
from schemas.wire.film_audio import MUSIC_MAX_BYTES
from tests.contract.sounds import inline_flac, level_of, read_sound, tone, write_music
from tests.films.house import House, house_in, scene, storyboard

HERTZ = 6000


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_in(tmp_path) as house:
        yield house


@pytest.fixture
def bed(tmp_path: Path) -> str:
    return inline_flac(write_music(tmp_path / "bed", tone(1.5, HERTZ), codec="flac", kind="flac").read_bytes())


def board(uri: str, *names: str, **more: Any) -> FilmRequest:
    return storyboard(*map(scene, names or ("one",)), audio={"music": {"uri": uri, "fade_seconds": 0}}, **more)


def uri_of(film: Film) -> str:
    assert film.request.audio.music
    return film.request.audio.music.uri


async def test_a_film_has_the_music_that_its_caller_sent_until_it_is_erased(house: House, bed: str) -> None:
    assert (await plan_film(house.desk, board(bed), Access())).price_usd > 0
    assert not await house.desk.videos.list("music/"), "a plan stores nothing"
    async with house.directing(), house.rendering():
        film = await house.order(board(bed))
        ended = await house.until_announced()
        again = await house.order(board(bed))
    assert ended.state is FilmState.SUCCEEDED
    assert again == ended
    assert ended.result
    (stored,) = await house.desk.videos.list("music/")
    assert (uri_of(film), stored.name.startswith("music/film_ad-")) == (f"reelbus:{stored.name}", True)
    to = house.folder / "film.mp4"
    await house.desk.videos.fetch(ended.result.gcs_path, to)
    assert level_of(read_sound(to), HERTZ) > -40
    assert (await purge(house.desk, (), film_ids=["ad"])).erased_films == ["ad"]
    assert not await house.desk.videos.list("music/")


async def test_other_music_is_another_revision_and_a_retake_keeps_it(house: House, bed: str, tmp_path: Path) -> None:
    first = await house.order(board(bed))
    other = inline_flac(write_music(tmp_path / "other", tone(2, 700), codec="flac", kind="flac").read_bytes())
    with pytest.raises(IdReused, match="raise revision"):
        await house.order(board(other))
    second = await house.order(board(other, revision=2))
    assert uri_of(second) != uri_of(first)
    taken = await retake_scene(house.desk, second, "one", Access(), take=2, max_cost_usd=None)
    assert uri_of(taken) == uri_of(second)


class Bucket:
    """A store whose callers may name music in one other bucket."""

    def __init__(self, videos: VideoStore, files: dict[str, bytes]) -> None:
        self._videos, self._files = videos, files
        self.reads = frozenset({"gs://own/references/", "gs://shared/"})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._videos, name)

    async def fetch(self, name: str, to: Path) -> None:
        if not name.startswith("gs://"):
            await self._videos.fetch(name, to)
        elif name in self._files:
            await asyncio.to_thread(to.write_bytes, self._files[name])
        else:
            raise NotFound(f"there is no file {name}")


async def test_music_in_a_bucket_is_copied_so_that_it_may_go_there(house: House, bed: str) -> None:
    files = {"gs://shared/bed.flac": base64.b64decode(bed.partition(",")[2])}
    house.desk = replace(house.desk, videos=cast("VideoStore", Bucket(house.desk.videos, files)))
    film = await house.order(board("gs://shared/bed.flac"))
    files.clear()
    assert await house.order(board("gs://shared/bed.flac")) == film
    assert (await plan_film(house.desk, board("gs://shared/bed.flac"), Access())).revision == 1
    async with house.directing(), house.rendering():
        assert (await house.until_announced()).state is FilmState.SUCCEEDED
    for other in (board("gs://shared/other.flac"), board("gs://shared/bed.flac", film_id="other")):
        with pytest.raises(Invalid, match="names no file"):
            await house.order(other)
    with pytest.raises(Invalid, match="names no file"):
        await house.order(board("gs://shared/bed.flac", revision=2))
    assert (await house.order(board(uri_of(film), "one", "two", revision=2))).request.revision == 2
    again = await house.order(board("gs://shared/bed.flac", "one", "two", revision=2))
    assert (again.request.revision, uri_of(again)) == (2, uri_of(film))


async def test_the_address_of_music_goes_with_its_revision_its_caller_and_its_film(house: House, bed: str) -> None:
    files = {"gs://shared/bed.flac": base64.b64decode(bed.partition(",")[2])}
    house.desk = replace(house.desk, videos=cast("VideoStore", Bucket(house.desk.videos, files)))
    acme = Access(caller="acme")
    first = await order_film(house.desk, board("gs://shared/bed.flac"), acme)
    assert first.music_source == "gs://shared/bed.flac"
    assert film_of_record(record_of(first), first.stored_revision) == first
    files.clear()
    with pytest.raises(Invalid, match="names no file"):
        await order_film(house.desk, board("gs://shared/bed.flac"), Access(caller="zebra"))
    inline = await order_film(house.desk, board(bed, revision=2), acme)
    assert (inline.music_source, uri_of(inline)) == (None, uri_of(first))
    assert "music_source" not in record_of(inline), "a record of before has no such key"
    assert film_tombstone_of(first, first.changed_at).music_source is None


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        (
            "gs://elsewhere/bed.mp3",
            r"can't be read from gs://elsewhere/bed.mp3: this deployment reads music from gs://shared/;",
        ),
        ("gs://own/references/abc.mp3", "can't be read from"),
        ("gs://shared/none.mp3", "names no file: there is no file gs://shared/none.mp3"),
        ("reelbus:music/film_ad-0123456789ab.mp3", "names no music that was stored before"),
        (inline_flac(b"ID3" + bytes(100)), "can't be read as mp3"),
        (inline_flac(bytes(MUSIC_MAX_BYTES + 9)), "must have at most 20,000,000 bytes, not 20,000,0"),
        ("data:audio/mpeg;base64,?", "must be valid base64"),
    ],
)
async def test_music_that_a_film_can_not_have_is_refused_before_anything_is_stored(
    house: House, uri: str, words: str
) -> None:
    house.desk = replace(house.desk, videos=cast("VideoStore", Bucket(house.desk.videos, {})))
    for refuse in (house.order(board(uri)), plan_film(house.desk, board(uri), Access())):
        with pytest.raises(Invalid, match=words) as raised:
            await refuse
        assert raised.value.field == "audio.music.uri"
    assert await house.ctx.films.get("ad") is None
    assert not await house.desk.videos.list("music/")


async def test_another_caller_can_not_name_the_music_of_a_film(house: House, bed: str) -> None:
    film = await order_film(house.desk, board(bed), Access(caller="acme"))
    zebra = Access(caller="zebra")
    with pytest.raises(Invalid, match="names no music that was stored before"):
        await order_film(house.desk, board(uri_of(film)), zebra)
    with pytest.raises(NotFound):
        await find_film(house.desk, film.film_id, Access(caller="zebra", scopes=frozenset({"read"})))


async def test_a_film_whose_music_was_deleted_fails_and_keeps_its_scenes(house: House, bed: str) -> None:
    film = await house.order(board(bed))
    await house.desk.videos.delete(uri_of(film).removeprefix("reelbus:"))
    async with house.directing(), house.rendering():
        ended = await house.until_announced()
    assert (ended.state, ended.failure and "music of the film was deleted" in ended.failure.message) == (
        FilmState.FAILED,
        True,
    )


async def test_a_child_that_dies_over_music_of_a_film_is_no_fault_of_the_music(
    house: House, bed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may end the child for want of memory. The join is repeated, as after any other fault."""
    run = LimitedProcesses.run

    async def die(self: LimitedProcesses, module: str, name: str, *given: Any, **limits: Any) -> Any:
        if name == "write_samples":
            raise CallFailed("its process died")
        return await run(self, module, name, *given, **limits)

    monkeypatch.setattr(LimitedProcesses, "run", die)
    async with house.directing(), house.rendering(), asyncio.timeout(60):
        film = await house.order(board(bed))
        while not film.joins:
            await asyncio.sleep(0.05)
            film = await house.ctx.films.get("ad") or film
    assert (film.state, film.failure) == (FilmState.JOINING, None)


async def test_music_that_was_looked_at_for_this_film_is_not_looked_at_again(house: House, bed: str) -> None:
    await house.order(board(bed))
    house.desk = replace(house.desk, music=cast("MusicReader", None))
    assert (await house.order(board(bed, "one", "two", revision=2))).request.revision == 2
