"""Callers with keys, over whole sets of adapters: ids and stored images belong to their caller on every store."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from publisher.context import status
from publisher.jobs import JobFilter, cancel, list_jobs
from publisher.purge import purge, purge_old
from publisher.submit import submit
from schemas.domain.job import Job, new_job
from schemas.errors import AlreadyExists, Unavailable
from schemas.ports import COMPLETIONS, Delivery, Subscription
from schemas.services.reference_images import claim_image
from schemas.wire.caller_names import to_stored_id
from schemas.wire.message import Message, decode_command
from schemas.wire.request import VideoRequest
from tests.contract.conftest import ADAPTERS
from tests.facade.customers import ACME, ACME_2, KEYS, ZEBRA, Customer
from tests.facade.doors import ASYNC, PROMPT, Door, door_to, settings_for
from tests.facade.hand import Hand, hand_at
from tests.gcp.emulated import Project
from tests.images import data_url, png

OTHER_PROMPT = "another prompt, no less lovely"
IMAGE = png(2, 2)
DIGEST = hashlib.sha256(IMAGE).hexdigest()
NOT_STORED = "Invalid request: reference_image names no image that was stored before"
LONG_ID = "x" * 64


@dataclass(frozen=True)
class House:
    """A facade with keys, two callers, and a worker that is moved by hand."""

    door: Door
    hand: Hand
    acme: Customer
    zebra: Customer
    bucket: str | None

    async def job(self, caller: str, job_id: str) -> Job:
        """The record of a caller's job."""
        job = await self.door.desk.jobs.get(to_stored_id(caller, job_id))
        assert job is not None
        return job

    async def images(self) -> list[str]:
        return [file.name for file in await self.door.desk.videos.list("references/")]

    async def referrers(self) -> list[str]:
        return [file.name for file in await self.door.desk.videos.list("referrers/")]

    async def was_stored_before(self, request: VideoRequest, caller: str) -> Job:
        """A job as the release before stored it: with the caller's id as it is, and an image named by its content."""
        desk = self.door.desk
        request = await claim_image(request, desk.videos)
        return await desk.jobs.create(new_job(request, desk.clock.now(), caller=caller))


@pytest.fixture(params=ADAPTERS)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    settings, bucket = settings_for(tmp_path, api_keys=KEYS, wait_s=0.05, events_look_every_s=0.05), None
    if request.param == "emulator":
        project = request.getfixturevalue("project")
        assert isinstance(project, Project)
        project.set_up()
        urls = {"bus": project.bus_url, "jobs": project.jobs_url, "videos": project.videos_url}
        settings, bucket = settings.model_copy(update=urls), project.bucket
    async with door_to(settings) as door, hand_at(door.desk) as hand:
        await _awake(door)
        yield House(door, hand, Customer(door, ACME), Customer(door, ZEBRA), bucket)


async def _awake(door: Door) -> None:
    """The first write to an emulator takes as long as its Java takes to load."""
    early = new_job(VideoRequest(job_id="early", prompt=PROMPT), door.desk.clock.now())
    while await door.desk.jobs.get("early") is None:
        with suppress(Unavailable, AlreadyExists):
            await door.desk.jobs.create(early)


