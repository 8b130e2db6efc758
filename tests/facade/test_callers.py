"""Where callers need a key: who is let in, and that each sees its own jobs only."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from publisher.settings import ApiKey, find_key
from publisher.submit import submit
from schemas.wire.request import VideoRequest
from tests.facade.customers import ACME, ACME_2, ACME_KNOWN, KEYS, ZEBRA, Customer
from tests.facade.doors import GENERATE, PROMPT, Door, door_to, settings_for
from tests.facade.hand import Hand, hand_at


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with door_to(settings_for(tmp_path, api_keys=KEYS, wait_s=5)) as door:
        yield door


@pytest.fixture
async def hand(door: Door) -> AsyncIterator[Hand]:
    async with hand_at(door.desk) as hand:
        yield hand


@pytest.fixture
def acme(door: Door) -> Customer:
    return Customer(door, ACME)


@pytest.fixture
def zebra(door: Door) -> Customer:
    return Customer(door, ZEBRA)


def test_a_key_is_found_among_many_and_no_other_is() -> None:
    found = [find_key(key, KEYS) for key in (ACME, ACME_2, ZEBRA)]
    assert [key and key.name for key in found] == ["acme", "acme", "zebra"]
    for other in ("", ACME[:-1], ACME + "x", ACME.upper(), ACME_KNOWN.sha256, "\udcff", "ü"):
        assert find_key(other, KEYS) is None
    assert ACME not in ACME_KNOWN.model_dump_json()


@pytest.mark.parametrize("path", ["/api/videos/health", "/livez", "/readyz"])
async def test_health_is_open(door: Door, path: str) -> None:
    assert (await door.client.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", GENERATE),
        ("GET", "/api/videos"),
        ("GET", "/api/videos/one"),
        ("GET", "/api/videos/one?wait=5"),
        ("DELETE", "/api/videos/one"),
        ("GET", "/api/videos/one/events"),
        ("GET", "/openapi.json"),
        ("GET", "/asyncapi.json"),
        ("GET", "/"),
        ("GET", "//livez"),
        ("GET", "/nothing"),
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {ACME}"},
        {"X-API-Key": ACME_KNOWN.sha256},
        {"X-API-Key": "a.b.c"},
    ],
)
async def test_everything_else_is_shut(door: Door, method: str, path: str, headers: dict[str, str]) -> None:
    answer = await door.client.request(method, f"http://localhost{path}", headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="reelbus"')
    body = answer.json()
    assert (body["success"], body["error"]["category"], body["error"]["code"]) == (False, "auth", "unauthorized")


async def test_a_stranger_is_answered_before_its_body_ends(door: Door) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1000)
            await asyncio.sleep(0)

    assert (await door.client.post(GENERATE, content=endless())).status_code == 401


@pytest.mark.parametrize(
    "headers", [{"Authorization": f"bearer  {ACME}"}, {"X-API-Key": ACME}, {"X-API-Key": ACME, "Authorization": "x"}]
)
async def test_either_header_will_do(door: Door, headers: dict[str, str]) -> None:
    assert (await door.client.get("/api/videos", headers=headers)).status_code == 200


async def test_a_job_is_written_to_its_caller(door: Door, acme: Customer) -> None:
    job = await door.desk.jobs.get(await acme.queued())
    assert job is not None
    assert job.caller == "acme"


async def test_two_keys_of_one_caller_see_the_same_jobs(door: Door, acme: Customer) -> None:
    job_id = await acme.queued()
    assert (await Customer(door, ACME_2).call("GET", f"/api/videos/{job_id}")).status_code == 200


@pytest.mark.parametrize(
    ("method", "what"), [("GET", ""), ("GET", "?wait=5"), ("DELETE", ""), ("GET", "/events"), ("HEAD", "")]
)
async def test_another_caller_s_job_is_not_there(
    door: Door, acme: Customer, zebra: Customer, method: str, what: str
) -> None:
    job_id = await acme.queued()
    missing = await zebra.call(method, f"/api/videos/{'0' * len(job_id)}{what}")
    answer = await zebra.call(method, f"/api/videos/{job_id}{what}")
    assert answer.status_code == missing.status_code == 404
    assert answer.text == missing.text.replace("0" * len(job_id), job_id), "what differs, tells"
    job = await door.desk.jobs.get(job_id)
    assert job is not None
    assert not job.cancel_requested
    assert not job.ended


async def test_each_lists_its_own(acme: Customer, zebra: Customer) -> None:
    ids = [await acme.queued(project_id="p"), await acme.queued(), await zebra.queued(project_id="p")]
    first = (await acme.call("GET", "/api/videos?limit=1")).json()
    rest = (await acme.call("GET", f"/api/videos?cursor={first['next_cursor']}")).json()
    assert {view["video_id"] for view in first["videos"] + rest["videos"]} == set(ids[:2])
    stolen = (await zebra.call("GET", f"/api/videos?cursor={first['next_cursor']}")).json()["videos"]
    assert {view["video_id"] for view in stolen} <= {ids[2]}, "a cursor is no key"
    assert [view["video_id"] for view in (await zebra.call("GET", "/api/videos?project_id=p")).json()["videos"]] == [
        ids[2]
    ]


async def test_only_the_same_caller_is_reattached(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, api_keys=KEYS, wait_s=0.05)) as door:
        acme, zebra = Customer(door, ACME), Customer(door, ZEBRA)
        lost = await acme.post()
        assert lost.status_code == 504
        other = await zebra.post()
        again = await acme.post()
        ids = [answer.json()["video_id"] for answer in (lost, other, again)]
        assert ids[0] == ids[2] != ids[1]


async def test_twins_of_two_callers_are_two_jobs(acme: Customer, zebra: Customer, hand: Hand) -> None:
    calls = [asyncio.create_task(customer.post()) for customer in (acme, zebra)]
    taken = [await hand.take() for _ in calls]
    await asyncio.gather(*(hand.finish(job_id) for job_id in taken))
    answers = [await call for call in calls]
    assert len({answer.json()["video_id"] for answer in answers}) == 2


async def test_a_job_that_came_by_the_bus_is_no_caller_s(door: Door, acme: Customer) -> None:
    await submit(door.desk, VideoRequest(job_id="by-bus", prompt=PROMPT))
    assert (await acme.call("GET", "/api/videos/by-bus")).status_code == 404
    assert await acme.queued(job_id="by-bus", prompt="another prompt, no less lovely") == "by-bus"
    job = await door.desk.jobs.get("by-bus")
    assert job is not None
    assert (job.caller, job.request.prompt) == (None, PROMPT)


@pytest.mark.parametrize("name", ["", "a b", "a@b", "x" * 65, "a\n"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        ApiKey(name=name, sha256="0" * 64)
