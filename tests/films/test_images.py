"""Images that scenes share: stored once, part of what names a scene's job, sent to the model, erased with the film."""

from pathlib import Path

import httpx

from publisher.access import Access
from publisher.films.orders import cancel_film, find_film
from publisher.films.plan import plan_film
from publisher.purge import purge
from schemas.domain.film import FilmState
from schemas.domain.film_chain import FirstFrame
from schemas.domain.states import JobState
from schemas.wire.film import FilmRequest
from tests.films.house import PRICE, House, house_in, scene, storyboard
from tests.images import data_url, png
from tests.support.wire import wire_house
from tests.vertex.rig import VEO_FAST
from tests.vertex.script import Step

PERSON, PRODUCT, KEYFRAME, FIRST = (data_url(png(width, 9)) for width in (16, 17, 18, 19))
SHARED = {"duration_seconds": 1, "reference_images": [PERSON, PRODUCT]}


async def statuses(house: House, request: FilmRequest) -> list[str]:
    plan = await plan_film(house.desk, request, Access())
    assert plan.price_usd == PRICE * [each.status for each in plan.scenes].count("new")
    return [each.status for each in plan.scenes]


async def test_shared_images_name_the_jobs_by_their_content(tmp_path: Path) -> None:
    scenes = [scene("one"), scene("two"), scene("three", reference_images=[])]
    async with house_in(tmp_path) as house, house.directing(), house.rendering():
        await house.order(storyboard(*scenes, defaults=SHARED))
        film = await house.until_announced()
        assert film.state is FilmState.SUCCEEDED
        names = [f"reelbus:{file.name}" for file in await house.desk.videos.list("references/")]
        assert len(names) == 2
        requests = film.requests.values()
        assert [{*request.reference_images} for request in requests] == [{*names}, {*names}, set()]
        assert film.request.defaults.images == (), "the record names the images at the scenes"
        by_name = {**SHARED, "reference_images": list(next(iter(requests)).reference_images)}
        assert await statuses(house, storyboard(*scenes, defaults=by_name)) == ["reused"] * 3
        moved = storyboard(scenes[2], scenes[0], scenes[1], defaults=SHARED, revision=2)
        assert await statuses(house, moved) == ["reused"] * 3
        other = {**SHARED, "reference_images": [PERSON, FIRST]}
        assert await statuses(house, storyboard(*scenes, defaults=other, revision=2)) == ["new", "new", "reused"]
        with_frame = [scene("one"), scene("two", last_image=KEYFRAME), scenes[2]]
        assert await statuses(house, storyboard(*with_frame, defaults=SHARED, revision=2)) == [
            "reused",
            "new",
            "reused",
        ]
    assert len(house.paid) == 3


async def test_a_film_takes_its_images_with_it(tmp_path: Path) -> None:
    """Also those of scenes whose job was never made."""
    scenes = [scene("one"), scene("two", reference_images=[], reference_image=FIRST, last_image=KEYFRAME)]
    async with house_in(tmp_path) as house:
        await house.order(storyboard(*scenes, defaults=SHARED))
        assert len(await house.desk.videos.list("references/")) == 4
        assert len(await house.desk.videos.list("referrers/")) == 4
        await cancel_film(house.desk, await find_film(house.desk, "ad", Access()))
        async with house.directing():
            await house.until_announced()
        await purge(house.desk, [], film_ids=["ad"])
        for prefix in ("references/", "referrers/"):
            assert await house.desk.videos.list(prefix) == []
        tombstone = await house.ctx.films.get("ad")
        assert tombstone
        assert [each.images for each in tombstone.request.scenes] == [(), ()]


async def test_keyframes_and_last_frames_are_sent_by_their_addresses(tmp_path: Path) -> None:
    scenes = [
        {"name": "one", "prompt": "A harbour at dawn", "reference_image": FIRST, "last_image": KEYFRAME},
        {"name": "two", "prompt": "A harbour at noon", "reference_image": KEYFRAME},
        {"name": "three", "prompt": "A harbour at dusk", "continue_from_previous": True, "last_image": FIRST},
    ]
    body = {"film_id": "ad", "defaults": {"duration_seconds": 4, "model": VEO_FAST}, "scenes": scenes}
    async with wire_house(tmp_path) as house:
        house.vertex.studio.default = Step(shrink=8)
        facade = await house.start("facade")
        await house.start("worker")
        async with httpx.AsyncClient(base_url=facade.ready, timeout=90) as client:
            for _ in range(2):
                answer = await client.post("/api/films", json=body)
                assert answer.status_code == 202, answer.text
                await house.ended(3)
        jobs = {job.request.prompt: job for job in await house.jobs()}
        assert len(jobs) == len(house.vertex.books.accepted) == 3
        assert {job.state for job in jobs.values()} == {JobState.SUCCEEDED}
        sent = {each.body["instances"][0]["prompt"]: each.body["instances"][0] for each in house.vertex.books.accepted}
        one, two, three = (sent[f"A harbour at {time}"] for time in ("dawn", "noon", "dusk"))
        assert {*one} == {"prompt", "image", "lastFrame"}
        assert {*two} == {"prompt", "image"}
        assert {*three} == {"prompt", "image", "lastFrame"}
        assert one["lastFrame"] == two["image"] != one["image"]
        assert one["image"] == three["lastFrame"]
        frame = FirstFrame(job_id=jobs["A harbour at noon"].job_id, end_ms=4000)
        assert three["image"]["gcsUri"].endswith(f"/{frame.name}")
        assert three["image"]["mimeType"] == "image/jpeg"
