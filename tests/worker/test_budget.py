"""Limits of spending at work: what has no room is not sent, and what was not spent is free again, once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.adapters import Adapters
from infra.clock import SystemClock
from schemas.domain import events as ev
from schemas.domain.budget import BudgetShard, Limit
from schemas.domain.job import QUEUED_AT_MOST, Job
from schemas.domain.states import ClipState, JobState
from schemas.errors import Category, Charged, Conflict, Unavailable
from schemas.ports import Budgets
from schemas.services.update import save_event
from subscriber.announce import release_unused_budget
from subscriber.budget_guard import BudgetGuard
from subscriber.rate_limit import SubmitRateLimiter
from subscriber.runner import JobRunner
from subscriber.settings import WorkerSettings
from subscriber.submission import submit_next
from tests.unit.test_pace import Jumping
from tests.worker.bench import Bench, a_request
from tests.worker.paid_model import PRICE, QUOTA, SAFETY, accept_and_lose_the_answer, refuse
from tests.worker.test_money import Hasty
from tests.worker.test_turns import Slow, turns_at_once


@dataclass
class Guarded:
    """A bench whose worker has limits."""

    bench: Bench
    store: Budgets

    def limits(self, *limits: dict[str, Any]) -> BudgetGuard:
        guard = BudgetGuard(tuple(Limit.model_validate({"scope": "all", "period": "month", **each}) for each in limits))
        guard.store = self.store
        self.bench.ctx = replace(self.bench.ctx, guard=guard)
        return guard

    async def used(self, scope: str = "all") -> Decimal:
        (limit,) = [each for each in self.bench.ctx.guard.limits if each.scope == scope]
        slices = await self.store.read(limit.slice_names(self.bench.ctx.clock.now()))
        return sum((each.used for each in slices), Decimal(0))


@pytest.fixture
async def guarded(bench: Bench, tmp_path: Path) -> AsyncIterator[Guarded]:
    async with Adapters() as adapters:
        yield Guarded(bench, await adapters.budgets(f"sqlite://{tmp_path}/reelbus.db"))


@dataclass
class Blinking(Budgets):
    """A real store whose answers get lost: the write happened, and the caller hears of a broken connection."""

    store: Budgets
    lose: int = 1
    conflicts: int = 0
    """So many writes find that somebody else was quicker, and don't happen."""
    away: int = 0
    """So many reads find nobody."""
    reads: int = 0

    async def read(self, names: Sequence[str]) -> Sequence[BudgetShard]:
        self.reads += 1
        if self.away:
            self.away -= 1
            raise Unavailable("out of reach")
        return await self.store.read(names)

    async def reserve(self, job: Job, slices: Sequence[BudgetShard]) -> Job:
        self._meet()
        saved = await self.store.reserve(job, slices)
        self._lose()
        return saved

    async def give_back(self, found: BudgetShard) -> None:
        self._meet()
        await self.store.give_back(found)
        self._lose()

    def _meet(self) -> None:
        if self.conflicts:
            self.conflicts -= 1
            raise Conflict("somebody else wrote it")

    def _lose(self) -> None:
        if self.lose:
            self.lose -= 1
            raise Unavailable("the answer got lost")


async def test_a_job_within_its_limits_says_what_it_took(guarded: Guarded) -> None:
    guarded.limits({"limit_usd": "10"}, {"scope": "project:acme", "limit_usd": "5"}, {"scope": "project:b"} | ZERO)
    async with guarded.bench.working():
        await guarded.bench.send(project_id="acme")
        assert (await guarded.bench.hear()).cost_usd == PRICE
    job = await guarded.bench.job()
    assert [(part.scope, part.usd) for part in job.clips[0].reserved] == [("all", PRICE), ("project:acme", PRICE)]
    assert await guarded.used() == await guarded.used("project:acme") == PRICE


ZERO = {"limit_usd": "0"}


