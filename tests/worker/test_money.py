"""The paid step: accepted at most once per planned clip, and what was accepted is found again or written down."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from infra.clock import SystemClock
from schemas.domain import events as ev
from schemas.domain.job import Job
from schemas.domain.states import ClipState, JobState
from schemas.errors import Charged, Conflict, Unavailable
from schemas.ports import GenerationFailed, JobPage, JobQuery, JobStore
from schemas.services.update import save_event
from schemas.wire.completion import Outcome
from subscriber.context import WorkerContext
from subscriber.generation import poll_once
from subscriber.runner import JobRunner
from subscriber.submission import submit_next
from tests.worker.bench import Bench, a_request
from tests.worker.paid_model import (
    CAPACITY,
    LOST,
    PRICE,
    QUOTA,
    SAFETY,
    accept,
    accept_and_lose_the_answer,
    lose_the_question,
    refuse,
)


async def test_a_request_becomes_one_paid_clip_and_one_video(bench: Bench) -> None:
    async with bench.working():
        await bench.send(labels={"team": "growth"})
        heard = await bench.hear()
    assert (heard.state, heard.cost_usd, heard.billed_seconds) == (Outcome.SUCCEEDED, PRICE, 4)
    assert heard.labels == {"team": "growth"}
    assert len(bench.model.accepted) == 1
    finals = await bench.ctx.videos.list("generated-videos/")
    assert [file.name for file in finals] == [heard.gcs_path]
    assert heard.video_url == f"http://facade/videos/{heard.gcs_path}"


async def test_a_request_that_comes_three_times_is_paid_once(bench: Bench) -> None:
    for _ in range(3):
        await bench.send()
    async with bench.working():
        heard = [await bench.hear() for _ in range(3)]
    assert len(bench.model.accepted) == 1
    assert len({completion.event_id for completion in heard}) == 1


async def test_two_workers_that_meet_over_one_job_pay_once(bench: Bench) -> None:
    job = await bench.queued()
    ended = await asyncio.gather(*(JobRunner(bench.ctx, job).run() for _ in range(8)))
    assert len(bench.model.accepted) == 1
    assert {each.state for each in ended} == {JobState.SUCCEEDED}


async def test_a_refused_quota_waits_and_is_paid_once_later(bench: Bench) -> None:
    bench.model.submits.extend([refuse(QUOTA), accept])
    job = await submit_next(bench.ctx, await bench.queued())
    assert (job.state, job.waiting_for, job.clips[0].state) == (JobState.QUEUED, "quota", ClipState.PLANNED)
    assert job.clips[0].cause == QUOTA
    ended = await JobRunner(bench.ctx, job).run()
    assert ended.state is JobState.SUCCEEDED
    assert ended.waiting_for is None
    assert len(bench.model.accepted) == 1


async def test_a_refusal_for_good_fails_the_job_with_the_same_words_everywhere(bench: Bench) -> None:
    bench.model.submits.append(refuse(SAFETY))
    async with bench.working():
        await bench.send()
        heard = await bench.hear()
    job = await bench.job()
    assert heard.state is Outcome.FAILED
    assert heard.error == job.failure == SAFETY
    assert job.cost_usd == 0


async def test_an_accepted_submit_without_an_answer_is_found_and_not_sent_again(bench: Bench) -> None:
    bench.model.submits.append(accept_and_lose_the_answer)
    job = await submit_next(bench.ctx, await bench.queued())
    assert (job.clips[0].state, job.waiting_for, job.charged) == (ClipState.UNKNOWN, "submit_outcome", Charged.UNKNOWN)
    await bench.model.deliver(bench.model.accepted[0])
    ended = await JobRunner(bench.ctx, job).run()
    assert (ended.state, ended.cost_usd) == (JobState.SUCCEEDED, PRICE)
    assert len(bench.model.accepted) == 1


async def test_an_unknown_submit_that_leaves_no_trace_fails_closed(bench: Bench) -> None:
    bench.model.submits.append(lose_the_question)
    ended = await JobRunner(bench.ctx, await bench.queued()).run()
    assert ended.failure is not None
    assert (ended.state, ended.failure.code, ended.failure.charged) == (
        JobState.FAILED,
        "submit_unknown",
        Charged.UNKNOWN,
    )
    assert bench.model.accepted == []


async def test_an_unknown_submit_is_sent_again_only_where_the_caller_said_so(bench: Bench) -> None:
    bench.model.submits.append(lose_the_question)
    ended = await JobRunner(bench.ctx, await bench.queued(on_unknown_submit="resubmit")).run()
    assert ended.state is JobState.SUCCEEDED
    assert bench.model.accepted == ["work/job-1/0/2/"]
    assert ended.charged is Charged.YES


async def test_an_error_that_nobody_foresaw_counts_as_unknown(bench: Bench) -> None:
    def explode() -> None:
        raise ZeroDivisionError

    bench.model.before_submit = explode
    job = await submit_next(bench.ctx, await bench.queued())
    assert job.clips[0].state is ClipState.UNKNOWN


async def test_files_of_a_forgotten_life_are_adopted_and_not_paid_again(bench: Bench) -> None:
    """The store was restored from a backup: the job is queued again, and its clip lies there, paid."""
    await bench.model.deliver("work/job-1/0/1/")
    ended = await JobRunner(bench.ctx, await bench.queued()).run()
    assert ended.state is JobState.SUCCEEDED
    assert bench.model.accepted == []
    assert ended.cost_usd == PRICE


async def test_a_submit_left_behind_by_a_dead_worker_is_held_then_searched_and_never_repeated(bench: Bench) -> None:
    started = _started(bench)
    await save_event(bench.ctx.jobs, await bench.queued(), started)
    async with bench.working():
        await bench.send()
        heard = await bench.hear()
    assert heard.error is not None
    assert heard.error.code == "submit_unknown"
    assert bench.model.accepted == []


async def test_an_owner_whose_time_is_over_sends_nothing(bench: Bench) -> None:
    """A zombie: the process stood still between its claim and its send."""
    boots = iter([0.0, 0.0, 1_000.0])

    class Stopped(SystemClock):
        def boot(self) -> float:
            return next(boots, 1_000.0)

    ctx = _with(bench, clock=Stopped())
    job = await submit_next(ctx, await bench.queued())
    assert (job.state, job.clips[0].state) == (JobState.QUEUED, ClipState.PLANNED)
    assert bench.model.accepted == []


async def test_a_zombie_that_was_taken_over_before_its_claim_is_refused_by_the_store(bench: Bench) -> None:
    job = await bench.queued()
    await save_event(bench.ctx.jobs, job, _started(bench))
    with pytest.raises(Conflict):
        await submit_next(bench.ctx, job)
    assert bench.model.accepted == []


async def test_an_operation_accepted_after_the_job_was_judged_is_written_down_as_charged(bench: Bench) -> None:
    bench.model.gate = asyncio.Event()
    sending = asyncio.create_task(submit_next(bench.ctx, await bench.queued()))
    await bench.model.at_gate.wait()
    job = await bench.job()
    job = await save_event(
        bench.ctx.jobs, job, ev.SubmitOutcomeUnknown(at=bench.ctx.clock.now(), nonce=job.clips[0].nonce or "")
    )
    await save_event(bench.ctx.jobs, job, ev.SubmitGivenUp(at=bench.ctx.clock.now(), failure=LOST))
    bench.model.gate.set()
    late = await sending
    assert (late.state, late.clips[0].state) == (JobState.FAILED, ClipState.LATE)
    assert (late.cost_usd, late.charged) == (PRICE, Charged.YES)


async def test_an_operation_accepted_while_the_search_went_on_is_used(bench: Bench) -> None:
    bench.model.gate = asyncio.Event()
    sending = asyncio.create_task(submit_next(bench.ctx, await bench.queued()))
    await bench.model.at_gate.wait()
    job = await bench.job()
    await save_event(
        bench.ctx.jobs, job, ev.SubmitOutcomeUnknown(at=bench.ctx.clock.now(), nonce=job.clips[0].nonce or "")
    )
    bench.model.gate.set()
    ended = await JobRunner(bench.ctx, await sending).run()
    assert (ended.state, ended.cost_usd, len(bench.model.accepted)) == (JobState.SUCCEEDED, PRICE, 1)


async def test_ones_own_write_that_looks_foreign_is_recognised_by_its_nonce(bench: Bench) -> None:
    """The store wrote the claim, and the answer was lost: a blind second try would be refused."""
    ctx = _with(bench, jobs=Forgetful(bench.ctx.jobs, lose=1))
    job = await submit_next(ctx, await bench.queued())
    assert job.state is JobState.GENERATING
    assert len(bench.model.accepted) == 1


async def test_the_operations_name_is_written_however_long_the_store_is_away(bench: Bench) -> None:
    store = Forgetful(bench.ctx.jobs, lose=0)
    bench.model.before_submit = lambda: setattr(store, "away", 2)
    ctx = _with(bench, jobs=store, clock=Hasty())
    job = await submit_next(ctx, await bench.queued())
    assert job.state is JobState.GENERATING
    assert (await bench.job()).clips[0].operation == "operations/1"


async def test_a_plan_over_the_callers_limit_is_refused_and_nothing_is_charged(bench: Bench) -> None:
    async with bench.working():
        await bench.send(max_cost_usd=0.39)
        heard = await bench.hear()
    assert heard.error is not None
    assert (heard.error.code, heard.error.field, heard.cost_usd) == ("over_max_cost", "max_cost_usd", Decimal(0))
    assert bench.model.accepted == []


async def test_what_the_model_cannot_make_fails_with_the_fields_name(bench: Bench) -> None:
    async with bench.working():
        await bench.send(model="none")
        heard = await bench.hear()
    assert heard.error is not None
    assert (heard.error.category, heard.error.field) == ("invalid_request", "model")


async def test_clips_are_sent_one_after_the_other_and_joined(bench: Bench) -> None:
    bench.model.clip_seconds = 1
    async with bench.working():
        await bench.send(duration_seconds=3)
        heard = await bench.hear()
    assert len(bench.model.accepted) == 3
    assert heard.duration_seconds == pytest.approx(3.0, abs=1 / 24)
    assert heard.cost_usd == PRICE * 3


async def test_a_second_clip_refused_for_good_keeps_the_first_one_in_the_record_as_charged(bench: Bench) -> None:
    bench.model.clip_seconds = 1
    bench.model.submits.extend([accept, refuse(SAFETY)])
    async with bench.working():
        await bench.send(duration_seconds=2)
        heard = await bench.hear()
    assert heard.error is not None
    assert (heard.state, heard.cost_usd, heard.error.charged) == (Outcome.FAILED, PRICE, Charged.YES)


def _started(bench: Bench) -> ev.SubmitStarted:
    plan = bench.model.plan(a_request())
    return ev.SubmitStarted(at=bench.ctx.clock.now(), plan=plan, owner="somebody-else", nonce="foreign")


def _with(bench: Bench, **changes: Any) -> WorkerContext:
    return replace(bench.ctx, **changes)


class Hasty(SystemClock):
    """A clock that does not wait."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@dataclass
