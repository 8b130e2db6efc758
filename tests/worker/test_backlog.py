"""A healthy backlog: reconcile neither publishes it again nor holds it up, and still finds what was lost."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from schemas.domain import events as ev
from schemas.domain.job import Job
from schemas.domain.states import ClipState, JobState
from schemas.ports import BATCH_WORKERS, WORKERS, Bus, Subscription, topic_of
from schemas.services.update import save_event
from schemas.wire.message import Message, encode_request
from subscriber.context import WorkerContext
from subscriber.fair_queue import Share
from subscriber.rate_limit import SubmitRateLimiter, Turn
from subscriber.reconcile import Known, reconcile
from subscriber.runner import JobRunner
from subscriber.worker import QUIET_S, Progress
from tests.worker.bench import Bench
from tests.worker.test_clock import Driven

OVERDUE = timedelta(minutes=10)


async def test_a_job_whose_message_still_waits_is_not_published_again(bench: Bench) -> None:
    await _overdue(bench, "waiting", published=True)
    lost = await _overdue(bench, "lost", published=False)
    report = await reconcile(bench.ctx)
    assert (report.looked_at, report.republished) == (1, 1)
    assert (await bench.job("waiting")).checks == 0
    assert (await bench.job("lost")).checks == lost.checks + 1
    assert sorted(await _waiting(bench)) == ["lost", "waiting"]
    assert (await reconcile(bench.ctx)).looked_at == 0


async def test_a_lost_batch_request_is_published_in_its_own_lane(bench: Bench) -> None:
    await _overdue(bench, "waiting", published=True, priority="batch")
    await _overdue(bench, "lost", published=False, priority="batch")
    assert (await reconcile(bench.ctx)).republished == 1
    assert await _waiting(bench, BATCH_WORKERS) == ["waiting", "lost"]
    assert await _waiting(bench) == []


async def test_a_job_whose_message_is_leased_is_not_published_again(bench: Bench) -> None:
    await _overdue(bench, "leased", published=True)
    async with bench.ctx.bus.subscribe(WORKERS, limit=1) as deliveries:
        await anext(deliveries)
        assert (await reconcile(bench.ctx)).looked_at == 0


async def test_a_cancel_on_its_way_is_no_request(bench: Bench) -> None:
    job = await _overdue(bench, "job-1", published=False)
    await bench.send_raw(b"{}", job_id=job.job_id, **{"ce-type": "reelbus.video.cancel.v1"})
    assert (await reconcile(bench.ctx)).republished == 1


async def test_a_job_that_this_worker_holds_is_not_touched(bench: Bench) -> None:
    job = await _overdue(bench, "job-1", published=False)
    known = Known(holds=lambda job_id: job_id == "job-1", delivered_until=bench.ctx.clock.now())
    report = await reconcile(_blind(bench), known=known)
    assert (report.looked_at, (await bench.job()).revision) == (0, job.revision)


@pytest.mark.parametrize(("ahead", "republished"), [(None, 0), (-timedelta(seconds=1), 0), (timedelta(seconds=1), 1)])
async def test_where_the_bus_shows_nothing_a_job_waits_until_deliveries_have_passed_it(
    bench: Bench, ahead: timedelta | None, republished: int
) -> None:
    job = await _overdue(bench, "job-1", published=True)
    assert job.next_check_at is not None
    known = Known(delivered_until=None if ahead is None else job.next_check_at + ahead)
    report = await reconcile(_blind(bench), known=known)
    assert report.republished == republished


async def test_what_is_no_queued_job_is_looked_after_however_far_deliveries_came(bench: Bench) -> None:
    job = await bench.queued()
    await save_event(bench.ctx.jobs, job, ev.CancelRequested(at=bench.ctx.clock.now(), held=False))
    report = await reconcile(_blind(bench), known=Known())
    assert report.announced == 1


def test_a_worker_knows_how_far_its_deliveries_have_come() -> None:
    clock = Driven()
    progress = Progress(clock, limit=4)
    assert progress.watermark(clock.now()) is None, "it has just begun"
    clock.passed_s = QUIET_S
    assert progress.watermark(clock.now()) == clock.now(), "it has free slots, and nothing comes"
    first, second = clock.now(), clock.now() + timedelta(seconds=1)
    for at in (second, first, first, first):
        progress.take(Message(data=b"", attributes={"ce-time": at.isoformat()}))
    progress.settle()
    clock.passed_s += 10 * QUIET_S
    assert progress.watermark(clock.now()) == second, "its slots are full, or as good as full"
    for _ in range(2):
        progress.settle()
    assert progress.watermark(clock.now()) == second
    clock.passed_s += QUIET_S
    assert progress.watermark(clock.now()) == clock.now()


def test_a_message_without_a_time_says_nothing() -> None:
    clock = Driven()
    progress = Progress(clock, limit=1)
    for attributes in ({}, {"ce-time": "soon"}):
        progress.take(Message(data=b"", attributes=attributes))
    assert progress.watermark(clock.now()) is None


async def test_a_pass_of_reconcile_costs_a_job_that_waits_for_its_turn_nothing(bench: Bench) -> None:
    """It sends with the first turn that it gets: a turn given up would cost a minute with each pass."""
    job = await bench.queued()
    pace = Counted(bench.ctx.clock, 60_000)

    async def noted() -> None:
        known = await bench.job()
        await save_event(bench.ctx.jobs, known, ev.Reconciled(at=bench.ctx.clock.now()))

    pace.meanwhile = noted
    ended = await JobRunner(replace(bench.ctx, rate_limiter=pace), job).run()
    assert (ended.state, pace.turns, bench.model.accepted) == (JobState.SUCCEEDED, 1, ["work/job-1/0/1/"])


async def test_a_note_between_the_turn_and_the_claim_costs_no_turn_either(bench: Bench) -> None:
    job = await bench.queued()
    await save_event(bench.ctx.jobs, job, ev.Reconciled(at=bench.ctx.clock.now()))
    pace = Counted(bench.ctx.clock, 60_000)
    ended = await JobRunner(replace(bench.ctx, rate_limiter=pace), job).run()
    assert (ended.state, pace.turns, bench.model.accepted) == (JobState.SUCCEEDED, 1, ["work/job-1/0/1/"])


async def test_a_job_that_was_cancelled_while_it_waited_for_its_turn_is_not_sent(bench: Bench) -> None:
    pace = Counted(bench.ctx.clock, 60_000)

    async def cancelled() -> None:
        await save_event(bench.ctx.jobs, await bench.job(), ev.CancelRequested(at=bench.ctx.clock.now(), held=True))

    pace.meanwhile = cancelled
    ended = await JobRunner(replace(bench.ctx, rate_limiter=pace), await bench.queued()).run()
    assert (ended.state, bench.model.accepted) == (JobState.CANCELLED, [])


async def test_a_job_that_another_worker_sent_while_it_waited_is_not_sent_again(bench: Bench) -> None:
    pace = Counted(bench.ctx.clock, 60_000)
    job = await bench.queued()

    async def sent() -> None:
        await JobRunner(bench.ctx, await bench.job()).run()

    pace.meanwhile = sent
    ended = await JobRunner(replace(bench.ctx, rate_limiter=pace), job).run()
    assert (ended.state, [clip.state for clip in ended.clips]) == (JobState.SUCCEEDED, [ClipState.DONE])
    assert bench.model.accepted == ["work/job-1/0/1/"]


async def _overdue(bench: Bench, job_id: str, *, published: bool, **fields: Any) -> Job:
    job = await bench.queued(job_id=job_id, **fields)
    if published:
        message = encode_request(job.request, at=bench.ctx.clock.now())
        await bench.ctx.bus.publish(topic_of(job.request), message)
    return await bench.ctx.jobs.save(job.model_copy(update={"next_check_at": bench.ctx.clock.now() - OVERDUE}))


async def _waiting(bench: Bench, subscription: Subscription = WORKERS) -> list[str]:
    return [each["job_id"] for each in await bench.ctx.bus.list_waiting(subscription)]


def _blind(bench: Bench) -> WorkerContext:
    return replace(bench.ctx, bus=cast("Bus", Blind(bench.ctx.bus)))


@dataclass
class Blind:
    """A bus that shows nothing of what waits, as Pub/Sub."""

    bus: Bus
    sees_waiting: bool = False

    async def list_waiting(self, subscription: Subscription) -> Sequence[Mapping[str, str]]:
        raise AssertionError("it can't tell")

    def __getattr__(self, name: str) -> object:
        return getattr(self.bus, name)


@dataclass
class Counted(SubmitRateLimiter):
    """Every turn takes a while, in which something happens the first time."""

    turns: int = 0
    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def acquire(self, model: str, share: Share = Share()) -> Turn:  # noqa: B008
        self.turns += 1
        turn = await super().acquire(model, share)
        if self.meanwhile:
            happens, self.meanwhile = self.meanwhile, None
            await happens()
            turn.waited = True
        return turn
