"""Scenes that continue from the one before: made in order, each paid once, and together at the price shown."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from publisher.access import Access
from publisher.films.orders import cancel_film, find_film, retake_scene
from publisher.films.plan import plan_film
from publisher.purge import purge
from publisher.refusals import OverBudget, OverMaxCost
from publisher.replays import replay_paid
from schemas.domain.film import Film, FilmState
from schemas.domain.film_chain import FirstFrame
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.ports import FilmEditor
from schemas.services.update import get_job
from schemas.wire.film import FilmRequest
from tests.films.house import PRICE, WITHIN_S, House, house_in, scene, storyboard

FOLLOWS: dict[str, Any] = {"continue_from_previous": True}
CHAIN = (scene("one"), scene("two", **FOLLOWS), scene("three", **FOLLOWS))
BUDGETS = '[{"scope": "all", "period": "month", "limit_usd": "1.20"}]'


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_in(tmp_path) as house:
        yield house


async def made(house: House, request: FilmRequest) -> Film:
    """The film at its end."""
    async with house.directing(), house.rendering():
        await house.order(request)
        return await house.until_announced()


async def statuses(house: House, request: FilmRequest) -> list[str]:
    plan = await plan_film(house.desk, request, Access())
    assert plan.price_usd == PRICE * [each.status for each in plan.scenes].count("new")
    return [each.status for each in plan.scenes]


async def jobs_of(house: House, film: Film) -> list[Job]:
    return [await get_job(house.desk.jobs, scene.job_id) for scene in film.scenes]


async def test_a_chain_is_made_in_order_at_the_price_of_all_its_scenes(house: House) -> None:
    request = storyboard(*CHAIN)
    plan = await plan_film(house.desk, request, Access())
    assert (plan.price_usd, plan.expected_s, plan.warnings) == (3 * PRICE, 30, ())
    film = await made(house, request)
    assert film.state is FilmState.SUCCEEDED
    assert [scene.job_id for scene in film.scenes] == [each.video_id for each in plan.scenes] == house.paid
    one, two, three = await jobs_of(house, film)
    assert one.request.reference_image is None
    for before, job in ((one, two), (two, three)):
        assert job.request.reference_image == FirstFrame(job_id=before.job_id, end_ms=1000).reference
        assert job.created_at >= before.history[-1].at
        assert job.life == 1
    for file in await house.desk.videos.list("references/"):
        await house.desk.videos.fetch(file.name, house.folder / "frame.jpg")
        picture = Image.open(BytesIO((house.folder / "frame.jpg").read_bytes()))
        assert (picture.format, picture.size) == ("JPEG", (64, 48))
    assert len(await house.jobs()) == 3
    assert (await house.view()).cost_usd == 3 * PRICE


async def test_what_is_taken_again_remakes_what_continues_from_it_as_the_plan_said(house: House) -> None:
    film = await made(house, storyboard(*CHAIN, scene("four")))
    retaken = [scene("one"), scene("two", take=2, **FOLLOWS), CHAIN[2], scene("four")]
    assert await statuses(house, storyboard(*retaken, revision=2)) == ["reused", "new", "new", "reused"]
    moved = [scene("four"), *CHAIN]
    assert await statuses(house, storyboard(*moved, revision=2)) == ["reused"] * 4
    apart = [*CHAIN[:2], scene("four"), CHAIN[2]]
    assert await statuses(house, storyboard(*apart, revision=2)) == ["reused", "reused", "reused", "new"]
    shorter = [scene("one", trim={"end": 0.75}), *CHAIN[1:], scene("four")]
    assert await statuses(house, storyboard(*shorter, revision=2)) == ["reused", "new", "new", "reused"]
    async with house.directing(), house.rendering():
        with pytest.raises(OverMaxCost):
            await retake_scene(house.desk, film, "two", Access(), take=2, max_cost_usd=PRICE)
        for _ in range(2):
            again = await find_film(house.desk, "ad", Access())
            await retake_scene(house.desk, again, "two", Access(), take=2, max_cost_usd=2 * PRICE)
        view = await house.until(lambda view: view.state is FilmState.SUCCEEDED and view.revision == 2)
    assert [each.reused for each in view.scenes] == [True, False, False, True]
    assert view.price_usd == 2 * PRICE
    assert len(house.paid) == len(set(house.paid)) == 6
    assert sum((job.cost_usd for job in await house.jobs()), Decimal(0)) == 6 * PRICE


async def test_two_directors_make_each_job_once(house: House) -> None:
    async with house.directing(), house.directing(), house.rendering():
        await house.order(storyboard(*CHAIN))
        film = await house.until_announced()
    assert film.state is FilmState.SUCCEEDED
    assert len(house.paid) == len(set(house.paid)) == len(await house.jobs()) == 3


async def test_a_chain_that_does_not_fit_is_not_begun(tmp_path: Path) -> None:
    async with house_in(tmp_path, budgets=BUDGETS) as house:
        with pytest.raises(OverBudget, match=r"needs \$1\.50"):
            await house.order(storyboard(*CHAIN))
        assert await house.jobs() == []
        assert await house.desk.videos.list("referrers/") == []


async def test_a_scene_that_failed_is_not_continued_until_it_is_replayed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemas.domain.film.LOOK_AT_HELD_EVERY", timedelta(seconds=0.05))
    house.fails = {"of two"}
    film = await made(house, storyboard(*CHAIN, scene("four")))
    assert (film.state, film.failure and film.failure.message) == (
        FilmState.HELD,
        "These scenes have no video: two, three. Replay their jobs, or take them again; every other scene is kept.",
    )
    assert len(house.paid) == 2
    assert len(await house.jobs()) == 3, "the third scene has no job"
    house.fails = set()
    async with house.directing(), house.rendering():
        two = await get_job(house.desk.jobs, film.scenes[1].job_id)
        await replay_paid(house.desk, two, life=1, pay=PRICE)
        await house.until(lambda view: view.state is FilmState.SUCCEEDED)
    assert len(house.paid) == len(set(house.paid)) == 4


@pytest.mark.parametrize("policy", ["skip", "fail"])
async def test_a_broken_chain_ends_by_the_policy_of_the_film(house: House, policy: str) -> None:
    house.fails = {"of two"}
    film = await made(house, storyboard(*CHAIN, scene("four"), on_scene_failure=policy))
    if policy == "skip":
        assert (film.state, film.dropped) == (FilmState.SUCCEEDED, ("two", "three"))
    else:
        assert film.state is FilmState.FAILED
    assert len(house.paid) == 2
    assert sum((job.cost_usd for job in await house.jobs()), Decimal(0)) == 2 * PRICE


async def test_a_cancelled_chain_is_not_continued(house: House) -> None:
    async with house.directing():
        await house.order(storyboard(*CHAIN))
        await house.until(lambda view: view.scenes[0].state == "queued")
        await house.render((await house.view()).scenes[0].video_id)
        await house.until(lambda view: view.scenes[1].state == "queued")
        await cancel_film(house.desk, await find_film(house.desk, "ad", Access()))
        film = await house.until_announced()
        jobs = await house.jobs()
    assert film.state is FilmState.CANCELLED
    assert sorted(job.state for job in jobs) == [JobState.CANCELLED, JobState.SUCCEEDED]
    again = await made(house, storyboard(*CHAIN, revision=2))
    assert again.state is FilmState.SUCCEEDED
    assert len(house.paid) == len(set(house.paid)) == 3


async def test_a_request_that_was_not_published_is_published_at_the_next_look(house: House) -> None:
    """A director was killed after it made the job."""

    class Dead:
        def __getattr__(self, name: str) -> Any:
            return getattr(house.ctx.bus, name)

        async def publish(self, topic: str, message: Any) -> None:
            if self.calls():
                raise asyncio.CancelledError
            await house.ctx.bus.publish(topic, message)

        def calls(self) -> bool:
            return len(house.paid) == 1

    bus: Any = Dead()
    async with House(house.desk, replace(house.ctx, bus=bus), house.folder).directing():
        await house.order(storyboard(*CHAIN[:2]))
        await house.until(lambda view: view.scenes[0].state == "queued")
        house.paid.clear()
        await house.render((await house.view()).scenes[0].video_id)
        await house.until(lambda view: view.scenes[1].state == "queued")
    async with house.directing(), house.rendering():
        film = await house.until_announced()
    assert film.state is FilmState.SUCCEEDED
    assert len(house.paid) == len(set(house.paid)) == 2


async def test_a_scene_whose_file_is_gone_fails_the_film_and_costs_no_other(house: House) -> None:
    async with house.directing():
        await house.order(storyboard(*CHAIN[:2]))
        view = await house.until(lambda view: view.scenes[0].state == "queued")
    await house.render(view.scenes[0].video_id)
    one = await get_job(house.desk.jobs, view.scenes[0].video_id)
    assert one.result
    await house.desk.videos.delete(one.result.gcs_path)
    async with house.directing(), house.rendering():
        film = await house.until_announced()
    assert (film.state, film.failure and film.failure.code) == (FilmState.FAILED, "no_last_frame")
    assert len(house.paid) == len(await house.jobs()) == 1


class Stuck:
    """An editor that makes no frame until it may."""

    def __init__(self, editor: FilmEditor) -> None:
        self._editor = editor
        self.has_begun, self.may_end = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._editor, name)

    async def last_frame(self, clip: Path, to: Path, *, end_ms: int) -> None:
        self.has_begun.set()
        await self.may_end.wait()
        await self._editor.last_frame(clip, to, end_ms=end_ms)


async def test_a_frame_that_takes_long_keeps_no_other_film_waiting(house: House) -> None:
    editor = Stuck(house.ctx.film_editor)
    house.ctx = replace(house.ctx, film_editor=cast("FilmEditor", editor))
    async with house.directing(), house.rendering():
        await house.order(storyboard(*CHAIN[:2]))
        async with asyncio.timeout(WITHIN_S):
            await editor.has_begun.wait()
        await house.order(storyboard(scene("other"), film_id="other"))
        assert (await house.until_announced("other")).state is FilmState.SUCCEEDED
        assert (await house.view()).state is FilmState.RENDERING
        editor.may_end.set()
        assert (await house.until_announced()).state is FilmState.SUCCEEDED
    assert len(house.paid) == len(set(house.paid)) == 3


async def test_a_film_is_cancelled_while_its_frame_is_made(house: House) -> None:
    editor = Stuck(house.ctx.film_editor)
    house.ctx = replace(house.ctx, film_editor=cast("FilmEditor", editor))
    async with house.directing(), house.rendering():
        await house.order(storyboard(*CHAIN[:2]))
        async with asyncio.timeout(WITHIN_S):
            await editor.has_begun.wait()
        await cancel_film(house.desk, await find_film(house.desk, "ad", Access()))
        assert (await house.until_announced()).state is FilmState.CANCELLED
        editor.may_end.set()
        async with asyncio.timeout(WITHIN_S):
            while True:
                if not await asyncio.to_thread(lambda: [*house.ctx.scratch.iterdir()]):
                    break
                await asyncio.sleep(0.02)
    assert await house.desk.videos.list("references/") == []
    assert len(house.paid) == len(await house.jobs()) == 1


async def test_first_frames_are_erased_with_the_scenes_that_begin_with_them(house: House) -> None:
    house.fails = {"of two"}
    film = await made(house, storyboard(*CHAIN))
    (frame,) = await house.desk.videos.list("references/")
    assert frame.name == FirstFrame(job_id=film.scenes[0].job_id, end_ms=1000).name
    await cancel_film(house.desk, film)
    async with house.directing():
        await house.until_announced()
    await purge(house.desk, [job.job_id for job in await house.jobs()], film_ids=["ad"])
    for prefix in ("references/", "referrers/"):
        assert await house.desk.videos.list(prefix) == []


async def test_the_fourth_link_of_a_chain_is_warned_of(house: House) -> None:
    links = [scene(f"link-{number}", **FOLLOWS) for number in range(1, 6)]
    assert (await plan_film(house.desk, storyboard(scene("begin"), *links[:3]), Access())).warnings == ()
    (warning,) = (await plan_film(house.desk, storyboard(scene("begin"), *links), Access())).warnings
    assert "link-4, link-5;" in warning
