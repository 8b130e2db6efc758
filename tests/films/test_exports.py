"""Timelines for editing programs beside a film's file: asked for, made by a worker that can, stored and sent."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from infra.adapters import Adapters
from infra.clock import SystemClock
from publisher.access import Access
from publisher.films.orders import cancel_film, order_film
from publisher.films.plan import plan_film
from schemas.domain.film import Film, FilmState, film_completion
from schemas.domain.states import JobState
from schemas.errors import Invalid
from schemas.ports import FilmExporter, Shot
from schemas.wire.film_parts import FilmExport
from subscriber.films.director import Director
from subscriber.films.exports import OTHERS_WITHIN
from subscriber.films.scenes import create_job
from tests.cli.commands import Shell
from tests.facade.customers import ACME, KEYS, ZEBRA, Customer
from tests.facade.doors import door_to, settings_for
from tests.facade.process import server_at
from tests.films.house import House, house_in, scene, storyboard
from tests.unit.media_clips import play

OUTPUTS = ["mp4", "otio", "edl", "fcpxml"]
CROSSFADE = {"transition": {"kind": "crossfade", "seconds": 0.25}}
ALL = storyboard(scene("one"), scene("two", trim={"start": 0.25}, **CROSSFADE), outputs=OUTPUTS)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_in(tmp_path) as house:
        yield house


async def make(house: House) -> Film:
    async with house.directing(), house.rendering():
        await house.order(ALL)
        return await house.until_announced()


async def test_the_timelines_stand_beside_the_film_and_name_its_videos(house: House, tmp_path: Path) -> None:
    film = await make(house)
    assert film.result
    files = {file.kind: tmp_path / "videos" / file.gcs_path for file in film.result.files}
    assert list(files) == OUTPUTS[1:]
    assert {path.suffix for path in files.values()} == {".otio", ".edl", ".xml"}
    assert all(path.name.startswith("film_ad-") for path in files.values())
    frames = play(tmp_path / "videos" / film.result.gcs_path).frames
    videos = [job.final_name for job_id in film.job_ids for job in await house.jobs() if job.job_id == job_id]
    for output, adapter in (("otio", "otio_json"), ("edl", "cmx_3600"), ("fcpxml", "fcp_xml")):
        timeline = otio.adapters.read_from_string(files[output].read_text(), adapter)
        assert timeline.tracks[0].duration().to_frames() == frames == 36
        assert all(name.rpartition("/")[2] in files[output].read_text() for name in videos)
    assert film_completion(film).files == film.result.files
    shown = (await house.view()).files
    assert [(each.kind, each.gcs_path) for each in shown] == [(file.kind, file.gcs_path) for file in film.result.files]


async def test_a_caller_loads_its_timelines_and_another_one_does_not(house: House, tmp_path: Path) -> None:
    async with house.directing(), house.rendering():
        ordered = await order_film(house.desk, ALL, Access(caller="acme", scopes=frozenset({"submit", "read"})))
        await house.until_announced(ordered.film_id)
    async with door_to(settings_for(tmp_path, api_keys=KEYS)) as door:
        exports = (await Customer(door, ACME).call("GET", "/api/films/ad")).json()["files"]
        kinds = []
        for export in exports:
            answer = await door.client.get(export["url"])
            stored = (tmp_path / "videos" / export["gcs_path"]).read_bytes()
            assert (answer.status_code, answer.content) == (200, stored)
            kinds.append(answer.headers["content-type"].split(";")[0])
            unsigned = await door.client.get(export["url"].partition("?")[0])
            assert unsigned.status_code == 403
        assert kinds == ["application/json", "text/plain", "application/xml"]
        assert (await Customer(door, ZEBRA).call("GET", "/api/films/ad")).status_code == 404


async def test_an_output_that_no_worker_can_write_is_refused_before_it_costs(house: House, tmp_path: Path) -> None:
    async with Adapters() as adapters:
        heartbeats = await adapters.heartbeats(settings_for(tmp_path).jobs_url)
        house.desk = replace(house.desk, film_exports=frozenset())
        await expect_refusal(house, "outputs.1 can't be otio: no worker is seen, and this installation can't write it")
        await heartbeats.beat("plain", json.dumps({"slots": 1}))
        remedy = "run scripts/bootstrap editors where the workers run and restart them"
        await expect_refusal(house, f"outputs.1 can't be otio: no worker can write it; {remedy}")
        house.desk = replace(house.desk, film_exports=frozenset(OUTPUTS[1:]))  # type: ignore[arg-type]
        await heartbeats.beat("some", json.dumps({"film_exports": ["otio", "edl"]}))
        await expect_refusal(house, "outputs.3 can't be fcpxml: no worker can write it")
        await heartbeats.beat("all", json.dumps({"film_exports": OUTPUTS[1:]}))
        assert (await plan_film(house.desk, ALL, Access())).price_usd > 0
        await house.order(ALL)
        house.desk = replace(house.desk, statistics=None, film_exports=frozenset())
        await house.order(ALL)  # the same film again: it is ordered already


async def expect_refusal(house: House, words: str) -> None:
    with pytest.raises(Invalid) as order:
        await house.order(ALL)
    with pytest.raises(Invalid) as plan:
        await plan_film(house.desk, ALL, Access())
    assert str(order.value).startswith(words)
    assert str(plan.value) == str(order.value)
    assert await house.ctx.films.get("ad") is None
    assert await house.jobs() == []


class MovedClock(SystemClock):
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead

    def pass_wait(self) -> None:
        """Go to a moment at which no other worker has taken a film that was seen just now."""
        self.ahead += OTHERS_WITHIN + timedelta(seconds=1)


async def test_a_worker_without_the_extra_leaves_the_film_to_one_that_has_it(house: House) -> None:
    exporter, house.ctx = house.ctx.film_exporter, replace(house.ctx, film_exporter=None)
    await house.order(ALL)
    async with house.directing() as director, house.rendering():
        await director.advance("ad")
        film = await house.ctx.films.get("ad")
        assert film
        assert (film.state, await house.jobs()) == (FilmState.PLANNED, [])
        async with House(house.desk, replace(house.ctx, film_exporter=exporter), house.folder).directing():
            made = await house.until_announced()
    assert made.result
    assert len(made.result.files) == 3


async def test_a_film_that_no_worker_can_write_ends_before_anything_is_paid(house: House) -> None:
    clock = MovedClock()
    house.ctx = replace(house.ctx, film_exporter=None, clock=clock)
    await house.order(ALL)
    clock.pass_wait()  # all workers stood still meanwhile
    async with house.directing() as director, house.rendering():
        await director.advance("ad")
        seen = await house.ctx.films.get("ad")
        assert seen
        assert seen.state is FilmState.PLANNED
        clock.pass_wait()
        film = await house.until_announced()
    assert film.state is FilmState.FAILED
    assert film.failure
    assert (film.failure.code, film.failure.charged) == ("outputs_unavailable", "no")
    assert (await house.jobs(), house.paid) == ([], [])


async def test_a_film_whose_first_job_was_made_is_not_ended_for_want_of_a_worker(house: House) -> None:
    clock = MovedClock()
    exporter, house.ctx = house.ctx.film_exporter, replace(house.ctx, film_exporter=None, clock=clock)
    film = await house.order(ALL)
    await create_job(house.ctx, film, next(iter(film.requests.values())))  # its director was killed then
    director = Director(house.ctx)
    for _ in range(2):
        await director.advance("ad")
        left = await house.ctx.films.get("ad")
        assert left
        assert (left.state, left.failure) == (FilmState.PLANNED, None)
        clock.pass_wait()
    able = House(house.desk, replace(house.ctx, film_exporter=exporter), house.folder)
    async with able.directing(), house.rendering():
        made = await house.until_announced()
    assert (made.state, len(house.paid)) == (FilmState.SUCCEEDED, 2)


async def test_jobs_that_an_earlier_revision_cancelled_keep_no_film_from_its_end(house: House) -> None:
    able = Director(house.ctx)
    film = await house.order(ALL)
    await able.advance("ad")
    await cancel_film(house.desk, film)
    await able.advance("ad")
    await house.order(ALL.model_copy(update={"revision": 2}))
    clock = MovedClock()
    director = Director(replace(house.ctx, film_exporter=None, clock=clock))
    await director.advance("ad")
    clock.pass_wait()
    await director.advance("ad")
    left = await house.ctx.films.get("ad")
    assert left
    assert [scene.replays_life for scene in left.scenes] == [1, 1]
    assert left.failure
    assert (left.state, left.failure.code) == (FilmState.FAILED, "outputs_unavailable")
    assert [(job.state, job.life) for job in await house.jobs()] == [(JobState.CANCELLED, 1)] * 2


class Picky:
    """An exporter whose EDLs can't hold this film."""

    def __init__(self, exporter: FilmExporter, reason: Exception) -> None:
        self.exports, self._write, self._reason = exporter.exports, exporter.write, reason

    async def write(self, export: FilmExport, shots: list[Shot], *, title: str) -> bytes:
        if export == "edl":
            raise self._reason
        return await self._write(export, shots, title=title)