async def test_what_has_no_room_is_not_sent(guarded: Guarded) -> None:
    guarded.limits({"limit_usd": "10"}, {"scope": "label:team=growth", "limit_usd": "0.75", "period": "day"})
    async with guarded.bench.working():
        for number in range(2):
            await guarded.bench.send(job_id=f"job-{number}", labels={"team": "growth"})
            heard = await guarded.bench.hear()
    assert heard.error is not None
    assert (heard.error.category, heard.error.code, heard.error.charged) == (
        Category.BUDGET,
        "budget_exceeded",
        Charged.NO,
    )
    assert "$0.75 a day for label team=growth has $0.35 left" in heard.error.message
    assert (heard.cost_usd, len(guarded.bench.model.accepted)) == (Decimal(0), 1)
    assert await guarded.used() == PRICE


async def test_a_job_that_runs_out_of_budget_keeps_the_clips_that_it_paid(guarded: Guarded) -> None:
    guarded.limits({"limit_usd": "0.5"})
    guarded.bench.model.clip_seconds = 1
    ended = await JobRunner(guarded.bench.ctx, await guarded.bench.queued(duration_seconds=2)).run()
    assert ended.failure is not None
    assert (ended.failure.code, ended.charged, ended.cost_usd) == ("budget_exceeded", Charged.YES, PRICE)
    assert [clip.state for clip in ended.clips] == [ClipState.DONE, ClipState.PLANNED]
    guarded.limits({"limit_usd": "1"})
    at = guarded.bench.ctx.clock.now()
    replayed = await save_event(guarded.bench.ctx.jobs, ended, ev.Replayed(at=at, deadline=at + QUEUED_AT_MOST))
    again = await submit_next(guarded.bench.ctx, replayed)
    assert (again.clips[1].state, len(guarded.bench.model.accepted)) == (ClipState.ACCEPTED, 2)


async def test_a_clip_that_waits_for_quota_takes_once(guarded: Guarded) -> None:
    guarded.limits({"limit_usd": "0.4"})
    guarded.bench.model.submits.extend([refuse(QUOTA), refuse(QUOTA)])
    ctx = replace(guarded.bench.ctx, clock=Hasty())
    ended = await JobRunner(ctx, await guarded.bench.queued()).run()
    assert (ended.state, ended.clips[0].attempt) == (JobState.SUCCEEDED, 3)
    assert await guarded.used() == PRICE


async def test_a_resubmit_takes_once_more(guarded: Guarded) -> None:
    guarded.limits({"limit_usd": "0.7"})
    guarded.bench.model.submits.append(accept_and_lose_the_answer)
    job = await submit_next(guarded.bench.ctx, await guarded.bench.queued(on_unknown_submit="resubmit"))
    job = await save_event(guarded.bench.ctx.jobs, job, ev.Resubmit(at=guarded.bench.ctx.clock.now(), clip=0))
    ended = await submit_next(guarded.bench.ctx, job)
    assert ended.failure is not None
    assert (ended.failure.code, ended.charged) == ("budget_exceeded", Charged.UNKNOWN)
    assert (await guarded.used(), len(guarded.bench.model.accepted)) == (PRICE, 1)


async def test_a_refusal_that_cost_nothing_is_given_back_once_however_often_it_is_delivered(guarded: Guarded) -> None:
    guard = guarded.limits({"limit_usd": "10"})
    guarded.bench.model.submits.append(refuse(SAFETY))
    async with guarded.bench.working():
        for _ in range(3):
            await guarded.bench.send()
            await guarded.bench.hear()
        await guarded.bench.send(job_id="job-2")
        await guarded.bench.hear()
    assert await guarded.used() == 2 * PRICE
    await guard.flush_releases()
    assert await guarded.used() == PRICE
    await guard.flush_releases()
    assert await guarded.used() == PRICE
    assert (await guarded.bench.job()).clips[0].reserved == ()


async def test_of_two_workers_who_meet_an_ended_job_one_gives_back(guarded: Guarded) -> None:
    guard = guarded.limits({"limit_usd": "10"})
    guarded.bench.model.submits.extend([refuse(SAFETY)])
    denied = await submit_next(guarded.bench.ctx, await guarded.bench.queued())
    await submit_next(guarded.bench.ctx, await guarded.bench.queued(job_id="job-2"))
    await asyncio.gather(*(release_unused_budget(guarded.bench.ctx, denied) for _ in range(5)))
    await guard.flush_releases()
    assert await guarded.used() == PRICE


