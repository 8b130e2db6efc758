"""`/api/videos/batch`: all jobs or none, the same batch again, prices, rooms, keys and errors."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from publisher.batches.request import RESERVED
from publisher.facade.app import ROUTES
from publisher.facade.request_headers import VIDEO_ID
from publisher.settings import new_key
from schemas.domain.job import Job
from schemas.errors import Unavailable
from schemas.ports import BATCH_WORKERS, WORKERS, JobQuery
from schemas.wire.message import Message
from tests.facade.customers import ACME, KEYS, ZEBRA, Customer
from tests.facade.doors import PROMPT, Door, door_over, door_to, settings_for
from tests.facade.faults import LosesTheAnswer
from tests.facade.hand import hand_at
from tests.facade.test_plan import BUDGETS, paid, use
from tests.images import data_url, png

BATCH = "/api/videos/batch"
PLAN = f"{BATCH}/plan"


def requests_of(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"prompt": f"{PROMPT}, number {number}", **fields} for number in range(count)]


async def order(door: Door, requests: list[dict[str, Any]], **body: Any) -> httpx.Response:
    return await door.client.post(BATCH, json={"requests": requests, **body})


async def stored(door: Door) -> list[Job]:
    return list((await door.desk.jobs.list(JobQuery(limit=200))).jobs)


def error_of(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("field")


@pytest.fixture
async def veo(tmp_path: Path) -> AsyncIterator[Door]:
    async with door_to(paid(tmp_path, budgets=BUDGETS)) as door:
        yield door


async def test_a_batch_is_ordered_shown_and_ends(door: Door) -> None:
    async with hand_at(door.desk) as hand:
        answer = await order(door, requests_of(3, duration_seconds=2), batch_id="night")
        body = answer.json()
        assert (answer.status_code, answer.headers["location"]) == (202, f"{BATCH}/night")
        assert int(answer.headers["retry-after"]) > 0
        assert (body["batch_id"], body["ended"], body["states"]["queued"]) == ("night", False, 3)
        names = [video["video_id"] for video in body["videos"]]
        assert names == ["night-001", "night-002", "night-003"]
        assert sorted([await hand.take() for _ in names]) == names
        await hand.finish("night-002")
        body = (await door.client.get(f"{BATCH}/night")).json()
        assert (body["ended"], body["states"]["queued"], body["states"]["succeeded"]) == (False, 2, 1)
        assert [video["state"] for video in body["videos"]] == ["queued", "succeeded", "queued"]
        assert body["videos"][1]["video_url"]
        for name in (names[0], names[2]):
            await hand.finish(name)
    again = await order(door, requests_of(3, duration_seconds=2), batch_id="night")
    assert (again.status_code, again.json()["ended"], again.json()["states"]["succeeded"]) == (200, True, 3)
    assert (await door.client.get("/api/videos/night-003")).json()["state"] == "succeeded"


async def test_the_largest_batch(door: Door) -> None:
    answer = await order(door, requests_of(100))
    assert (answer.status_code, answer.json()["states"]["queued"]) == (202, 100)
    assert len(await door.desk.bus.list_waiting(WORKERS)) == 100
    assert error_of(await order(door, requests_of(101))) == (400, "invalid_request", "requests")
    assert error_of(await order(door, [])) == (400, "invalid_request", "requests")


async def test_the_same_batch_again_is_the_same_jobs(door: Door) -> None:
    first = await order(door, requests_of(4))
    second = await order(door, requests_of(4))
    assert first.json()["batch_id"] == second.json()["batch_id"]
    assert [video["video_id"] for video in first.json()["videos"]] == [
        video["video_id"] for video in second.json()["videos"]
    ]
    assert len(await stored(door)) == 4
    assert len(await door.desk.bus.list_waiting(WORKERS)) == 4
    other = await order(door, requests_of(4), batch_id="once-more")
    assert other.json()["batch_id"] == "once-more"
    assert len(await stored(door)) == 8


async def test_calls_at_the_same_time_are_one_batch(door: Door) -> None:
    answers = await asyncio.gather(*(order(door, requests_of(9)) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["batch_id"] for answer in answers}) == 1
    assert len(await stored(door)) == 9
    assert len(await door.desk.bus.list_waiting(WORKERS)) == 9


async def test_a_key_names_the_batch(door: Door) -> None:
    body = {"requests": requests_of(2)}
    for key, batch_id in (("night", "night"), ("an order with blanks, and long: " + "x" * 60, "key-")):
        quoted = f'"{key}"' if " " not in key else key.replace(" ", "_")
        answer = await door.client.post(BATCH, json=body, headers={"Idempotency-Key": quoted})
        assert answer.status_code == 202, answer.text
        assert answer.json()["batch_id"].startswith(batch_id)
        again = await door.client.post(BATCH, json=body, headers={"Idempotency-Key": quoted})
        assert again.json()["batch_id"] == answer.json()["batch_id"]
    both = await door.client.post(BATCH, json={**body, "batch_id": "other"}, headers={"Idempotency-Key": "night"})
    assert error_of(both) == (400, "invalid_request", "batch_id")


async def test_other_contents_under_the_same_id_are_refused(door: Door) -> None:
    await order(door, requests_of(2), batch_id="night")
    for requests in (requests_of(3), requests_of(1), requests_of(2, duration_seconds=3)):
        assert error_of(await order(door, requests, batch_id="night")) == (409, "id_reused", None)
        planned = await door.client.post(PLAN, json={"requests": requests, "batch_id": "night"})
        assert error_of(planned) == (409, "id_reused", None)
    assert len(await stored(door)) == 2


async def test_a_job_of_another_call_takes_no_place_of_a_batch(door: Door) -> None:
    await door.queued(job_id="night-002")
    image = data_url(png())
    answer = await order(door, [{"prompt": PROMPT, "reference_image": image}, *requests_of(2)], batch_id="night")
    assert error_of(answer) == (409, "id_reused", None)
    assert [job.job_id for job in await stored(door)] == ["night-002"]
    assert await door.desk.videos.list("references/") == []
    assert (await door.client.get(f"{BATCH}/night")).status_code == 404


@pytest.mark.parametrize(
    ("request_fields", "field"),
    [
        ({"prompt": "short"}, "requests.1.prompt"),
        ({"prompt": PROMPT, "duration_seconds": 31}, "requests.1.duration_seconds"),
        ({"prompt": PROMPT, "tempo": 3}, "requests.1.tempo"),
        ({"prompt": PROMPT, "resolution": "4k"}, "requests.1.resolution"),
        ({"prompt": PROMPT, "reference_image": "data:image/png;base64,AAAA"}, "requests.1.reference_image"),
        ({"prompt": PROMPT, "reference_image": f"reelbus:references/{'0' * 64}.png"}, "requests.1.reference_image"),
        ({"prompt": PROMPT, "job_id": "mine"}, "requests.1.job_id"),
        ({"prompt": PROMPT, "webhook": {"url": "http://127.0.0.1/"}}, "requests.1.webhook.url"),
        ({"scene": {"title": 3}}, "requests.1.scene.title"),
        ({"prompt": f"{PROMPT}, number 0"}, "requests.1"),
    ],
)
async def test_an_invalid_request_is_named_and_nothing_is_ordered(
    door: Door, request_fields: dict[str, Any], field: str
) -> None:
    requests = [*requests_of(1, reference_image=None), request_fields, *requests_of(3)[1:]]
    for path in (BATCH, PLAN):
        answer = await door.client.post(path, json={"requests": requests})
        assert error_of(answer) == (400, "invalid_request", field)
        assert field in answer.json()["detail"]
    assert await stored(door) == []
    assert await door.desk.videos.list("") == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"requests": requests_of(1), "batch_id": "a b"}, "batch_id"),
        ({"requests": requests_of(1), "batch_id": "x" * 44}, "batch_id"),
        ({"requests": requests_of(1), "batch_id": "plan"}, "batch_id"),
        ({"requests": requests_of(1), "max_cost_usd": -1}, "max_cost_usd"),
        ({"requests": requests_of(1), "priority": "soon"}, "priority"),
        ({"requests": requests_of(1), "model": "veo"}, "model"),
        ({"requests": "all"}, "requests"),
        ({"requests": ["all"]}, "requests.0"),
        ({}, "requests"),
    ],
)
async def test_an_invalid_batch_is_refused_with_its_field(door: Door, body: dict[str, Any], field: str) -> None:
    answer = await door.client.post(BATCH, json=body)
    assert error_of(answer) == (400, "invalid_request", field)
    assert await stored(door) == []


async def test_the_body_must_be_json_and_not_too_large(door: Door) -> None:
    plain = await door.client.post(BATCH, content=b"{}", headers={"Content-Type": "text/plain"})
    assert plain.status_code == 415
    large = await door.client.post(BATCH, json={"requests": requests_of(1), "batch_id": "x" * 28_000_000})
    assert large.status_code == 413
    many = await order(door, requests_of(100, labels={f"k{number}": "v" for number in range(32)}, style="quiet"))
    assert many.status_code == 202, many.text
    values = await order(door, [{"prompt": PROMPT, "labels": {str(number): "" for number in range(60_000)}}])
    assert (values.status_code, "commas and colons" in values.json()["detail"]) == (400, True)


async def test_requests_that_are_too_large_together(door: Door) -> None:
    texts = ("title", "description", "visual", "cameraFlow", "script", "backgroundMusic")
    scene = dict.fromkeys(texts, "\N{CLAPPER BOARD}" * 2000)
    for count, status in ((70, 202), (100, 400)):
        answer = await order(door, requests_of(count, scene=scene))
        assert answer.status_code == status, answer.text[:300]
    assert error_of(answer) == (400, "invalid_request", "requests")
    assert len(await stored(door)) == 70


async def test_every_request_keeps_its_own_image(door: Door) -> None:
    images = [data_url(png(64 + 2 * number, 36)) for number in range(3)]
    requests: list[dict[str, Any]] = [{"prompt": PROMPT, "reference_image": image} for image in [*images, images[0]]]
    requests[3]["labels"] = {"take": "two"}
    answer = await order(door, requests)
    assert answer.status_code == 202, answer.text
    used = [job.request.reference_image for job in sorted(await stored(door), key=lambda job: job.job_id)]
    assert len(set(used)) == 3
    assert used[0] == used[3]


async def test_a_lane_for_the_whole_batch(door: Door) -> None:
    requests = requests_of(3)
    requests[1]["priority"] = "interactive"
    answer = await order(door, requests, priority="batch")
    assert answer.status_code == 202
    assert len(await door.desk.bus.list_waiting(BATCH_WORKERS)) == 2
    assert len(await door.desk.bus.list_waiting(WORKERS)) == 1


async def test_the_plan_says_what_it_costs_and_writes_nothing(veo: Door) -> None:
    body = (await veo.client.post(PLAN, json={"requests": requests_of(2, duration_seconds=4)})).json()
    single = (await veo.client.post("/api/videos/plan", json=requests_of(1, duration_seconds=4)[0])).json()
    assert body["price_usd"] == pytest.approx(2 * single["price_usd"])
    assert body["price_usd"] > 0
    assert body["billed_seconds"] == 2 * single["billed_seconds"]
    assert (body["duration_seconds"], body["exists"], body["refusal"]) == (8, False, None)
    assert [video["video_id"] for video in body["videos"]] == [f"{body['batch_id']}-{n:03}" for n in (1, 2)]
    assert await stored(veo) == []
    ordered = (await order(veo, requests_of(2, duration_seconds=4))).json()
    assert (ordered["batch_id"], ordered["price_usd"]) == (body["batch_id"], body["price_usd"])
    assert (await veo.client.post(PLAN, json={"requests": requests_of(2, duration_seconds=4)})).json()["exists"]


async def test_a_batch_over_its_limit_is_not_ordered(veo: Door) -> None:
    requests = requests_of(2, duration_seconds=4)
    price = (await veo.client.post(PLAN, json={"requests": requests})).json()["price_usd"]
    over = await order(veo, requests, max_cost_usd=price - 0.01)
    assert error_of(over) == (403, "over_max_cost", "max_cost_usd")
    requests[1]["max_cost_usd"] = 0.01
    own = await order(veo, requests, max_cost_usd=price)
    assert error_of(own) == (403, "over_max_cost", "requests.1.max_cost_usd")
    planned = (await veo.client.post(PLAN, json={"requests": requests})).json()
    assert (planned["refusal"]["code"], planned["price_usd"]) == ("over_max_cost", price)
    assert await stored(veo) == []
    del requests[1]["max_cost_usd"]
    assert (await order(veo, requests, max_cost_usd=price)).status_code == 202
    limits = [job.request.max_cost_usd for job in await stored(veo)]
    assert sum(limit for limit in limits if limit is not None) == pytest.approx(Decimal(str(price)))
    assert (await order(veo, requests, max_cost_usd=0)).status_code == 202  # it exists, and pays nothing more


async def test_a_budget_must_have_room_for_the_whole_batch(veo: Door) -> None:
    requests = requests_of(2, duration_seconds=4)
    price = (await veo.client.post(PLAN, json={"requests": requests})).json()["price_usd"]
    await use(veo, str(round(Decimal("2") - Decimal(str(price)) + Decimal("0.01"), 2)))
    assert error_of(await order(veo, requests)) == (403, "budget_exceeded", None)
    assert (await veo.client.post(PLAN, json={"requests": requests})).json()["refusal"]["code"] == "budget_exceeded"
    assert await stored(veo) == []
    assert (await order(veo, requests[:1])).status_code == 202


async def test_the_queue_must_have_room_for_the_whole_batch(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, max_queued_per_caller=5)) as door:
        await order(door, requests_of(3))
        full = await order(door, requests_of(4))
        assert error_of(full) == (429, "too_many_queued", None)
        assert int(full.headers["retry-after"]) > 0
        plan = (await door.client.post(PLAN, json={"requests": requests_of(4)})).json()
        assert (plan["refusal"]["code"], plan["refusal"]["retryable"]) == ("too_many_queued", True)
        assert len(await stored(door)) == 3
        assert (await order(door, requests_of(3))).status_code == 202  # the batch that exists
        assert (await order(door, requests_of(2))).status_code == 202
        assert error_of(await order(door, requests_of(6))) == (400, "invalid_request", "requests")
        assert (await order(door, requests_of(5, project_id="other"))).status_code == 202


async def test_batches_belong_to_their_caller(tmp_path: Path) -> None:
    reader, reader_known = new_key("acme", scopes=("read",))
    operator, operator_known = new_key("ops", scopes=("operate",))
    keys = (*KEYS, reader_known, operator_known)
    async with door_to(settings_for(tmp_path, api_keys=keys)) as door:
        acme, zebra = Customer(door, ACME), Customer(door, ZEBRA)
        body = {"batch_id": "night", "requests": requests_of(2)}
        mine = await acme.call("POST", BATCH, json=body)
        assert [video["video_id"] for video in mine.json()["videos"]] == ["night-001", "night-002"]
        assert (await zebra.call("GET", f"{BATCH}/night")).status_code == 404
        other = await zebra.call("POST", BATCH, json={**body, "requests": requests_of(3)})
        assert (other.status_code, other.json()["states"]["queued"]) == (202, 3)
        assert (await acme.call("GET", f"{BATCH}/night")).json()["states"]["queued"] == 2
        assert (await acme.call("GET", "/api/videos/night-002")).status_code == 200
        assert (await acme.call("GET", f"{BATCH}/night", params={"caller": "zebra"})).status_code == 403
        assert (await Customer(door, reader).call("POST", BATCH, json=body)).status_code == 403
        assert (await Customer(door, reader).call("POST", PLAN, json=body)).status_code == 403
        assert (await Customer(door, reader).call("GET", f"{BATCH}/night")).status_code == 200
        ops = Customer(door, operator)
        assert (await ops.call("GET", f"{BATCH}/night")).status_code == 404
        seen = (await ops.call("GET", f"{BATCH}/night", params={"caller": "zebra"})).json()
        assert seen["states"]["queued"] == 3
        assert seen["videos"][0]["video_id"].startswith("night-001-")
        assert (await ops.call("GET", f"{BATCH}/night", params={"caller": "a\nb"})).status_code == 400
        assert (await door.client.post(BATCH, json=body)).status_code == 401
        assert (await door.client.get(f"{BATCH}/night")).status_code == 401


async def test_a_job_named_batch_and_its_calls_are_as_before(door: Door) -> None:
    await door.queued(job_id="batch")
    assert (await door.client.get("/api/videos/batch")).json()["video_id"] == "batch"
    assert (await door.client.get("/api/videos/batch/replay")).status_code == 200
    assert (await door.client.delete("/api/videos/batch")).json()["state"] == "cancelled"
    assert (await door.client.get(f"{BATCH}/batch")).status_code == 404
    assert (await door.client.get(f"{BATCH}/nothing", params={"wait": "3"})).status_code == 400


class Deaf:
    """A bus that takes so many messages, and no further ones while it is deaf."""

    def __init__(self, bus: Any, takes: int) -> None:
        self._bus, self.takes = bus, takes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    async def publish(self, topic: str, message: Message) -> None:
        if self.takes <= 0:
            raise Unavailable("the bus is out of reach")
        self.takes -= 1
        await self._bus.publish(topic, message)


async def test_a_bus_that_fails_half_way_loses_no_job(door: Door) -> None:
    bus = Deaf(door.desk.bus, 3)
    async with door_over({**door.state, "ctx": replace(door.desk, bus=bus)}) as other:
        answer = await order(other, requests_of(20), batch_id="night")
        assert error_of(answer) == (503, "unavailable", None)
        assert answer.json()["status_url"].endswith(f"{BATCH}/night")
        assert "the whole batch may run later" in answer.json()["detail"]
        assert (await other.client.get(f"{BATCH}/night")).json()["states"]["queued"] == 20
        bus.takes = 100
        again = await order(other, requests_of(20), batch_id="night")
        assert again.status_code == 202
    assert len(await stored(door)) == 20
    waiting = [each["job_id"] for each in await door.desk.bus.list_waiting(WORKERS)]
    assert len(waiting) == len(set(waiting))
    assert len(waiting) >= 3


async def test_an_answer_of_the_store_that_got_lost(door: Door) -> None:
    jobs = LosesTheAnswer(door.desk.jobs)
    async with door_over({**door.state, "ctx": replace(door.desk, jobs=jobs)}) as other:
        answer = await order(other, requests_of(3), batch_id="night")
        assert error_of(answer) == (503, "unavailable", None)
        jobs.blind = False
        assert (await order(other, requests_of(3), batch_id="night")).status_code == 202
    assert len(await stored(door)) == 3


def test_no_batch_has_an_id_that_is_a_path_of_a_job() -> None:
    """A job may have the id `batch`: its paths must lead to it."""
    prefix = f"/api/videos/{VIDEO_ID}/"
    paths = {route.path.removeprefix(prefix) for route in ROUTES if route.path.startswith(prefix)}
    assert "events" in paths
    assert paths <= RESERVED
