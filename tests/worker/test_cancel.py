"""A cancel ends a job in every state, costs nothing before the submit, and says what it cost after it."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from schemas.domain import events as ev
from schemas.domain.job import Job
from schemas.domain.states import ClipState, JobState
from schemas.errors import Charged
from schemas.ports import REQUESTS, GenerationRunning
from schemas.services.update import save_event
from schemas.wire.completion import Outcome
from schemas.wire.message import encode_cancel
from schemas.wire.request import CancelRequest
from subscriber import handler
from subscriber.announce import announce
from tests.worker.bench import Bench
from tests.worker.paid_model import PRICE


async def _cancel(bench: Bench, job_id: str = "job-1") -> None:
    wish = CancelRequest(job_id=job_id, reason="changed my mind")
    await bench.ctx.bus.publish(REQUESTS, encode_cancel(wish, at=bench.ctx.clock.now()))


async def test_a_queued_job_ends_free_of_charge(bench: Bench) -> None:
    await bench.queued()
    await _cancel(bench)
    async with bench.working():
        heard = await bench.hear()
    assert heard.error is not None
    assert (heard.state, heard.cost_usd, heard.error.charged) == (Outcome.CANCELLED, Decimal(0), Charged.NO)
    assert "changed my mind" in heard.error.message
    assert not (await bench.job()).completion_due


async def test_a_generating_job_ends_at_once_and_its_clip_is_charged_and_discarded(bench: Bench) -> None:
    bench.model.outcome = GenerationRunning()
    bench.model.poll_every_s = 60
    async with bench.working():
        await bench.send()
        await bench.model.polled.wait()
        await _cancel(bench)
        heard = {(await bench.hear()).event_id for _ in range(2)}
    job = await bench.job()
    assert heard == {"job-1.1.cancelled"}
    assert (job.state, job.cost_usd, job.charged) == (JobState.CANCELLED, PRICE, Charged.YES)
    assert bench.model.discarded == ["operations/1"]


async def test_while_a_clip_is_being_submitted_the_wish_is_noted_and_the_end_follows(bench: Bench) -> None:
    bench.model.gate = asyncio.Event()
    async with bench.working():
        await bench.send()
        await bench.model.at_gate.wait()
        await save_event(bench.ctx.jobs, await bench.job(), ev.CancelRequested(at=bench.ctx.clock.now()))
        assert (await bench.job()).state is JobState.SUBMITTING
        bench.model.gate.set()
        heard = await bench.hear()
    assert (heard.state, heard.cost_usd) == (Outcome.CANCELLED, PRICE)
    assert (await bench.job()).clips[0].state is ClipState.ACCEPTED


async def test_an_ended_job_stays_as_it_is(bench: Bench) -> None:
    async with bench.working():
        await bench.send()
        await bench.hear()
        before = await bench.job()
        await _cancel(bench)
        await bench.send(job_id="job-2")
        await bench.hear()
    assert (await bench.job()).revision == before.revision


async def test_a_cancel_that_overtakes_its_request_is_tried_again_and_then_answered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "EARLY_CANCEL_DELAY_S", 0.01)
    await _cancel(bench, "never-was")
    async with bench.working():
        heard = await bench.hear()
    assert (heard.state, heard.job_id) == (Outcome.REJECTED, "never-was")


async def _ended(bench: Bench) -> Job:
    job = await bench.queued()
    return await save_event(bench.ctx.jobs, job, ev.CancelRequested(at=bench.ctx.clock.now(), held=False))


async def test_two_processes_may_announce_the_same_end(bench: Bench) -> None:
    ended = await _ended(bench)
    first, second = await announce(bench.ctx, ended), await announce(bench.ctx, ended)
    assert {(await bench.hear()).event_id for _ in range(2)} == {"job-1.1.cancelled"}
    assert not first.completion_due
    assert first.revision == second.revision == (await bench.job()).revision


async def test_an_end_whose_record_was_changed_meanwhile_is_announced_and_not_left_due(bench: Bench) -> None:
    ended = await _ended(bench)
    await save_event(bench.ctx.jobs, ended, ev.Reconciled(at=bench.ctx.clock.now()))
    announced = await announce(bench.ctx, ended)
    assert (await bench.hear()).state is Outcome.CANCELLED
    assert not announced.completion_due
    assert not (await bench.job()).completion_due


async def test_the_end_of_a_later_life_is_published_before_it_counts_as_announced(bench: Bench) -> None:
    ended, now = await _ended(bench), bench.ctx.clock.now()
    again = await save_event(bench.ctx.jobs, ended, ev.Replayed(at=now, deadline=now + timedelta(hours=1)))
    await save_event(bench.ctx.jobs, again, ev.CancelRequested(at=now, held=False))
    assert not (await announce(bench.ctx, ended)).completion_due
    assert [(await bench.hear()).event_id for _ in range(2)] == ["job-1.1.cancelled", "job-1.2.cancelled"]


async def test_an_end_that_was_replayed_meanwhile_leaves_the_new_life_alone(bench: Bench) -> None:
    ended, now = await _ended(bench), bench.ctx.clock.now()
    again = await save_event(bench.ctx.jobs, ended, ev.Replayed(at=now, deadline=now + timedelta(hours=1)))
    assert (await announce(bench.ctx, ended)).revision == again.revision == (await bench.job()).revision
