"""A worker bounds what it carries, joins repeats, and stops without losing anything."""

import asyncio

from schemas.ports import Running
from schemas.state import JobState, Outcome
from tests.worker.bench import Bench


async def test_a_worker_that_stops_hands_back_what_it_cannot_finish(bench: Bench) -> None:
    bench.model.outcome = Running()
    async with bench.working(drain_s=0) as stop:
        await bench.send()
        await bench.model.polled.wait()
        stop.set()
    assert (await bench.job()).state is JobState.GENERATING
    bench.model.outcome = None
    async with bench.working():
        assert (await bench.hear()).state is Outcome.SUCCEEDED
    assert len(bench.model.accepted) == 1


async def test_a_worker_that_stops_waits_for_the_answer_of_a_paid_call(bench: Bench) -> None:
    bench.model.gate = asyncio.Event()
    async with bench.working(drain_s=0) as stop:
        await bench.send()
        await bench.model.at_gate.wait()
        stop.set()
        asyncio.get_running_loop().call_later(0.1, bench.model.gate.set)
    job = await bench.job()
    assert (job.state, job.clips[0].operation) == (JobState.GENERATING, "operations/1")


async def test_a_worker_that_stops_finishes_what_ends_in_time(bench: Bench) -> None:
    bench.model.gate = asyncio.Event()
    async with bench.working(drain_s=20) as stop:
        await bench.send()
        await bench.model.at_gate.wait()
        stop.set()
        bench.model.gate.set()
    assert (await bench.job()).state is JobState.SUCCEEDED


async def test_a_repeat_of_a_running_job_joins_it(bench: Bench) -> None:
    bench.model.gate = asyncio.Event()
    async with bench.working():
        await bench.send()
        await bench.model.at_gate.wait()
        await bench.send()
        bench.model.gate.set()
        heard = [await bench.hear() for _ in range(2)]
    assert {completion.event_id for completion in heard} == {"job-1.1.succeeded"}
    assert len(bench.model.accepted) == 1


async def test_an_ended_job_that_is_asked_for_again_is_announced_again(bench: Bench) -> None:
    async with bench.working():
        await bench.send()
        first = await bench.hear()
        await bench.send()
        second = await bench.hear()
    assert first == second