class Forgetful(JobStore):
    """A real store whose answers get lost: the write happened, and the caller hears of a broken connection."""

    store: JobStore
    lose: int
    away: int = 0

    async def create(self, job: Job) -> Job:
        return await self.store.create(job)

    async def create_all(self, jobs: Sequence[Job]) -> Sequence[Job]:
        return await self.store.create_all(jobs)

    async def get(self, job_id: str) -> Job | None:
        return await self.store.get(job_id)

    async def save(self, job: Job) -> Job:
        if self.away > 0:
            self.away -= 1
            raise Unavailable
        saved = await self.store.save(job)
        if self.lose > 0:
            self.lose -= 1
            raise Unavailable
        return saved

    async def list(self, query: JobQuery) -> JobPage:
        return await self.store.list(query)

    async def ahead_of(self, job: Job) -> int | None:
        return await self.store.ahead_of(job)

    async def count_queued(self, key: str, *, at_most: int) -> int:
        return await self.store.count_queued(key, at_most=at_most)


async def test_an_operation_that_ends_for_want_of_capacity_waits_and_is_sent_again(bench: Bench) -> None:
    bench.model.outcome = GenerationFailed(failure=CAPACITY)
    ctx = _with(bench, clock=Hasty())
    job = await submit_next(ctx, await bench.queued())
    withdrawn = await poll_once(ctx, job, job.clips[0])
    assert withdrawn is not None
    assert (withdrawn.state, withdrawn.waiting_for) == (JobState.QUEUED, "capacity")
    assert withdrawn.charged is Charged.NO
    bench.model.outcome = None
    ended = await JobRunner(ctx, withdrawn).run()
    assert (ended.state, ended.cost_usd) == (JobState.SUCCEEDED, PRICE)
