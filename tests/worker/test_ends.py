"""Every job ends: deadlines, lost messages, completions that are due, paid clips that turn up late."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from schemas.domain import events as ev
from schemas.domain.job import Job
from schemas.domain.state_machine import advance
from schemas.domain.states import ClipState, JobState
from schemas.errors import Category, Charged, Conflict, Failure
from schemas.ports import GenerationDone, GenerationFailed, GenerationRunning
from schemas.services.update import save_event
from schemas.wire.completion import Outcome
from subscriber.reconcile import reconcile
from subscriber.runner import JobRunner
from subscriber.submission import submit_next
from tests.worker.bench import Bench
from tests.worker.paid_model import PRICE, SAFETY, accept_and_lose_the_answer

FREE = Decimal(0)


async def test_a_generation_past_its_deadline_is_looked_for_once_more_and_used(bench: Bench) -> None:
    bench.model.outcome = GenerationRunning()
    job = await submit_next(bench.ctx, await bench.queued())
    await bench.model.deliver(bench.model.accepted[0])
    ended = await JobRunner(bench.ctx, job).run()
    assert ended.state is JobState.SUCCEEDED


async def test_a_generation_that_never_ends_is_given_up_and_says_that_the_charge_is_unknown(bench: Bench) -> None:
    bench.model.outcome = GenerationRunning()
    ended = await JobRunner(bench.ctx, await bench.queued()).run()
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.charged) == ("generation_lost", Charged.UNKNOWN)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (GenerationFailed(failure=SAFETY), "safety_filter"),
        (GenerationDone(outputs=()), "no_video"),
        (
            GenerationFailed(
                failure=Failure(category=Category.CAPACITY, code="capacity", message="High load.", charged=Charged.NO)
            ),
            "capacity",
        ),
    ],
)
async def test_an_operation_that_ends_without_a_film_fails_the_job(bench: Bench, outcome: Any, code: str) -> None:
    bench.model.outcome = outcome
    ended = await JobRunner(bench.ctx, await bench.queued()).run()
    assert ended.failure is not None
    assert (ended.state, ended.failure.code) == (JobState.FAILED, code)


async def test_a_film_that_does_not_play_fails_the_job_and_is_charged(bench: Bench) -> None:
    bench.model.film = b"this is no film"
    ended = await JobRunner(bench.ctx, await bench.queued()).run()
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.charged, ended.cost_usd) == ("bad_output", Charged.YES, PRICE)


async def test_a_final_file_that_is_there_already_is_adopted(bench: Bench) -> None:
    """Two workers finished the same job, or one was killed after it stored the file."""
    job = await bench.queued()
    await bench.ctx.videos.put(job.final_name, bench.model.film, content_type="video/mp4")
    ended = await JobRunner(bench.ctx, job).run()
    assert ended.result is not None
    assert ended.result.size_bytes == len(bench.model.film)
    assert len(await bench.ctx.videos.list("generated-videos/")) == 1


async def test_a_job_that_was_not_started_in_time_expires_free_of_charge(bench: Bench) -> None:
    soon = bench.ctx.clock.now() - timedelta(seconds=1)
    await bench.send(start_before=soon)
    async with bench.working():
        heard = await bench.hear()
    assert (heard.state, heard.cost_usd) == (Outcome.EXPIRED, FREE)
    assert bench.model.accepted == []


async def test_reconcile_publishes_a_lost_request_again_and_then_waits_twice_as_long(bench: Bench) -> None:
    overdue = await _overdue(bench)
    first = await reconcile(bench.ctx)
    second = await reconcile(bench.ctx)
    assert (first.republished, second.looked_at) == (1, 0)
    looked_at = await bench.job()
    assert looked_at.next_check_at is not None
    assert overdue.next_check_at is not None
    assert looked_at.next_check_at - bench.ctx.clock.now() > timedelta(minutes=3)
    async with bench.working():
        assert (await bench.hear()).state is Outcome.SUCCEEDED


async def test_reconcile_on_a_dry_run_changes_nothing(bench: Bench) -> None:
    overdue = await _overdue(bench)
    report = await reconcile(bench.ctx, dry_run=True)
    assert report.republished == 1
    assert (await bench.job()).revision == overdue.revision


async def test_two_reconcilers_publish_a_job_once(bench: Bench) -> None:
    stale = await _overdue(bench)
    await reconcile(bench.ctx)
    await _nothing_happens(bench, stale)


async def test_reconcile_announces_an_end_that_nobody_announced(bench: Bench) -> None:
    job = await bench.queued()
    await save_event(bench.ctx.jobs, job, ev.CancelRequested(at=bench.ctx.clock.now(), held=False))
    report = await reconcile(bench.ctx)
    heard = await bench.hear()
    assert (report.announced, heard.state) == (1, Outcome.CANCELLED)
    assert not (await bench.job()).completion_due
    assert (await reconcile(bench.ctx)).looked_at == 0


async def test_reconcile_finds_a_paid_clip_that_turns_up_after_its_job_was_judged(bench: Bench) -> None:
    bench.model.submits.append(accept_and_lose_the_answer)
    ended = await JobRunner(bench.ctx, await bench.queued()).run()
    assert ended.failure is not None
    assert (ended.failure.code, ended.cost_usd) == ("submit_unknown", FREE)
    await bench.model.deliver(bench.model.accepted[0])
    past = bench.ctx.clock.now() - timedelta(seconds=1)
    await bench.ctx.jobs.save(ended.model_copy(update={"next_check_at": past}))
    report = await reconcile(bench.ctx)
    job = await bench.job()
    assert (report.found_late, job.clips[0].state, job.cost_usd) == (1, ClipState.LATE, PRICE)


async def _overdue(bench: Bench) -> Job:
    job = await bench.queued()
    past = bench.ctx.clock.now() - timedelta(seconds=1)
    return await bench.ctx.jobs.save(job.model_copy(update={"next_check_at": past}))


async def _nothing_happens(bench: Bench, stale: Job) -> None:
    """A second reconciler that read the job before the first one moved it loses the compare-and-set."""
    moved = advance(stale, ev.Reconciled(at=bench.ctx.clock.now()))
    with pytest.raises(Conflict):
        await bench.ctx.jobs.save(moved)
