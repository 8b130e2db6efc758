"""Paid submits take turns in one worker, and a worker that stops begins none for whoever still stands in line."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import pytest

from schemas.domain import events as ev
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import Conflict
from schemas.services.update import save_event
from subscriber.context import WorkerContext
from subscriber.fair_queue import Share
from subscriber.rate_limit import SubmitRateLimiter, Turn
from subscriber.runner import JobRunner
from subscriber.submission import submit_next
from tests.unit.test_pace import Jumping
from tests.worker.bench import Bench
from tests.worker.paid_model import QUOTA, refuse


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


@dataclass
class Slow(SubmitRateLimiter):
    """A job waits for its turn, and something happens meanwhile."""

    meanwhile: Callable[[], Awaitable[object]] | None = None
    handed_out: Turn | None = None

    async def acquire(self, model: str, share: Share = Share()) -> Turn:  # noqa: B008
        self.handed_out = turn = await super().acquire(model, share)
        if self.meanwhile:
            await self.meanwhile()
            turn.waited = True
        return turn


@pytest.mark.parametrize("case", ["cancelled", "moved", "too late", "sent by an earlier life"])
async def test_a_turn_without_a_submit_is_given_back(bench: Bench, case: str) -> None:
    job = await bench.queued()
    at, begin_before = bench.ctx.clock.now(), float("inf")
    pace = Slow(bench.ctx.clock, per_minute=60)
    started = ev.SubmitStarted(at=at, plan=bench.model.plan(job.request), owner="other", nonce="n")
    if case == "cancelled":
        pace.meanwhile = lambda: save_event(bench.ctx.jobs, job, ev.CancelRequested(at=at))
    elif case == "moved":
        pace.meanwhile = lambda: save_event(bench.ctx.jobs, job, started)
    elif case == "too late":
        begin_before = bench.ctx.clock.boot()
    else:
        await bench.model.deliver("work/job-1/0/1/")
    with suppress(Conflict):
        await submit_next(replace(bench.ctx, rate_limiter=pace), job, begin_before=begin_before)
    assert pace.handed_out is not None
    assert bench.model.accepted == []
    assert await turns_at_once(pace) == 6


async def test_a_submit_that_was_refused_used_its_turn(bench: Bench) -> None:
    bench.model.submits.append(refuse(QUOTA))
    pace = SubmitRateLimiter(bench.ctx.clock, per_minute=60)
    await submit_next(replace(bench.ctx, rate_limiter=pace), await bench.queued())
    assert await turns_at_once(pace) < 6


async def turns_at_once(pace: SubmitRateLimiter) -> int:
    """How many jobs need not wait now: six in one moment, if no turn was used."""
    pace.clock = Jumping()
    turns = [await SubmitRateLimiter.acquire(pace, "paid-1") for _ in range(7)]
    return [turn.waited for turn in turns].index(True)


def _with_turns(bench: Bench) -> tuple[WorkerContext, Turns]:
    turns = Turns()
    return replace(bench.ctx, rate_limiter=SubmitRateLimiter(bench.ctx.clock, 60_000, concurrency=turns)), turns


async def _carried(bench: Bench, ctx: WorkerContext, name: str) -> asyncio.Task[Job]:
    """Under way, up to the model's gate or its place in line."""
    task = asyncio.create_task(JobRunner(ctx, await bench.queued(job_id=name)).run())
    if not bench.model.at_gate.is_set():
        await bench.model.at_gate.wait()
    return task
