"""The same id is the same job, for ever, and another request under it is refused."""

import pytest

from schemas.errors import Category, Charged, Failure
from tests.facade.doors import ASYNC, Door
from tests.facade.hand import Hand

KEY = "Idempotency-Key"


async def test_a_repeated_key_is_one_job_and_one_message(door: Door, hand: Hand) -> None:
    first = await door.post({**ASYNC, KEY: "order-1"})
    second = await door.post({**ASYNC, KEY: '"order-1"'})
    assert first.json()["video_id"] == second.json()["video_id"] == "order-1"
    other = await door.queued()
    assert [await hand.take(), await hand.take()] == ["order-1", other]


async def test_a_key_that_is_no_id_stands_for_one(door: Door) -> None:
    first = await door.post({**ASYNC, KEY: "user:7/scene:3"})
    second = await door.post({**ASYNC, KEY: '"user:7/scene:3"'})
    assert first.status_code == 202
    assert first.json()["video_id"] == second.json()["video_id"]
    assert first.json()["video_id"].startswith("key-")


async def test_another_body_under_the_same_key_is_a_conflict(door: Door) -> None:
    await door.post({**ASYNC, KEY: "order-1"}, duration_seconds=5)
    answer = await door.post({**ASYNC, KEY: "order-1"}, duration_seconds=6)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "id_reused"
    assert (await door.client.get("/api/videos/order-1")).json()["duration_seconds"] == 5


async def test_a_finished_job_is_answered_at_once(door: Door, hand: Hand) -> None:
    job_id = await door.queued(job_id="order-1")
    await hand.finish(await hand.take())
    for headers in ({}, ASYNC):
        answer = await door.post(headers, job_id=job_id)
        assert (answer.status_code, answer.json()["video_id"]) == (200, job_id)


async def test_a_failed_job_stays_failed(door: Door, hand: Hand) -> None:
    job_id = await door.queued(job_id="order-1")
    await hand.fail(
        job_id,
        Failure(category=Category.SAFETY_FILTER, code="blocked", message="The filter said no.", charged=Charged.NO),
    )
    answers = [await door.post({KEY: "order-1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [422, 422]


_GIVEN = {
    "": "; its length is 0",
    '""': "; its length is 0",
    "x" * 256: "; its length is 256",
    "two words": "",
    "caf\xe9": "",
}


@pytest.mark.parametrize(("key", "given"), _GIVEN.items())
async def test_a_key_that_is_none(door: Door, key: str, given: str) -> None:
    answer = await door.client.post(
        "/api/videos/generate", json={"prompt": "long enough"}, headers=[(KEY.encode(), key.encode("latin-1"))]
    )
    assert answer.status_code == 400
    assert answer.json()["detail"] == f"Invalid request: {KEY} must have 1 to 255 visible characters{given}"


async def test_two_keys_are_none(door: Door) -> None:
    answer = await door.client.post(
        "/api/videos/generate", json={"prompt": "long enough"}, headers=[(KEY, "a"), (KEY, "b")]
    )
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, KEY)


async def test_header_and_body_must_agree(door: Door) -> None:
    assert (await door.post({**ASYNC, KEY: "order-1"}, job_id="order-1")).status_code == 202
    answer = await door.post({**ASYNC, KEY: "order-1"}, job_id="order-2")
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "job_id")
    assert (await door.post({**ASYNC, KEY: "order-1"}, job_id=7)).status_code == 400