@pytest.mark.parametrize("prompt", [PROMPT, OTHER_PROMPT])
async def test_the_same_id_of_two_callers_is_two_jobs(house: House, prompt: str) -> None:
    headers = {**ASYNC, "Idempotency-Key": "order-1"}
    answers = [await house.acme.post(headers), await house.zebra.post(headers, prompt=prompt)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert [answer.json()["video_id"] for answer in answers] == ["order-1", "order-1"]
    assert [answer.headers["location"] for answer in answers] == ["/api/videos/order-1"] * 2
    assert [(await house.job(name, "order-1")).caller for name in ("acme", "zebra")] == ["acme", "zebra"]
    again = [await house.acme.post(headers), await house.zebra.post(headers, prompt=prompt)]
    assert [answer.status_code for answer in again] == [202, 202]
    changed = await house.zebra.post(headers, prompt="a third prompt, lovelier still")
    assert (changed.status_code, changed.json()["error"]["code"]) == (409, "id_reused")
    assert to_stored_id("zebra", "order-1") not in changed.text
    taken = {await house.hand.take() for _ in answers}
    assert taken == {to_stored_id("acme", "order-1"), to_stored_id("zebra", "order-1")}


async def test_each_sees_cancels_and_lists_its_own_by_its_own_id(house: House) -> None:
    for customer, project in ((house.acme, "a"), (house.zebra, "z")):
        await customer.queued(job_id="order-1", project_id=project)
    assert (await house.zebra.call("DELETE", "/api/videos/order-1")).json()["state"] == "cancelled"
    shown = [(await customer.call("GET", "/api/videos/order-1")).json() for customer in (house.acme, house.zebra)]
    assert [(view["video_id"], view["state"], view["project_id"], view["caller"]) for view in shown] == [
        ("order-1", "queued", "a", "acme"),
        ("order-1", "cancelled", "z", "zebra"),
    ]
    for customer, project in ((house.acme, "a"), (house.zebra, "z")):
        page = (await customer.call("GET", "/api/videos")).json()["videos"]
        assert [(view["video_id"], view["project_id"]) for view in page] == [("order-1", project)]
    stored = to_stored_id("acme", "order-1")
    assert (await house.acme.call("GET", f"/api/videos/{stored}")).json()["video_id"] == "order-1"
    assert (await house.acme.post(ASYNC, job_id=stored, project_id="a")).json()["video_id"] == "order-1"
    assert (await house.zebra.call("GET", f"/api/videos/{stored}")).status_code == 404


async def test_events_and_completions_name_the_caller_s_own_id(house: House) -> None:
    subscription = Subscription(name="downstream", topic=COMPLETIONS)
    await house.door.desk.bus.ensure(subscription)
    for customer in (house.acme, house.zebra):
        await customer.queued(job_id="order-1")
    for _ in range(2):
        await house.hand.take()
    stored = to_stored_id("acme", "order-1")
    job = await house.hand.finish_quietly(stored)
    await cancel(house.door.desk, to_stored_id("zebra", "order-1"))
    stream = (await house.acme.call("GET", "/api/videos/order-1/events")).text
    told = [json.loads(line.removeprefix("data: ")) for line in stream.splitlines() if line.startswith("data: ")]
    assert {event["video_id"] for event in told if "video_id" in event} == {"order-1"}
    assert told[-1]["state"] == "succeeded"
    assert stored in told[-1]["gcs_path"] == job.final_name
    assert to_stored_id("zebra", "order-1") not in stream
    message = await _next_message(house, subscription)
    assert (message.attributes["job_id"], message.attributes["caller"], message.attributes["video_id"]) == (
        to_stored_id("zebra", "order-1"),
        "zebra",
        "order-1",
    )
    assert json.loads(message.data)["job_id"] == to_stored_id("zebra", "order-1")


async def _next_message(house: House, subscription: Subscription) -> Message:
    async with house.door.desk.bus.subscribe(subscription, limit=1) as deliveries:
        delivery: Delivery = await anext(deliveries)
        await delivery.ack()
        return delivery.message


async def test_an_id_that_is_too_long_to_be_marked_is_still_its_caller_s(house: House) -> None:
    first, second = [await customer.queued(job_id=LONG_ID) for customer in (house.acme, house.zebra)]
    assert first != second
    assert await house.acme.queued(job_id=LONG_ID) == first
    for address in (LONG_ID, first):
        assert (await house.acme.call("GET", f"/api/videos/{address}")).json()["video_id"] == first
    assert (await house.zebra.call("GET", f"/api/videos/{first}")).status_code == 404
    hashed = {**ASYNC, "Idempotency-Key": "an-order:" + "x" * 80}
    keyed = [await customer.post(hashed) for customer in (house.acme, house.acme, house.zebra)]
    assert [answer.status_code for answer in keyed] == [202, 202, 202]
    assert {answer.json()["video_id"] for answer in keyed} == {keyed[0].json()["video_id"]}
    assert len((await house.zebra.call("GET", "/api/videos")).json()["videos"]) == 2


async def test_an_id_made_to_look_like_another_caller_s_stored_one_reaches_nothing(house: House) -> None:
    await house.acme.queued(job_id="order-1")
    taken = to_stored_id("acme", "order-1")
    assert await house.zebra.queued(job_id=taken, prompt=OTHER_PROMPT) == taken
    assert (await house.job("acme", "order-1")).request.prompt == PROMPT
    assert (await house.job("zebra", taken)).request.prompt == OTHER_PROMPT
    assert (await house.zebra.call("DELETE", f"/api/videos/{taken}")).json()["state"] == "cancelled"
    assert not (await house.job("acme", "order-1")).cancel_requested
    future = to_stored_id("acme", "order-2")
    await house.zebra.queued(job_id=future)
    assert (await house.acme.post(ASYNC, job_id="order-2")).status_code == 202


async def test_a_job_of_the_release_before_is_found_and_not_paid_again(house: House) -> None:
    body = {"job_id": "order-1", "prompt": PROMPT, "reference_image": data_url(IMAGE)}
    before = await house.was_stored_before(VideoRequest.model_validate(body), "acme")
    again = await house.acme.post(ASYNC, **body)
    assert (again.status_code, again.json()["video_id"], again.json()["created_at"]) == (
        202,
        "order-1",
        before.model_dump(mode="json")["created_at"],
    )
    assert (await house.acme.post(ASYNC, **{**body, "prompt": OTHER_PROMPT})).status_code == 409
    assert await house.images() == [f"references/{DIGEST}.png"], "what was sent again is not stored a second time"
    assert await house.referrers() == [f"referrers/{DIGEST}.png/order-1"]
    assert (await house.zebra.call("GET", "/api/videos/order-1")).status_code == 404
    assert await house.zebra.queued(job_id="order-1", prompt=OTHER_PROMPT) == "order-1", "it blocks no other caller"
    assert (await house.job("zebra", "order-1")).request.prompt == OTHER_PROMPT
    assert (await house.acme.call("DELETE", "/api/videos/order-1")).json()["state"] == "cancelled"


async def test_an_unanswered_job_of_the_release_before_is_come_back_to(house: House) -> None:
    before = await house.was_stored_before(
        VideoRequest(job_id="made-by-the-facade", prompt=PROMPT, reference_image=data_url(IMAGE)), "acme"
    )
    desk = house.door.desk
    await desk.jobs.save(before.model_copy(update={"reattach_until": desk.clock.now().replace(year=2100)}))
    assert (await house.acme.post(ASYNC, reference_image=data_url(IMAGE))).json()["video_id"] == before.job_id
    assert await house.images() == [f"references/{DIGEST}.png"]
    other = await house.zebra.post(ASYNC, reference_image=data_url(IMAGE))
    assert other.json()["video_id"] != before.job_id


async def test_an_image_is_named_by_its_caller_alone(house: House) -> None:
    """By its digest, by the name that messages have, and in a bucket by its address."""
    await house.acme.queued(job_id="order-1", reference_image=data_url(IMAGE))
    [image] = await house.images()
    names = [f"reelbus:references/{DIGEST}.png", f"reelbus:{image}"]
    addresses = [f"gs://{house.bucket}/{image}"] if house.bucket else []
    for name in names + addresses:
        assert (await house.acme.post(ASYNC, reference_image=name)).status_code == 202, name
    suffix = [f"gs://{house.bucket}/{image}#1", f"gs://{house.bucket}/{image[:-4]}"] if house.bucket else []
    referrers = await house.referrers()
    refused = [
        await house.zebra.post(ASYNC, reference_image=name)
        for name in (*names, *addresses, *suffix, f"reelbus:references/{'0' * 64}.png")
    ]
    assert {(answer.status_code, answer.json()["detail"]) for answer in refused} == {(400, NOT_STORED)}
    assert await house.referrers() == referrers, "a refusal leaves nothing behind"
    await house.zebra.queued(job_id="order-1", reference_image=data_url(IMAGE))
    assert len(await house.images()) == 2, "the same picture of two callers is stored twice"
    assert len(await house.referrers()) == len(referrers) + 1
    assert (await house.zebra.post(ASYNC, reference_image=names[0])).status_code == 202
    assert (await house.zebra.post(ASYNC, reference_image=names[1])).status_code == 400


async def test_the_same_image_however_it_is_named_is_the_same_request(house: House) -> None:
    await house.acme.queued(job_id="order-1", reference_image=data_url(IMAGE))
    for name in (f"reelbus:references/{DIGEST}.png", f"reelbus:{(await house.images())[0]}"):
        assert await house.acme.queued(job_id="order-1", reference_image=name) == "order-1"


async def test_an_image_of_the_release_before_is_named_by_the_caller_of_its_job(house: House) -> None:
    await house.was_stored_before(VideoRequest(job_id="old", prompt=PROMPT, reference_image=data_url(IMAGE)), "acme")
    name = f"reelbus:references/{DIGEST}.png"
    refused = await house.zebra.post(ASYNC, reference_image=name)
    assert (refused.status_code, refused.json()["detail"]) == (400, NOT_STORED)
    assert (await house.acme.post(ASYNC, reference_image=name)).status_code == 202
    assert (await Customer(house.door, ACME_2).post(ASYNC, reference_image=name)).status_code == 202


async def test_an_operator_sees_stored_ids_and_erases_by_caller(house: House) -> None:
    desk = house.door.desk
    for customer in (house.acme, house.zebra):
        await customer.queued(job_id="order-1", reference_image=data_url(IMAGE))
        await customer.queued(job_id="order-2")
        for job_id in ("order-1", "order-2"):
            await customer.call("DELETE", f"/api/videos/{job_id}")
    first, second = to_stored_id("acme", "order-1"), to_stored_id("acme", "order-2")
    listed = await list_jobs(desk, JobFilter(jobs_of="acme"))
    assert {(view.video_id, view.caller) for view in listed.videos} == {(first, "acme"), (second, "acme")}
    assert (await status(desk, first)).video_id == first
    assert (await purge(desk, ["order-1", first], caller="acme")).erased == [first]
    assert len(await house.images()) == 1, "the other caller's picture stays"
    assert (await purge_old(desk, project_id=None, older_than=None, caller="acme")).erased == [second]
    gone = await house.acme.post(ASYNC, job_id="order-2")
    assert gone.status_code == 410
    assert "order-2 was erased" in gone.json()["detail"]
    assert (await house.zebra.call("GET", "/api/videos/order-1")).json()["erased_at"] is None


async def test_without_a_key_ids_and_images_stay_as_they_are(house: House) -> None:
    desk = house.door.desk
    request = VideoRequest(job_id="order-1", prompt=PROMPT, reference_image=data_url(IMAGE))
    await house.acme.queued(job_id="order-1")
    job = await submit(desk, request)
    assert (job.job_id, job.request.reference_image) == ("order-1", f"reelbus:references/{DIGEST}.png")
    await house.hand.take()
    delivery = await house.hand.take_delivery()
    command = decode_command(delivery.message)
    assert isinstance(command, VideoRequest)
    assert command.job_id == "order-1"
    assert (await house.acme.call("GET", "/api/videos/order-1")).json()["caller"] == "acme"
