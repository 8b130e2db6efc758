"""Messages that were once lost, or that once ended the wrong job, found in reviews."""

import pytest

from schemas.domain.states import JobState
from schemas.errors import Invalid
from schemas.ports import DEAD_REQUESTS, DEAD_WORKERS, MAX_DELIVERIES, WORKERS, Answer
from schemas.wire.completion import Outcome
from schemas.wire.message import Message
from schemas.wire.request import VideoRequest
from subscriber import handler as holding
from subscriber import worker
from subscriber.fair_slots import FairSlots
from subscriber.handler import Handler, InFlightJobs, handle_dead
from tests.worker.bench import Bench
from tests.worker.paid_model import PaidModel


async def test_a_letter_that_was_replayed_before_the_worker_heard_of_it_leaves_its_job_alone(bench: Bench) -> None:
    job = await bench.queued()
    await _given_up(bench)
    [letter] = await bench.ctx.bus.dead_letters()
    await bench.ctx.bus.replay_dead_letter(letter.id)
    async with bench.ctx.bus.subscribe(DEAD_WORKERS, limit=1) as deliveries:
        await handle_dead(_handler(bench), await anext(deliveries))
        assert (await bench.job()).revision == job.revision
        await bench.ctx.bus.publish(DEAD_REQUESTS, Message(data=b"the next one"))
        after = await anext(deliveries)
        assert after.message.data == b"the next one"
        await after.ack()
    async with bench.working():
        assert (await bench.hear()).state is Outcome.SUCCEEDED


async def test_a_letter_that_is_still_on_the_shelf_ends_its_job(bench: Bench) -> None:
    await bench.queued()
    await _given_up(bench)
    async with bench.ctx.bus.subscribe(DEAD_WORKERS, limit=1) as deliveries:
        await handle_dead(_handler(bench), await anext(deliveries))
    assert (await bench.job()).state is JobState.FAILED


async def test_a_message_of_tomorrow_is_published_afresh_before_it_is_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty deliveries are over in hours; the newer worker may come tomorrow."""
    monkeypatch.setattr(holding, "HOLD_AT_MOST_S", 0)
    attributes = {"ce-type": "reelbus.video.requested.v2", "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
    await bench.send_raw(b'{"job_id": "future"}', **attributes)
    handler = _handler(bench)
    async with bench.ctx.bus.subscribe(WORKERS, limit=1) as deliveries:
        attempts = []
        for _ in range(MAX_DELIVERIES):
            delivery = await anext(deliveries)
            attempts.append(delivery.attempt)
            assert (delivery.message.data, dict(delivery.message.attributes)) == (b'{"job_id": "future"}', attributes)
            await handler(delivery)
        assert attempts == [*range(1, MAX_DELIVERIES), 1]
    assert await bench.ctx.bus.dead_letters() == []


async def test_an_id_that_is_no_text_is_answered_and_kept(bench: Bench) -> None:
    """Half a surrogate pair is valid JSON, and no store and no bus can write it."""
    body = rb'{"job_id": "\ud800", "prompt": "long enough now"}'
    await bench.send_raw(body)
    async with bench.working():
        heard = await bench.hear()
    assert (heard.state, heard.job_id) == (Outcome.REJECTED, None)
    [letter] = await bench.ctx.bus.dead_letters()
    assert letter.message.data == body


async def test_an_error_on_the_way_does_not_reject_the_request_of_a_running_job(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Invalid` from anywhere behind the intake is a fault of ours, and not the caller's."""
    monkeypatch.setattr(worker, "RETRY_AT_MOST_S", 0.01)
    async with bench.working(model=Confused(bench.ctx.videos, bench.model.film)):
        await bench.send()
        heard = await bench.hear()
    assert heard.state is Outcome.SUCCEEDED
    assert await bench.ctx.bus.dead_letters() == []


async def _given_up(bench: Bench) -> None:
    await bench.send()
    async with bench.ctx.bus.subscribe(WORKERS, limit=1) as deliveries:
        await (await anext(deliveries)).dead_letter("delivered 20 times")


def _handler(bench: Bench) -> Handler:
    return Handler(bench.ctx, InFlightJobs(FairSlots(1)))


class Confused(PaidModel):
    """Its first answer makes no sense."""

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        if not self.polled.is_set():
            self.polled.set()
            raise Invalid("that is no operation's name")
        return await super().poll(operation)
