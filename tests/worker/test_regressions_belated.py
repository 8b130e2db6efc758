"""What once went wrong with answers and films that came late, with waits, and with limits; found in reviews."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from schemas.domain import events as ev
from schemas.domain.job import Job
from schemas.domain.states import ClipState, JobState
from schemas.ports import GenerationDone, GenerationFailed, GenerationRunning
from schemas.services.update import save_event
from schemas.wire.request import OnUnknownSubmit
from subscriber.fair_slots import FairSlots
from subscriber.generation import resolve_unknown
from subscriber.handler import Handler, InFlightJobs
from subscriber.rate_limit import SubmitRateLimiter
from subscriber.runner import JobRunner
from subscriber.submission import submit_next
from tests.worker.bench import Bench
from tests.worker.paid_model import (
    LOST,
    PRICE,
    SAFETY,
    Submit,
    accept,
    accept_and_lose_the_answer,
    lose_the_question,
    refuse,
)
from tests.worker.test_regressions_money import _lives_again, _look_now


async def test_a_replay_uses_the_film_of_a_lost_attempt_though_the_next_one_was_refused_for_good(bench: Bench) -> None:
    bench.model.submits.extend([accept_and_lose_the_answer, refuse(SAFETY)])
    ended = await JobRunner(bench.ctx, await bench.queued(on_unknown_submit="resubmit")).run()
    assert ended.state is JobState.FAILED
    await bench.model.deliver(bench.model.accepted[0])
    await _look_now(bench, ended)
    again = await _lives_again(bench, await bench.job())
    assert (again.state, again.cost_usd, len(bench.model.accepted)) == (JobState.SUCCEEDED, PRICE, 1)


async def test_a_replay_asks_for_an_operation_that_was_accepted_and_sends_nothing(bench: Bench) -> None:
    """Also where its caller lets an unknown submit be sent again: this one is not unknown."""
    bench.model.outcome = GenerationRunning()
    ended = await JobRunner(bench.ctx, await bench.queued(on_unknown_submit="resubmit")).run()
    assert ended.failure is not None
    assert ended.failure.code == "generation_lost"
    bench.model.outcome = None
    again = await _lives_again(bench, ended)
    assert (again.state, again.cost_usd, len(bench.model.accepted)) == (JobState.SUCCEEDED, PRICE, 1)


async def test_the_answer_of_the_first_attempt_leaves_the_second_one_in_doubt(bench: Bench) -> None:
    """Both were accepted. A zombie brings the first operation, while nobody knows about the second: two charges."""
    job, first = await _sent_twice(bench, accept_and_lose_the_answer)
    ended = await JobRunner(bench.ctx, await _late(bench, job, first)).run()
    assert (ended.state, ended.clips[0].unresolved_prefixes) == (JobState.SUCCEEDED, ("work/job-1/0/2/",))
    await bench.model.deliver(bench.model.accepted[1])
    await _look_now(bench, ended)
    assert (await bench.job()).cost_usd == 2 * PRICE


async def test_an_answer_that_comes_after_the_end_and_its_film_are_one_charge(bench: Bench) -> None:
    """The second attempt never arrived, and stays in doubt."""
    job, first = await _sent_twice(bench, lose_the_question)
    ended = await _late(bench, await resolve_unknown(bench.ctx, await _strict(bench, job), job.clips[0]), first)
    assert (ended.cost_usd, ended.clips[0].unresolved_prefixes) == (PRICE, ("work/job-1/0/2/",))
    await bench.model.deliver(bench.model.accepted[0])
    await _look_now(bench, ended)
    assert (await bench.job()).cost_usd == PRICE


async def test_an_answer_that_comes_while_the_next_attempt_runs_is_counted_once(bench: Bench) -> None:
    job, first = await _sent_twice(bench, accept)
    ended = await JobRunner(bench.ctx, await _late(bench, job, first)).run()
    await bench.model.deliver(bench.model.accepted[0])
    assert (ended.state, ended.cost_usd, ended.has_unresolved_charges) == (JobState.SUCCEEDED, 2 * PRICE, False)


async def test_a_limit_for_one_job_counts_what_may_have_been_charged(bench: Bench) -> None:
    bench.model.submits.append(accept_and_lose_the_answer)
    ended = await JobRunner(bench.ctx, await bench.queued(on_unknown_submit="resubmit", max_cost_usd="0.40")).run()
    assert ended.failure is not None
    assert (ended.failure.code, len(bench.model.accepted)) == ("over_max_cost", 1)
    assert "may have been charged" in ended.failure.message


@pytest.mark.parametrize(
    "outcome",
    [
        GenerationFailed(failure=LOST),
        GenerationDone(outputs=()),
        GenerationDone(outputs=("work/another-job/0/1/sample_0.mp4",)),
    ],
)
async def test_a_film_that_lies_there_counts_for_more_than_what_a_poll_says(
    bench: Bench, outcome: GenerationFailed | GenerationDone
) -> None:
    """The operation is forgotten for example; or the answer is about another one."""
    job = await submit_next(bench.ctx, await bench.queued())
    await bench.model.deliver(bench.model.accepted[0])
    bench.model.outcome = outcome
    ended = await JobRunner(bench.ctx, job).run()
    assert (ended.state, ended.cost_usd) == (JobState.SUCCEEDED, PRICE)


async def test_the_film_of_another_job_is_not_used(bench: Bench) -> None:
    bench.model.outcome = GenerationDone(outputs=("work/another-job/0/1/sample_0.mp4",))
    ended = await JobRunner(bench.ctx, await bench.queued()).run()
    assert ended.failure is not None
    assert (ended.failure.code, ended.clips[0].state) == ("strange_output", ClipState.REFUSED)


async def test_a_job_that_waits_for_a_slot_beyond_its_start_before_is_not_begun(bench: Bench) -> None:
    handler = Handler(bench.ctx, InFlightJobs(FairSlots(1)))
    gate = bench.model.gate = asyncio.Event()
    first = asyncio.ensure_future(handler.finish(await bench.queued(job_id="first")))
    await bench.model.at_gate.wait()
    until = bench.ctx.clock.now() + timedelta(milliseconds=300)
    second = asyncio.ensure_future(handler.finish(await bench.queued(job_id="second", start_before=until)))
    await _over(bench, until)
    gate.set()
    await asyncio.gather(first, second)
    job = await bench.job("second")
    assert (job.state, job.cost_usd) == (JobState.EXPIRED, Decimal(0))


async def test_a_job_that_waits_for_the_quota_beyond_its_start_before_is_not_begun(bench: Bench) -> None:
    """The turn before it was taken by another one, and turns come one in half a second."""
    pace = SubmitRateLimiter(bench.ctx.clock, per_minute=120)
    for _ in range(11):
        await pace.acquire("paid-1")
    until = bench.ctx.clock.now() + timedelta(milliseconds=200)
    ctx = replace(bench.ctx, rate_limiter=pace)
    ended = await JobRunner(ctx, await bench.queued(start_before=until)).run()
    assert (ended.state, ended.cost_usd, bench.model.accepted) == (JobState.EXPIRED, Decimal(0), [])


async def _sent_twice(bench: Bench, second: Submit) -> tuple[Job, str]:
    """The first attempt was accepted and its answer lost; the caller let it be sent again. With the first nonce."""
    bench.model.submits.append(accept_and_lose_the_answer)
    job = await submit_next(bench.ctx, await bench.queued(on_unknown_submit="resubmit"))
    first = job.clips[0].nonce
    assert first is not None
    job = await save_event(bench.ctx.jobs, job, ev.Resubmit(at=bench.ctx.clock.now(), clip=0))
    bench.model.submits.append(second)
    return await submit_next(bench.ctx, job), first


async def _late(bench: Bench, job: Job, nonce: str) -> Job:
    late = ev.AcceptedLate(at=bench.ctx.clock.now(), clip=0, nonce=nonce, operation="operations/1")
    return await save_event(bench.ctx.jobs, job, late)


async def _strict(bench: Bench, job: Job) -> Job:
    """From now on its caller wants no second payment any more."""
    request = job.request.model_copy(update={"on_unknown_submit": OnUnknownSubmit.FAIL})
    return await bench.ctx.jobs.save(job.model_copy(update={"request": request}))


async def _over(bench: Bench, moment: datetime) -> None:
    while bench.ctx.clock.now() <= moment:
        await bench.ctx.clock.sleep(0.02)
