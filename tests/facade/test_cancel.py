"""The cancel use case where the bus fails, and its reason."""

from dataclasses import replace

import pytest

from publisher.jobs import cancel
from schemas.domain.states import JobState
from schemas.errors import Invalid, NotFound
from schemas.ports import COMPLETIONS, Subscription
from schemas.wire.completion import Outcome
from schemas.wire.message import decode_completion
from tests.facade.doors import Door
from tests.facade.faults import DeafBus


async def test_an_end_that_could_not_be_announced_is_left_to_reconcile(door: Door) -> None:
    job_id = await door.queued()
    job = await cancel(replace(door.desk, bus=DeafBus(door.desk.bus)), job_id)
    assert (job.state, job.completion_due) == (JobState.CANCELLED, True)


async def test_the_completion_is_published_with_the_reason(door: Door) -> None:
    job_id = await door.queued()
    listener = Subscription(name="listener", topic=COMPLETIONS, ephemeral=True)
    async with door.desk.bus.subscribe(listener, limit=1) as deliveries:
        job = await cancel(door.desk, job_id, reason="wrong prompt")
        delivery = await anext(deliveries)
        await delivery.ack()
    completion = decode_completion(delivery.message)
    assert (completion.job_id, completion.state) == (job_id, Outcome.CANCELLED)
    assert job.failure is not None
    assert completion.error == job.failure
    assert "wrong prompt" in job.failure.message


async def test_what_can_not_be_cancelled(door: Door) -> None:
    with pytest.raises(NotFound):
        await cancel(door.desk, "never-was")
    job_id = await door.queued()
    with pytest.raises(Invalid, match="reason must have at most 500 characters"):
        await cancel(door.desk, job_id, reason="x" * 501)