async def test_a_cancelled_job_gives_back_what_its_next_attempt_would_have_used(guarded: Guarded) -> None:
    guard = guarded.limits({"limit_usd": "10"})
    guarded.bench.model.submits.append(refuse(QUOTA))
    job = await submit_next(guarded.bench.ctx, await guarded.bench.queued())
    cancelled = await save_event(guarded.bench.ctx.jobs, job, ev.CancelRequested(at=guarded.bench.ctx.clock.now()))
    assert await guarded.used() == PRICE
    await save_event(guarded.bench.ctx.jobs, cancelled, ev.Announced(at=guarded.bench.ctx.clock.now()))
    await release_unused_budget(guarded.bench.ctx, cancelled)
    await guard.flush_releases()
    assert await guarded.used() == 0


async def test_what_may_have_been_charged_stays_taken(guarded: Guarded) -> None:
    guard = guarded.limits({"limit_usd": "10"})
    guarded.bench.model.submits.append(accept_and_lose_the_answer)
    ended = await JobRunner(guarded.bench.ctx, await guarded.bench.queued()).run()
    assert ended.charged is Charged.UNKNOWN
    await release_unused_budget(guarded.bench.ctx, ended)
    await guard.flush_releases()
    assert await guarded.used() == PRICE


async def test_a_claim_whose_answer_was_lost_takes_and_sends_once(guarded: Guarded) -> None:
    guard = guarded.limits({"limit_usd": "10"})
    guard.store = Blinking(guarded.store)
    job = await submit_next(guarded.bench.ctx, await guarded.bench.queued())
    assert (job.clips[0].state, len(guarded.bench.model.accepted)) == (ClipState.ACCEPTED, 1)
    assert await guarded.used() == PRICE


async def test_a_claim_that_meets_others_at_its_slice_is_tried_again(guarded: Guarded) -> None:
    guard = guarded.limits({"limit_usd": "10"})
    guard.store = Blinking(guarded.store, lose=0, conflicts=3)
    job = await submit_next(replace(guarded.bench.ctx, clock=Hasty()), await guarded.bench.queued())
    assert (job.clips[0].state, job.clips[0].attempt) == (ClipState.ACCEPTED, 1)
    assert await guarded.used() == PRICE


async def test_a_claim_on_a_job_that_moved_is_not_tried_again(guarded: Guarded) -> None:
    guarded.limits({"limit_usd": "10"})
    job = await guarded.bench.queued()
    await save_event(guarded.bench.ctx.jobs, job, ev.CancelRequested(at=guarded.bench.ctx.clock.now()))
    with pytest.raises(Conflict):
        await submit_next(guarded.bench.ctx, job)
    assert await guarded.used() == 0
    assert guarded.bench.model.accepted == []


async def test_a_note_in_the_record_takes_nothing_twice(guarded: Guarded) -> None:
    guarded.limits({"limit_usd": "10"})
    job = await guarded.bench.queued()
    await save_event(guarded.bench.ctx.jobs, job, ev.WaitEnded(at=guarded.bench.ctx.clock.now(), until=job.deadline))
    after = await submit_next(guarded.bench.ctx, job)
    assert (after.clips[0].state, after.clips[0].attempt) == (ClipState.ACCEPTED, 1)
    assert (await guarded.used(), len(guarded.bench.model.accepted)) == (PRICE, 1)


async def test_giving_back_waits_for_others_and_is_not_repeated_in_doubt(guarded: Guarded) -> None:
    guard = guarded.limits({"limit_usd": "10", "slices": 1})
    job = await submit_next(guarded.bench.ctx, await guarded.bench.queued())
    await submit_next(guarded.bench.ctx, await guarded.bench.queued(job_id="job-2"))
    guard.store = Blinking(guarded.store, conflicts=1, away=1)
    guard.queue_release(job.clips[0].reserved)
    for _ in range(2):  # the store is away; then somebody else writes
        await guard.flush_releases()
        assert await guarded.used() == 2 * PRICE
    await guard.flush_releases()
    await guard.flush_releases()
    assert await guarded.used() == PRICE


