"""Paid submits take turns in one worker, and a worker that stops begins none for whoever still stands in line."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from schemas.domain.job import Job
from schemas.domain.states import JobState
from subscriber.context import WorkerContext
from subscriber.rate_limit import SubmitRateLimiter
from subscriber.runner import JobRunner
from tests.worker.bench import Bench


class Turns(asyncio.Semaphore):
    """One at a time; says when somebody had to stand in line."""

    def __init__(self) -> None:
        super().__init__(1)
        self.in_line = asyncio.Event()

    async def acquire(self) -> Literal[True]:
        if self.locked():
            self.in_line.set()
        return await super().acquire()


async def test_submits_beyond_the_turns_wait_and_all_are_sent(bench: Bench) -> None:
    ctx, turns = _with_turns(bench)
    gate = bench.model.gate = asyncio.Event()
    carried = [await _carried(bench, ctx, name) for name in ("first", "second")]
    await turns.in_line.wait()
    assert bench.model.accepted == ["work/first/0/1/"]
    gate.set()
    ended = await asyncio.gather(*carried)
    assert {job.state for job in ended} == {JobState.SUCCEEDED}
    assert bench.model.accepted == ["work/first/0/1/", "work/second/0/1/"]


async def test_who_stands_in_line_is_not_sent_once_the_worker_stops(bench: Bench) -> None:
    ctx, turns = _with_turns(bench)
    gate = bench.model.gate = asyncio.Event()
    first, second = [await _carried(bench, ctx, name) for name in ("first", "second")]
    await turns.in_line.wait()
    for task in (first, second):
        task.cancel()
    with suppress(asyncio.CancelledError):
        await second  # at once: nothing is under way for it
    gate.set()
    with suppress(asyncio.CancelledError):
        await first  # once its call is answered
    assert (await bench.job("second")).state is JobState.QUEUED
    assert (await bench.job("first")).clips[0].operation == "operations/1"
    assert bench.model.accepted == ["work/first/0/1/"]


def _with_turns(bench: Bench) -> tuple[WorkerContext, Turns]:
    turns = Turns()
    return replace(bench.ctx, rate_limiter=SubmitRateLimiter(bench.ctx.clock, 60_000, concurrency=turns)), turns


async def _carried(bench: Bench, ctx: WorkerContext, name: str) -> asyncio.Task[Job]:
    """Under way, up to the model's gate or its place in line."""
    task = asyncio.create_task(JobRunner(ctx, await bench.queued(job_id=name)).run())
    if not bench.model.at_gate.is_set():
        await bench.model.at_gate.wait()
    return task
