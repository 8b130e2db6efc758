"""A job that fails says why, with the same words in the record, the answer and the completion."""

import asyncio

import pytest

from publisher.context import PublisherContext
from schemas.domain.job import Job
from schemas.errors import Category, Charged, Failure
from schemas.ports import COMPLETIONS, Subscription
from schemas.wire.message import decode_completion
from tests.facade.doors import Door
from tests.facade.hand import Hand

WORDS = "The model would not do it."


@pytest.mark.parametrize(
    ("category", "status", "detail"),
    [
        (Category.SAFETY_FILTER, 422, WORDS),
        (Category.INVALID_REQUEST, 400, f"Invalid request: {WORDS}"),
        (Category.QUOTA, 429, WORDS),
        (Category.CAPACITY, 503, WORDS),
        (Category.BUDGET, 403, WORDS),
        (Category.CANCELLED, 409, WORDS),
        (Category.EXPIRED, 410, WORDS),
        (Category.AUTH, 500, f"Server error during video generation: {WORDS}"),
        (Category.NOT_FOUND, 500, f"Server error during video generation: {WORDS}"),
        (Category.TIMEOUT, 500, f"Server error during video generation: {WORDS}"),
        (Category.UPSTREAM, 500, f"Server error during video generation: {WORDS}"),
        (Category.STORAGE, 500, f"Server error during video generation: {WORDS}"),
        (Category.INTERNAL, 500, f"Server error during video generation: {WORDS}"),
    ],
)
async def test_the_category_decides_the_status(
    door: Door, hand: Hand, category: Category, status: int, detail: str
) -> None:
    failure = Failure(category=category, code="said_no", message=WORDS, retryable=True, charged=Charged.UNKNOWN)
    calling = asyncio.create_task(door.post())
    job_id = await hand.take()
    await hand.fail(job_id, failure)
    answer = await calling
    assert answer.status_code == status
    body = answer.json()
    assert (body["success"], body["detail"], body["video_id"]) == (False, detail, job_id)
    assert body["error"] == failure.model_dump(mode="json", exclude_none=True)
    assert body["status_url"].endswith(f"/api/videos/{job_id}")
    assert ("retry-after" in answer.headers) == (status in (429, 503))


async def test_the_same_words_everywhere(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    failure = Failure(category=Category.UPSTREAM, code="broke", message=WORDS, charged=Charged.NO)
    job, announced = await _failed(door.desk, hand, job_id, failure)
    answer = (await door.post(job_id=job_id)).json()
    shown = (await door.client.get(f"/api/videos/{job_id}")).json()
    assert job.failure is not None
    assert {job.failure.message, announced, answer["error"]["message"], shown["error"]["message"]} == {WORDS}


async def _failed(desk: PublisherContext, hand: Hand, job_id: str, failure: Failure) -> tuple[Job, str | None]:
    listener = Subscription(name="listener", topic=COMPLETIONS, ephemeral=True)
    async with desk.bus.subscribe(listener, limit=1) as deliveries:
        job = await hand.fail(job_id, failure)
        delivery = await anext(deliveries)
        await delivery.ack()
    completion = decode_completion(delivery.message)
    return job, completion.error.message if completion.error else None