async def test_a_stopping_worker_writes_back_what_it_holds(guarded: Guarded) -> None:
    guard = guarded.limits({"limit_usd": "10"})
    job = await submit_next(guarded.bench.ctx, await guarded.bench.queued())
    guard.store = Blinking(guarded.store, lose=0, conflicts=2)
    async with guard.flush_at_exit():
        guard.queue_release(job.clips[0].reserved)
    assert await guarded.used() == 0


async def test_a_film_that_was_paid_in_a_forgotten_life_needs_no_room(guarded: Guarded) -> None:
    guarded.limits(ZERO)
    await guarded.bench.model.deliver("work/job-1/0/1/")
    ended = await JobRunner(guarded.bench.ctx, await guarded.bench.queued()).run()
    assert (ended.state, ended.cost_usd, guarded.bench.model.accepted) == (JobState.SUCCEEDED, PRICE, [])


async def test_a_clip_of_yesterday_counts_today_when_it_is_sent_today(guarded: Guarded) -> None:
    guarded.limits({"limit_usd": "0.4", "period": "day"})
    guarded.bench.model.submits.append(refuse(QUOTA))
    job = await submit_next(guarded.bench.ctx, await guarded.bench.queued())
    again = await submit_next(replace(guarded.bench.ctx, clock=Later()), job)
    assert again.clips[0].state is ClipState.ACCEPTED
    assert len({part.period for part in again.clips[0].reserved}) == 2


async def test_after_a_wait_for_its_turn_a_job_looks_again(guarded: Guarded) -> None:
    guard = guarded.limits({"limit_usd": "10", "slices": 1})
    guard.store = blinking = Blinking(guarded.store, lose=0)
    ctx = replace(guarded.bench.ctx, rate_limiter=SubmitRateLimiter(Jumping(), per_minute=1), clock=Hasty())
    for number in range(2):
        await submit_next(ctx, await guarded.bench.queued(job_id=f"job-{number}"))
    assert blinking.reads == 4  # one and all of the first, which cuts the limit; two of the second, which waited


async def test_a_job_that_finds_no_room_after_its_wait_gives_its_turn_back(guarded: Guarded) -> None:
    guarded.limits({"limit_usd": "0.4"})
    ctx = guarded.bench.ctx
    other = await guarded.bench.queued(job_id="other")
    pace = Slow(ctx.clock, per_minute=60, meanwhile=lambda: submit_next(ctx, other))
    job = await submit_next(replace(ctx, rate_limiter=pace), await guarded.bench.queued())
    assert (job.state, job.failure and job.failure.category) == (JobState.FAILED, Category.BUDGET)
    assert await turns_at_once(pace) == 6


async def test_a_free_model_needs_no_budget(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = guarded.limits(ZERO)
    guard.store = blinking = Blinking(guarded.store)
    free = guarded.bench.model.plan(a_request())
    free = free.model_copy(update={"clips": (free.clips[0].model_copy(update={"price_usd": Decimal(0)}),)})
    monkeypatch.setattr(guarded.bench.model, "plan", lambda _: free)
    job = await submit_next(guarded.bench.ctx, await guarded.bench.queued())
    assert (job.clips[0].state, blinking.reads) == (ClipState.ACCEPTED, 0)


async def test_the_worker_reads_its_limits_from_the_settings(tmp_path: Path) -> None:
    from subscriber.compose import open_context

    none = WorkerSettings(data_dir=tmp_path)
    some = none.model_copy(update={"budgets": (Limit.model_validate({"scope": "all", "period": "day"} | ZERO),)})
    async with open_context(none) as ctx:
        assert (ctx.guard.limits, ctx.guard.store) == ((), None)
    async with open_context(some) as ctx:
        assert ctx.guard.limits == some.budgets
        assert ctx.guard.store is not None
        assert await ctx.guard.store.read(["x"]) == [BudgetShard(name="x")]


class Later(SystemClock):
    """Two days later."""

    def now(self) -> datetime:
        return super().now() + 2 * QUEUED_AT_MOST
