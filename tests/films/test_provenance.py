"""A film names the videos of its scenes by a signed manifest; without a certificate it says what they lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from infra.provenance.certificate import open_certificate
from infra.provenance.keeper import C2paProvenance
from schemas.domain.film import Film
from schemas.wire.film import FilmCompletion
from subscriber.films.join import join_film
from tests.cli.commands import Shell
from tests.contract.sounds import inline_flac, tone, write_music
from tests.films.house import House, house_in, scene, storyboard
from tests.support.signing import GENERATED, PARTLY_GENERATED, make_signer, read_manifest, write_signed

MODEL, STUDIO = make_signer(), make_signer()
SCENES = [
    scene("one"),
    scene("two", transition={"kind": "crossfade", "seconds": 0.5}),
    scene("three", trim={"end": 0.5}),
]


@dataclass
class SignedHouse(House):
    """Its model signs each video."""

    is_signed: bool = True

    def write_clip(self, file: Path, seconds: int) -> None:
        if self.is_signed:
            write_signed(file, MODEL, seconds=seconds)
        else:
            super().write_clip(file, seconds)


@pytest.fixture(scope="module")
def keeper() -> Iterator[C2paProvenance]:
    """The real one: its child is kept for all tests of this file."""
    keeper = C2paProvenance(open_certificate(STUDIO.settings))
    yield keeper
    asyncio.run(keeper.aclose())


@pytest.fixture
async def house(keeper: C2paProvenance, tmp_path: Path) -> AsyncIterator[SignedHouse]:
    async with house_in(tmp_path) as house:
        yield SignedHouse(house.desk, replace(house.ctx, provenance=keeper), house.folder)


async def make(house: House, **more: Any) -> Film:
    async with house.directing(), house.rendering():
        await house.order(storyboard(*SCENES, **more))
        return await house.until_announced()


async def fetch(house: House, film: Film) -> Path:
    assert film.result
    await house.desk.videos.fetch(film.result.gcs_path, to := house.folder / "fetched.mp4")
    return to


async def test_a_film_names_its_scenes(house: SignedHouse) -> None:
    film = await make(house)
    file = await fetch(house, film)
    assert film.result
    assert (film.result.provenance, film.result.size_bytes) == ("kept", (await asyncio.to_thread(file.stat)).st_size)
    shown = read_manifest(file, MODEL, STUDIO)
    assert (shown.state, shown.count) == ("Trusted", 4)
    assert [each["title"] for each in shown.ingredients] == ["source 1", "source 2", "source 3"]
    assert shown.actions[0]["digitalSourceType"] == GENERATED
    placed = [action for action in shown.actions if action["action"] == "c2pa.placed"]
    times = [action["changes"][0]["region"][0]["time"] for action in placed]
    assert [(time["start"], time["end"]) for time in times] == [("0", "1"), ("0.5", "1.5"), ("1.5", "2")]
    assert shown.done.count("c2pa.trimmed") == 1
    assert (await house.view()).provenance == "kept"


async def test_another_attempt_keeps_the_file_that_is_stored(house: SignedHouse) -> None:
    film = await make(house, titles=[{"before": "two", "text": "Spring", "seconds": 1}])
    assert film.result
    file = await fetch(house, film)
    before = await asyncio.to_thread(file.read_bytes)
    assert read_manifest(file).actions[0]["digitalSourceType"] == PARTLY_GENERATED, "it has a card"
    again = await house.ctx.films.save(film.begin_join(house.ctx.clock.now(), ()))
    await join_film(house.ctx, again)
    joined = await house.ctx.films.get(film.film_id)
    assert joined
    assert joined.result == film.result
    file = await fetch(house, joined)
    assert await asyncio.to_thread(file.read_bytes) == before


async def test_music_is_no_part_that_a_model_made(house: SignedHouse, tmp_path: Path) -> None:
    bed = write_music(tmp_path / "bed", tone(1, 440), codec="flac", kind="flac")
    film = await make(house, audio={"music": {"uri": inline_flac(bed.read_bytes())}})
    assert read_manifest(await fetch(house, film)).actions[0]["digitalSourceType"] == PARTLY_GENERATED


async def test_without_a_certificate_the_film_says_what_it_lost(house: SignedHouse) -> None:
    house.ctx = replace(house.ctx, provenance=C2paProvenance(None))
    film = await make(house)
    assert film.result
    assert film.result.provenance == "dropped"
    (view, (end,)) = (await house.view(), await house.ends())
    assert (view.provenance, end.attributes["ce-type"]) == ("dropped", "reelbus.film.succeeded.v1")


def test_the_command_says_at_its_end_what_was_lost(tmp_path: Path) -> None:
    async def order_and_lose() -> None:
        async with house_in(tmp_path / "data") as house:
            await make(SignedHouse(house.desk, replace(house.ctx, provenance=C2paProvenance(None)), tmp_path))

    async def find_again() -> None:
        async with house_in(tmp_path / "data") as house:
            film = await house.ctx.films.get("ad")
            assert film
            assert film.result
            result = film.result.model_copy(update={"provenance": "kept"})
            await house.ctx.films.save(film.model_copy(update={"result": result}))

    (tmp_path / "data").mkdir()
    (tmp_path / "board.json").write_text(storyboard(*SCENES).model_dump_json(exclude_defaults=True))
    shell = Shell(tmp_path / "data")
    for step, lines in ((order_and_lose, 1), (find_again, 0)):
        asyncio.run(step())
        said = shell("film", str(tmp_path / "board.json"), "--output", str(tmp_path))
        assert said.exit_code == 0, said.stderr
        assert said.stderr.count("provenance: dropped. ") == lines


async def test_scenes_without_manifests_say_nothing(house: SignedHouse) -> None:
    house.is_signed = False
    film = await make(house)
    assert film.result
    assert (film.result.provenance, (await house.view()).provenance) == (None, None)


def test_a_completion_without_the_key_is_as_before() -> None:
    end = FilmCompletion(film_id="ad", revision=1, state="succeeded")
    assert "provenance" not in end.model_dump_json(exclude_none=True)
