"""A film from its order to its file: each scene is paid once in its life, and a failed scene costs no other."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from publisher.access import Access
from publisher.context import QueueLimit
from publisher.films.orders import cancel_film, find_film, order_film, retake_scene
from publisher.films.plan import plan_film
from publisher.purge import purge
from publisher.queue_limit import TooManyQueued
from publisher.refusals import OverBudget, OverMaxCost
from publisher.replays import replay_paid
from schemas.domain.clip import Plan
from schemas.domain.events import CancelRequested
from schemas.domain.film import CANCEL_AGAIN, Film, FilmState
from schemas.domain.job import new_job
from schemas.domain.states import JobState
from schemas.errors import Conflict, IdReused, Invalid
from schemas.ports import FILM_WORKERS, Films
from schemas.services.film_cancel import cancel_scenes
from schemas.services.update import get_job, update_job
from schemas.versioning import STORED
from schemas.wire.film import FilmRequest
from schemas.wire.request import VideoRequest
from subscriber.films.scenes import make_jobs
from tests.films.house import ENDS, PRICE, House, house_in, scene, storyboard
from tests.films.house import plan as plan_of
from tests.unit.media_clips import play

CROSSFADE = {"transition": {"kind": "crossfade", "seconds": 0.5}}
BUDGETS = '[{"scope": "all", "period": "month", "limit_usd": "4.70"}]'


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_in(tmp_path) as house:
        yield house


async def test_three_scenes_become_one_film(house: House) -> None:
    request = storyboard(scene("one"), scene("two", **CROSSFADE), scene("three"))
    async with house.directing(), house.rendering():
        await house.order(request)
        film = await house.until_announced()
    view = await house.view()
    assert film.state is FilmState.SUCCEEDED
    assert film.result
    assert len(house.paid) == len(set(house.paid)) == 3
    assert view.cost_usd == view.price_usd == 3 * PRICE
    to = house.folder / "film.mp4"
    await house.desk.videos.fetch(film.result.gcs_path, to)
    assert play(to).frames == round(view.duration_seconds * 24) == 60
    assert [(each.start_s, each.end_s) for each in film.result.scenes] == [(0, 1), (0.5, 1.5), (1.5, 2.5)]
    (end,) = await house.ends()
    assert end.attributes["ce-type"] == "reelbus.film.succeeded.v1"
    assert end.attributes["ce-id"] == "ad.1.film.succeeded"


async def test_the_end_names_the_file_what_was_reused_and_what_it_cost(house: House) -> None:
    async with house.directing(), house.rendering():
        await house.order(storyboard(scene("one"), scene("two")))
        await house.until_announced()
        await house.order(storyboard(scene("one"), scene("three"), revision=2))
        await house.until(lambda view: view.state is FilmState.SUCCEEDED and view.revision == 2)
        film = await house.until_announced()
    assert film.result
    async with house.desk.bus.subscribe(ENDS, limit=2) as deliveries:
        first, second = [json.loads((await anext(deliveries)).message.data) for _ in range(2)]
    assert [(end["revision"], end["price_usd"], end["cost_usd"]) for end in (first, second)] == [
        (1, 1, 1),
        (2, 0.5, 1.5),
    ]
    assert [[each["reused"] for each in end["scenes"]] for end in (first, second)] == [[False, False], [True, False]]
    assert second["gcs_path"] == film.result.gcs_path
    assert second["video_url"] == await house.desk.videos.url_for(film.result.gcs_path)
    assert first["video_url"] != second["video_url"]


async def test_ends_that_no_worker_saw_are_announced_in_their_order(house: House) -> None:
    film = await house.order(storyboard(scene("one")))
    await cancel_film(house.desk, film)
    await cancel_film(house.desk, await house.order(storyboard(scene("two"), revision=2)))
    await house.order(storyboard(scene("three"), revision=3))
    async with house.directing(), house.rendering():
        await house.until(lambda view: view.state is FilmState.SUCCEEDED)
        await house.until_announced()
    ids = [end.attributes["ce-id"] for end in await house.ends()]
    assert ids == ["ad.1.film.cancelled", "ad.2.film.cancelled", "ad.3.film.succeeded"]
    assert len(house.paid) == 1


async def test_the_same_order_again_is_the_same_film(house: House) -> None:
    request = storyboard(scene("one"), scene("two"))
    async with house.directing(), house.rendering():
        await house.order(request)
        first = await house.until_announced()
        again = await house.order(request)
        assert again == first
    assert len(house.paid) == 2
    assert len(await house.ends()) == 1


async def test_a_changed_scene_costs_one_and_a_moved_one_nothing(house: House) -> None:
    names = ["one", "two", "three"]
    async with house.directing(), house.rendering():
        await house.order(storyboard(*map(scene, names)))
        await house.until_announced()
        moved = storyboard(*map(scene, ["three", "one", "two"]), revision=2)
        assert (await plan_film(house.desk, moved, Access())).price_usd == 0
        await house.order(moved)
        await house.until(lambda view: view.state is FilmState.SUCCEEDED and view.revision == 2)
        assert len(house.paid) == 3
        changed = storyboard(scene("three"), scene("one", seed=7), scene("two"), revision=3)
        plan = await plan_film(house.desk, changed, Access())
        assert (plan.price_usd, [each.status for each in plan.scenes]) == (PRICE, ["reused", "new", "reused"])
        await house.order(changed)
        view = await house.until(lambda view: view.state is FilmState.SUCCEEDED and view.revision == 3)
    assert len(house.paid) == 4
    assert [each.reused for each in view.scenes] == [True, False, True]
    assert len(await house.jobs()) == 4


async def test_of_ten_scenes_a_changed_one_is_one_new_job_and_two_that_move_are_none(house: House) -> None:
    async def order(scenes: list[dict[str, Any]], revision: int) -> tuple[Decimal, int]:
        """What the plan says, and how many jobs there are once it is ordered."""
        request = storyboard(*scenes, revision=revision)
        plan = await plan_film(house.desk, request, Access())
        film = await house.order(request)
        assert [each.reused for each in film.scenes] == [each.status == "reused" for each in plan.scenes]
        await make_jobs(house.ctx, film)
        return plan.price_usd, len(await house.jobs())

    assert await order([scene(name) for name in "abcdefghij"], 1) == (10 * PRICE, 10)
    assert await order([scene(name) for name in "jbcdefghia"], 2) == (0 * PRICE, 10)
    assert await order([scene("j"), scene("b", seed=7), *map(scene, "cdefghia")], 3) == (PRICE, 11)


async def test_a_scene_that_comes_twice_is_paid_once(house: House) -> None:
    same = {"prompt": "A quiet picture of the sea"}
    request = storyboard({"name": "begin", **same}, scene("middle"), {"name": "end", **same})
    assert (await plan_film(house.desk, request, Access())).price_usd == 2 * PRICE
    async with house.directing(), house.rendering():
        await house.order(request)
        await house.until_announced()
    assert len(house.paid) == 2


async def test_a_retake_pays_for_one_scene_and_a_repeated_call_pays_once(house: House) -> None:
    async with house.directing(), house.rendering():
        await house.order(storyboard(scene("one"), scene("two")))
        first = await house.until_announced()
        for _ in range(2):
            film = await find_film(house.desk, "ad", Access())
            taken = await retake_scene(house.desk, film, "two", Access(), take=2, max_cost_usd=None)
            assert (taken.request.revision, taken.request.scenes[1].take) == (2, 2)
        with pytest.raises(Conflict, match="take must be 3"):
            await retake_scene(house.desk, taken, "two", Access(), take=5, max_cost_usd=None)
        view = await house.until(lambda view: view.state is FilmState.SUCCEEDED and view.revision == 2)
    assert len(house.paid) == 3
    assert first.result
    assert view.gcs_path != first.result.gcs_path
    assert await house.desk.videos.list(first.result.gcs_path), "the file of the first revision is kept"


async def test_a_held_film_goes_on_once_its_scene_is_replayed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.domain.film.LOOK_AT_HELD_EVERY", timedelta(seconds=0.1))
    house.fails.add("two")
    async with house.directing(), house.rendering():
        await house.order(storyboard(scene("one"), scene("two")))
        held = await house.until_announced()
        assert held.state is FilmState.HELD
        assert held.failure
        assert "two" in held.failure.message
        house.fails.clear()
        job = await get_job(house.desk.jobs, held.scenes[1].job_id)
        await replay_paid(house.desk, job, life=1, pay=PRICE)
        await house.until(lambda view: view.state is FilmState.SUCCEEDED)
        await house.until_announced()
    assert house.paid.count(held.scenes[0].job_id) == 1, "the paid scene was kept"
    kinds = [end.attributes["ce-id"] for end in await house.ends()]
    assert kinds == ["ad.1.film.held.1", "ad.1.film.succeeded"]


@pytest.mark.parametrize(
    ("policy", "state"), [("skip", FilmState.SUCCEEDED), ("card", FilmState.SUCCEEDED), ("fail", FilmState.FAILED)]
)
async def test_the_other_policies_for_a_failed_scene(house: House, policy: str, state: FilmState) -> None:
    house.fails.add("two")
    scenes = scene("one"), scene("two", **CROSSFADE), scene("three", **CROSSFADE)
    async with house.directing(), house.rendering():
        await house.order(storyboard(*scenes, on_scene_failure=policy))
        film = await house.until_announced()
        assert film.state is state
    view = await house.view()
    assert len(house.paid) == 2
    assert [each.state for each in view.scenes] == ["succeeded", "failed", "succeeded"]
    assert sum((job.cost_usd for job in await house.jobs()), Decimal(0)) == view.cost_usd
    if film.result:
        shown = {"skip": ["one", "three"], "card": ["one", "two", "three"]}[policy]
        assert [each.name for each in film.result.scenes] == shown
        assert [each.name for each in film.result.scenes if each.is_card] == ["two"] * (policy == "card")
        assert [each.is_card for each in view.scenes] == [False, policy == "card", False]
        assert film.result.duration_seconds == pytest.approx(len(shown) / 2 + 0.5, abs=1 / 24)


async def test_nothing_is_ordered_if_a_part_does_not_fit(tmp_path: Path) -> None:
    async with house_in(tmp_path, budgets=BUDGETS) as house:
        nine, ten = storyboard(*map(scene, "abcdefghi")), storyboard(*map(scene, "abcdefghij"))
        refusal = (await plan_film(house.desk, ten, Access())).refusal
        assert refusal
        assert refusal.code == "budget_exceeded"
        with pytest.raises(OverBudget, match=r"needs \$5.00, and a budget has \$4.70 left"):
            await house.order(ten)
        with pytest.raises(OverMaxCost, match=r"max_cost_usd \(\$4.99\)"):
            await house.order(ten.model_copy(update={"max_cost_usd": Decimal("4.99")}))
        assert await house.ctx.films.get("ad") is None
        assert await house.jobs() == []
        await make_jobs(house.ctx, await house.order(nine))
        assert len(await house.jobs()) == 9


async def test_of_two_revisions_at_once_one_is_refused(house: House) -> None:
    await house.order(storyboard(scene("one")))
    orders = [house.order(storyboard(scene(name), revision=2)) for name in ("two", "three")]
    first, second = await asyncio.gather(*orders, return_exceptions=True)
    refused = [each for each in (first, second) if isinstance(each, BaseException)]
    assert [type(each) for each in refused] == [IdReused]
    with pytest.raises(IdReused, match="at revision 2 already"):
        await house.order(storyboard(scene("one")))


async def test_a_cancel_stops_what_was_not_sent_and_keeps_what_was(house: House) -> None:
    await house.order(storyboard(scene("one"), scene("two")))
    async with house.directing():
        film = (await house.until(lambda view: view.state is FilmState.RENDERING)).scenes
        await house.render(film[0].video_id)
        await cancel_film(house.desk, await find_film(house.desk, "ad", Access()))
        await house.until_announced()
        jobs = {job.job_id: job for job in await house.jobs()}
        assert jobs[film[0].video_id].state is JobState.SUCCEEDED
        assert jobs[film[1].video_id].state is JobState.CANCELLED
        assert len(house.paid) == 1
        again = storyboard(scene("one"), scene("two"), revision=2)
        plan = await plan_film(house.desk, again, Access())
        assert (plan.price_usd, [each.status for each in plan.scenes]) == (PRICE, ["reused", "replay"])
        async with house.rendering():
            await house.order(again)
            await house.until(lambda view: view.state is FilmState.SUCCEEDED)
    assert len(house.paid) == 2


async def test_a_job_that_a_killed_director_made_right_after_the_cancel_is_cancelled_too(house: House) -> None:
    film = await house.order(storyboard(scene("one"), scene("two")))
    await cancel_film(house.desk, film)
    async with house.directing():
        over = await house.until_announced()
    assert over.next_check_at == over.changed_at + CANCEL_AGAIN
    [request, _] = film.requests.values()
    job = await house.desk.jobs.create(new_job(request, house.desk.clock.now()))
    over = await house.ctx.films.save(over.model_copy(update={"next_check_at": over.changed_at}))
    async with house.directing(), asyncio.timeout(40):
        while over.next_check_at:
            await asyncio.sleep(0.02)
            over = await house.ctx.films.get("ad") or over
    assert (await get_job(house.desk.jobs, job.job_id)).state is JobState.CANCELLED


async def test_two_directors_make_one_job_a_scene_and_one_film(house: House) -> None:
    async with house.directing(), house.directing(), house.rendering():
        film = await house.order(storyboard(scene("one"), scene("two"), scene("three")))
        await house.until_announced()
        again = await house.order(storyboard(scene("three"), scene("four"), revision=2))
        await house.until(lambda view: view.state is FilmState.SUCCEEDED and view.revision == 2)
        await house.until_announced()
    jobs = await house.jobs()
    assert sorted(house.paid) == sorted({*film.job_ids, *again.job_ids}) == sorted(job.job_id for job in jobs)
    assert {job.life for job in jobs} == {1}
    assert sum((job.cost_usd for job in jobs), Decimal(0)) == 4 * PRICE
    assert {end.attributes["ce-id"] for end in await house.ends()} == {"ad.1.film.succeeded", "ad.2.film.succeeded"}
    assert len(await house.desk.videos.list("generated-videos/film_ad-")) == 2


async def test_a_lost_message_only_costs_time(house: House) -> None:
    await house.order(storyboard(scene("one")))
    film = await house.ctx.films.get("ad")
    assert film
    async with house.desk.bus.subscribe(FILM_WORKERS, limit=1) as deliveries:
        await (await anext(deliveries)).ack()
    async with house.directing(), house.rendering():
        await house.until_announced()


async def test_callers_share_no_film_and_no_job(house: House) -> None:
    request = storyboard(scene("one"))
    acme, zebra = (Access(caller=name, scopes=frozenset({"submit", "read"})) for name in ("acme", "zebra"))
    films = [await order_film(house.desk, request, access) for access in (acme, zebra)]
    assert films[0].film_id != films[1].film_id
    assert films[0].scenes[0].job_id != films[1].scenes[0].job_id
    assert await find_film(house.desk, "ad", zebra) == films[1]


async def test_a_storyboard_that_a_record_can_not_hold_is_refused(house: House) -> None:
    text = dict.fromkeys(("title", "description", "visual", "script"), "ü" * 1500)
    scenes = [{"name": f"s{n}", "scene": text, "prompt": "A quiet picture"} for n in range(60)]
    with pytest.raises(Invalid, match="at most 400,000 bytes"):
        await house.order(storyboard(*scenes))


async def test_the_price_that_was_agreed_is_the_limit_of_each_scene(house: House) -> None:
    twice = storyboard(scene("one"), {**scene("one"), "name": "again"}, scene("two"), max_cost_usd=1)
    await make_jobs(house.ctx, await house.order(twice))
    assert [job.request.max_cost_usd for job in await house.jobs()] == [PRICE, PRICE]
    plan = await plan_film(house.desk, storyboard(scene("two"), scene("one"), revision=2), Access())
    assert plan.price_usd == 0
    assert {each.status for each in plan.scenes} == {"reused"}


async def test_a_cancel_holds_although_the_next_revision_comes_before_a_worker(house: House) -> None:
    first = await house.order(storyboard(scene("one"), scene("two")))
    await make_jobs(house.ctx, first)
    await cancel_film(house.desk, first)
    film = await house.order(storyboard(scene("two"), revision=2))
    assert {job.state for job in await house.jobs()} == {JobState.CANCELLED}
    assert [each.price_usd for each in film.scenes] == [PRICE]
    async with house.directing(), house.rendering():
        await house.until_announced()
    assert house.paid == [film.scenes[0].job_id]


async def test_a_director_that_read_the_film_before_its_cancel_queues_nothing_again(house: House) -> None:
    film = await house.order(storyboard(scene("one")))
    await make_jobs(house.ctx, film)
    cancelled = await cancel_film(house.desk, film)
    ctx = house.ctx
    await cancel_scenes(cancelled, films=ctx.films, jobs=ctx.jobs, bus=ctx.bus, clock=ctx.clock)
    await make_jobs(house.ctx, film)
    assert [job.state for job in await house.jobs()] == [JobState.CANCELLED]
    again = await house.order(storyboard(scene("one"), revision=2))
    assert [each.replays_life for each in again.scenes] == [1]
    await cancel_film(house.desk, again)
    with pytest.raises(Conflict):
        await make_jobs(house.ctx, again)
    assert [job.state for job in await house.jobs()] == [JobState.CANCELLED]


async def test_a_scene_that_is_cancelled_after_the_order_is_not_queued_again(house: House) -> None:
    """The plan said `reused` for nothing: a revision queues again only what its plan has a price for."""
    await make_jobs(house.ctx, await house.order(storyboard(scene("one"), scene("two"))))
    film = await house.order(storyboard(scene("two"), scene("one"), revision=2))
    assert [each.price_usd for each in film.scenes] == [0, 0]
    cancel = CancelRequested(at=house.desk.clock.now(), reason="not wanted", held=False)
    await update_job(house.desk.jobs, film.scenes[0].job_id, lambda _: cancel)
    async with house.directing(), house.rendering():
        held = await house.until_announced()
    assert held.state is FilmState.HELD
    assert house.paid == [film.scenes[1].job_id]
    again = await house.order(storyboard(scene("two"), scene("one"), revision=3))
    assert [each.price_usd for each in again.scenes] == [PRICE, 0], "the next revision pays for it"
    await make_jobs(house.ctx, again)
    await update_job(house.desk.jobs, film.scenes[0].job_id, lambda _: cancel)
    await make_jobs(house.ctx, again)
    assert (await get_job(house.desk.jobs, film.scenes[0].job_id)).state is JobState.CANCELLED


async def test_films_that_can_not_go_on_keep_no_other_one_waiting(house: House) -> None:
    film = await house.order(storyboard(scene("one")))
    other = {**film.request.body(), "scenes": [{**scene("one"), "from_a_later_version": 1}]}
    request = FilmRequest.model_validate(other, context=STORED)
    at = film.created_at.replace(year=2001)
    for number in range(45):
        update = {"film_id": f"new-{number}", "request": request, "next_check_at": at}
        await house.ctx.films.create(film.model_copy(update=update))
    async with house.desk.bus.subscribe(FILM_WORKERS, limit=1) as deliveries:
        await (await anext(deliveries)).ack()
    async with house.directing(), house.rendering():
        await house.until_announced()


async def test_the_queue_has_room_for_all_new_scenes_or_none_is_ordered(house: House) -> None:
    house.desk = replace(house.desk, queue_limit=QueueLimit(jobs=2, starts_per_minute=60))
    with pytest.raises(Invalid, match="scenes must have at most 2"):
        await house.order(storyboard(*map(scene, "abc")))
    await make_jobs(house.ctx, await house.order(storyboard(*map(scene, "ab"))))
    with pytest.raises(TooManyQueued):
        await house.order(storyboard(*map(scene, "abc"), revision=2))
    await house.order(storyboard(*map(scene, "ba"), revision=2))


class LookedAt:
    """Films at which a director looks once, just after the first read."""

    def __init__(self, films: Films) -> None:
        self._films = films
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._films, name)

    async def get(self, film_id: str) -> Film | None:
        film = await self._films.get(film_id)
        self.reads += 1
        if film and self.reads == 1:
            await self._films.save(film.await_next_look(film.changed_at))
        return film


async def test_a_look_of_a_director_does_not_make_an_order_begin_again(house: House) -> None:
    await house.order(storyboard(scene("one")))
    planned = list[VideoRequest]()

    def count(request: VideoRequest) -> Plan:
        planned.append(request)
        return plan_of(request)

    films = cast("Films", LookedAt(house.ctx.films))
    house.desk = replace(house.desk, films=films, planner=count)
    film = await house.order(storyboard(scene("two"), revision=2))
    assert film.request.revision == 2
    assert len(planned) == 1


async def test_an_erased_scene_names_the_film_that_was_joined_from_it(house: House) -> None:
    async with house.directing(), house.rendering():
        film = await house.order(storyboard(scene("one"), scene("two")))
        await house.until_announced()
    assert (await purge(house.desk, film.job_ids[:1], dry_run=True)).films == ["ad"]
    report = await purge(house.desk, film.job_ids)
    assert (report.erased, report.films) == ([*film.job_ids], ["ad"])
    joined = await house.ctx.films.get("ad")
    assert joined
    assert joined.result
    await house.desk.videos.fetch(joined.result.gcs_path, house.folder / "kept.mp4")


async def test_an_erased_scene_names_its_film_by_the_stored_id_of_its_caller(house: House) -> None:
    acme = Access(caller="acme")
    async with house.directing(), house.rendering():
        film = await order_film(house.desk, storyboard(scene("one")), acme)
        await house.until_announced(film.film_id)
    assert film.film_id != "ad"
    assert (await purge(house.desk, film.job_ids, dry_run=True)).films == [film.film_id]
