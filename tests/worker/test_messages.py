"""Whatever comes on the topic is answered or kept, and touches no job that it does not own."""

import base64

import pytest

from schemas.domain.states import JobState
from schemas.errors import Unavailable
from schemas.ports import DEAD_WORKERS, REQUESTS, WORKERS
from schemas.wire.completion import Outcome
from schemas.wire.message import encode_request
from subscriber import handler
from subscriber.fair_slots import FairSlots
from tests.worker.bench import Bench, a_request

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"job_id": "bad", "prompt": "too short"}', "prompt must have at least 10 characters, not 9"),
        (b'{"job_id": "bad", "prompt": "too short", "fps": 60}', "prompt must have at least 10 characters, not 9"),
        (b'{"prompt": "long enough now"}', "job_id is required"),
        (b"\x00\xff garbage", "must be JSON"),
        (b"[]", "must be a JSON object"),
    ],
)
async def test_an_invalid_message_is_rejected_by_field_and_kept(bench: Bench, body: bytes, words: str) -> None:
    await bench.send_raw(body)
    async with bench.working():
        heard = await bench.hear()
        assert heard.error is not None
        assert heard.state is Outcome.REJECTED
        assert words.lower() in heard.error.message.lower()
        await bench.send(job_id="still-works")
        assert (await bench.hear()).state is Outcome.SUCCEEDED
    [letter] = await bench.ctx.bus.dead_letters()
    assert letter.message.data == body


async def test_a_known_id_with_another_body_is_rejected_and_the_job_goes_on(bench: Bench) -> None:
    async with bench.working():
        await bench.send()
        first = await bench.hear()
        await bench.send(duration_seconds=2)
        second = await bench.hear()
    assert second.error is not None
    assert (second.state, second.error.code, second.job_id) == (Outcome.REJECTED, "id_reused", "job-1")
    assert (await bench.job()).result is not None
    assert first.event_id != second.event_id
    assert len(bench.model.accepted) == 1


async def test_a_message_of_tomorrow_is_held_for_a_newer_worker(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "HOLD_AT_MOST_S", 0)
    await bench.send_raw(b'{"job_id": "future"}', **{"ce-type": "reelbus.video.requested.v2"})
    async with bench.working():
        await bench.send()
        heard = await bench.hear()
    assert heard.job_id == "job-1"
    async with bench.ctx.bus.subscribe(WORKERS, limit=1) as deliveries:
        again = await anext(deliveries)
        assert again.message.attributes["ce-type"] == "reelbus.video.requested.v2"
        await again.ack()


async def test_an_inline_image_goes_to_the_store_and_only_its_name_to_the_record(bench: Bench) -> None:
    image = "data:image/png;base64," + base64.b64encode(PIXEL).decode()
    async with bench.working():
        await bench.send(reference_image=image)
        assert (await bench.hear()).state is Outcome.SUCCEEDED
        await bench.send(reference_image=image)
        assert (await bench.hear()).state is Outcome.SUCCEEDED
    job = await bench.job()
    [stored] = await bench.ctx.videos.list("references/")
    assert job.request.reference_image == f"reelbus:{stored.name}"
    assert stored.size_bytes == len(PIXEL)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("data:image/png;base64," + base64.b64encode(b"no image at all").decode(), "its bytes are something else"),
        ("gs://somebody/else.png", "can't be read from gs://"),
    ],
)
async def test_an_image_that_cannot_be_used_is_rejected(bench: Bench, reference: str, words: str) -> None:
    await bench.send(reference_image=reference)
    async with bench.working():
        heard = await bench.hear()
    assert heard.error is not None
    assert (heard.state, heard.error.field) == (Outcome.REJECTED, "reference_image")
    assert words in heard.error.message


async def test_a_request_that_was_given_up_fails_its_unpaid_job(bench: Bench) -> None:
    await bench.send()
    async with bench.ctx.bus.subscribe(WORKERS, limit=1) as deliveries:
        await (await anext(deliveries)).dead_letter("delivered 20 times")
    async with bench.working():
        heard = await bench.hear()
    assert heard.error is not None
    assert (heard.state, heard.error.code) == (Outcome.FAILED, "dead_lettered")
    assert len(await bench.ctx.bus.dead_letters()) == 1


async def test_a_request_that_was_given_up_after_it_was_paid_is_resumed(bench: Bench) -> None:
    from subscriber.submission import submit_next

    await submit_next(bench.ctx, await bench.queued())
    await bench.send()
    async with bench.ctx.bus.subscribe(WORKERS, limit=1) as deliveries:
        await (await anext(deliveries)).dead_letter("delivered 20 times")
    async with bench.working():
        heard = await bench.hear()
    assert heard.state is Outcome.SUCCEEDED
    assert len(bench.model.accepted) == 1


async def test_a_dead_letter_with_somebody_elses_id_leaves_that_job_alone(bench: Bench) -> None:
    await bench.queued()
    forged = encode_request(a_request(duration_seconds=9), at=bench.ctx.clock.now())
    await bench.ctx.bus.publish(REQUESTS, forged)
    async with bench.ctx.bus.subscribe(WORKERS, limit=1) as deliveries:
        await (await anext(deliveries)).dead_letter("forged")
    async with bench.working():
        await bench.send(job_id="job-2")
        await bench.hear()
        async with bench.ctx.bus.subscribe(DEAD_WORKERS, limit=1):
            pass
    assert (await bench.job()).state is JobState.QUEUED


async def test_each_rejected_message_is_answered_under_its_own_id(bench: Bench) -> None:
    """Three times the same slip: a consumer that drops repeats by `ce-id` must see all three."""
    for body in (b"no JSON", b"no JSON", b"nor this"):
        await bench.send_raw(body)
    async with bench.working():
        told = [await bench.hear_message() for _ in range(3)]
    assert len({each.attributes["ce-id"] for each in told}) == 3
    assert len({each.attributes["message_id"] for each in told}) == 3
    assert all("must be JSON" in each.attributes["reason"] for each in told)
    assert {each.attributes["job_id"] for each in told} == {""}


async def test_a_redelivery_is_rejected_under_the_same_id(bench: Bench) -> None:
    """A worker that dies between its answer and the dead letter answers again."""
    await bench.send_raw(b'{"job_id": "bad", "prompt": "too short"}')
    handle = handler.Handler(bench.ctx, handler.InFlightJobs(FairSlots(1)))

    async def die(_: str) -> None:
        raise Unavailable("the process ends here")

    async with bench.ctx.bus.subscribe(WORKERS, limit=1) as deliveries:
        first_delivery = await anext(deliveries)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(first_delivery, "dead_letter", die)
            with pytest.raises(Unavailable):
                await handle(first_delivery)
        await first_delivery.nack()
        await handle(await anext(deliveries))
    first, second = [await bench.hear_message() for _ in range(2)]
    assert first.attributes["ce-id"] == second.attributes["ce-id"]
    assert first.attributes["ce-id"].startswith("bad.rejected.")
