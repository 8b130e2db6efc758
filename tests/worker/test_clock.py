"""The wall clock jumps by hours, both ways: no paid clip is given up, and nothing is held for ever."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.domain import events as ev
from schemas.domain.job import Job
from schemas.domain.states import ClipState, JobState
from schemas.errors import Unavailable
from schemas.ports import Answer, GenerationRunning
from schemas.services.update import get_job, save_event
from schemas.wire.request import VideoRequest
from subscriber.context import WorkerContext
from subscriber.policy import Deadlines
from subscriber.runner import JobRunner
from subscriber.submission import submit_next
from tests.model.worker import DatedJobs
from tests.worker.bench import Bench, a_request
from tests.worker.paid_model import PRICE, PaidModel, accept_and_lose_the_answer
from tests.worker.test_marker import Stored

PREFIX = "work/job-1/0/1/"
BEGAN = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
FILM_TAKES_S = 100.0
jumps = pytest.mark.parametrize("jump", [40 * MINUTE, 2 * DAY, -2 * HOUR, -2 * DAY])
restarted = pytest.mark.parametrize("restarted", [False, True], ids=["same worker", "restarted worker"])


@restarted
@jumps
async def test_a_generation_goes_on_as_if_the_clock_had_not_jumped(bench: Bench, jump: float, restarted: bool) -> None:
    ctx, model, clock = _world(bench)
    ended = await _carried(ctx, clock, await bench.queued(), jump, restarted)
    assert (ended.state, ended.cost_usd, model.accepted) == (JobState.SUCCEEDED, PRICE, [PREFIX])
    assert clock.boot() < FILM_TAKES_S + MINUTE


@restarted
@jumps
async def test_the_search_for_an_unknown_submit_goes_on(bench: Bench, jump: float, restarted: bool) -> None:
    ctx, model, clock = _world(bench)
    model.submits.append(accept_and_lose_the_answer)
    ended = await _carried(ctx, clock, await bench.queued(), jump, restarted)
    assert (ended.state, ended.cost_usd, model.accepted) == (JobState.SUCCEEDED, PRICE, [PREFIX])
    assert clock.boot() < FILM_TAKES_S + 2 * MINUTE


@restarted
@jumps
async def test_a_generation_that_never_ends_is_given_up_by_the_time_that_passed(
    bench: Bench, jump: float, restarted: bool
) -> None:
    ctx, model, clock = _world(bench)
    model.takes_s = 10 * DAY
    ended = await _carried(ctx, clock, await bench.queued(), jump, restarted)
    assert ended.failure is not None
    assert ended.failure.code == "generation_lost"
    assert FILM_TAKES_S < clock.boot() < 1.1 * ctx.deadlines.generation_s


@jumps
async def test_the_claim_of_a_dead_worker_is_taken_over_by_the_time_that_passed(bench: Bench, jump: float) -> None:
    ctx, model, clock = _world(bench)
    started = ev.SubmitStarted(at=clock.now(), plan=model.plan(a_request()), owner="dead", nonce="m-dead")
    job = await save_event(ctx.jobs, await bench.queued(), started)
    clock.jump_s = jump
    ended = await JobRunner(ctx, await get_job(ctx.jobs, job.job_id)).run()
    assert (ended.state, model.accepted) == (JobState.SUCCEEDED, ["work/job-1/0/2/"])
    assert clock.boot() < ctx.deadlines.submitting_hold_s + FILM_TAKES_S + MINUTE


@jumps
async def test_a_store_that_is_away_for_a_while_costs_no_finished_clip(bench: Bench, jump: float) -> None:
    ctx, model, clock = _world(bench)
    model.takes_s = 0
    away = replace(ctx, videos=Away(ctx.videos, clock=clock, until_s=FILM_TAKES_S))
    ended = await _carried(away, clock, await bench.queued(), jump, restarted=False)
    assert (ended.state, ended.cost_usd) == (JobState.SUCCEEDED, PRICE)
    assert clock.boot() < FILM_TAKES_S + 3 * MINUTE


async def _carried(ctx: WorkerContext, clock: "Driven", job: Job, jump: float, restarted: bool) -> Job:
    """Sent; five seconds later the clock jumps, and a restarted worker begins with the record alone."""
    job = await submit_next(ctx, await get_job(ctx.jobs, job.job_id))
    assert job.clips[0].state in (ClipState.ACCEPTED, ClipState.UNKNOWN)
    if restarted:
        await clock.sleep(5)
        clock.jump_s = jump
        return await JobRunner(ctx, await get_job(ctx.jobs, job.job_id)).run()
    clock.jumps_at, clock.jumps_by = 5, jump
    return await JobRunner(ctx, job).run()


def _world(bench: Bench) -> tuple[WorkerContext, "Slow", "Driven"]:
    clock = Driven()
    model = Slow(bench.ctx.videos, bench.model.film, clock=clock, poll_every_s=10)
    jobs = DatedJobs(bench.ctx.jobs, clock)
    ctx = replace(bench.ctx, model=model, clock=clock, jobs=jobs, deadlines=Deadlines(), search_every_s=15)
    return ctx, model, clock


@dataclass
class Driven:
    """Time passes while somebody sleeps. The wall clock may jump meanwhile."""

    passed_s: float = 0
    jump_s: float = 0
    jumps_at: float = float("inf")
    jumps_by: float = 0

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.passed_s + self.jump_s)

    def boot(self) -> float:
        return self.passed_s

    async def sleep(self, seconds: float) -> None:
        self.passed_s += seconds
        if self.passed_s >= self.jumps_at:
            self.jump_s = self.jumps_by
        await asyncio.sleep(0)


@dataclass
class Slow(PaidModel):
    """Its videos take their time."""

    clock: Driven = field(kw_only=True)
    takes_s: float = FILM_TAKES_S

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        return GenerationRunning() if self.clock.boot() < self.takes_s else await super().poll(operation)

    async def recover(self, prefix: str) -> list[str]:
        if self.accepted and self.clock.boot() >= self.takes_s:
            await self.deliver(self.accepted[0])
        return list(await super().recover(prefix))


@dataclass
class Away(Stored):
    """A store that takes no finished file for a while."""

    clock: Driven = field(kw_only=True)
    until_s: float = field(kw_only=True)

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        if name.startswith("generated-videos/") and self.clock.boot() < self.until_s:
            raise Unavailable("the store is away")
        return await super().put(name, source, content_type=content_type)