@pytest.mark.parametrize(
    "reason", [Invalid("an EDL can't count 13 frames a second"), RuntimeError("a fault of the library")]
)
async def test_a_timeline_that_can_not_be_written_costs_no_film(house: House, reason: Exception) -> None:
    assert house.ctx.film_exporter
    house.ctx = replace(house.ctx, film_exporter=Picky(house.ctx.film_exporter, reason))  # type: ignore[arg-type]
    film = await make(house)
    assert film.state is FilmState.SUCCEEDED
    assert film.result
    assert [file.kind for file in film.result.files] == ["otio", "fcpxml"]


async def test_a_title_that_xml_can_not_hold_is_in_no_timeline(house: House, tmp_path: Path) -> None:
    card = {"before": "one", "text": "Hi \uffff\ufffe", "seconds": 0.5}
    async with house.directing(), house.rendering():
        await house.order(storyboard(scene("one"), titles=[card], outputs=["mp4", "fcpxml"]))
        film = await house.until_announced()
    assert film.result
    [file] = film.result.files
    timeline = otio.adapters.read_from_string((tmp_path / "videos" / file.gcs_path).read_text(), "fcp_xml")
    assert timeline.tracks[0].duration().to_frames() == 36


@pytest.mark.parametrize("outputs", [["mp4", "mp4"], [], ["mov"]])
def test_a_wrong_list_of_outputs_is_refused(outputs: list[Any]) -> None:
    with pytest.raises(ValueError, match="outputs"):
        storyboard(scene("one"), outputs=outputs)


async def test_the_command_writes_the_timelines_beside_the_film(house: House, tmp_path: Path) -> None:
    await make(house)
    (tmp_path / "out").mkdir()
    (tmp_path / "storyboard.json").write_text(json.dumps(ALL.body()))
    async with server_at(tmp_path) as server:
        given = ("film", str(tmp_path / "storyboard.json"), "--url", server.url, "-o", str(tmp_path / "out"))
        done = await asyncio.to_thread(Shell(tmp_path / "no data"), *given)
    assert done.exit_code == 0, done.stderr
    written = [tmp_path / "out" / f"ad.{extension}" for extension in ("mp4", "otio", "edl", "xml")]
    assert done.stdout.splitlines()[:-1] == [str(path) for path in written]
    stored = {path.read_bytes() for path in (tmp_path / "videos" / "generated-videos").glob("film_*")}
    assert {path.read_bytes() for path in written} == stored
