"""What once paid twice, charged twice or forgot a payment, found in reviews: each stays repaired."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from schemas.domain import events as ev
from schemas.domain.clip import Clip
from schemas.domain.job import QUEUED_AT_MOST, Job, new_job
from schemas.domain.states import ClipState, JobState
from schemas.errors import Charged, Unavailable
from schemas.ports import GenerationRunning, JobPage, JobQuery, JobStore
from schemas.services.update import save_event
from schemas.wire.request import VideoRequest
from subscriber.policy import GiveUpSubmit, Watch, decide
from subscriber.reconcile import reconcile
from subscriber.runner import JobRunner
from subscriber.submission import submit_next
from tests.worker.bench import Bench, a_request
from tests.worker.paid_model import (
    PRICE,
    QUOTA,
    SAFETY,
    PaidModel,
    accept,
    accept_and_lose_the_answer,
    lose_the_question,
    refuse,
)
from tests.worker.test_money import Hasty


async def test_a_replay_uses_the_paid_file_that_turned_up_after_the_end(bench: Bench) -> None:
    bench.model.submits.append(accept_and_lose_the_answer)
    ended = await JobRunner(bench.ctx, await bench.queued()).run()
    await bench.model.deliver(bench.model.accepted[0])
    await _look_now(bench, ended)
    late = await bench.job()
    assert (late.clips[0].state, late.cost_usd) == (ClipState.LATE, PRICE)
    again = await _lives_again(bench, late)
    assert (again.state, again.cost_usd, len(bench.model.accepted)) == (JobState.SUCCEEDED, PRICE, 1)


async def test_a_replay_asks_for_the_operation_that_was_accepted_after_the_end(bench: Bench) -> None:
    bench.model.submits.append(lose_the_question)
    ended = await JobRunner(bench.ctx, await bench.queued()).run()
    clip = ended.clips[0]
    operation = accept(bench.model, clip)
    answer = ev.AcceptedLate(at=bench.ctx.clock.now(), clip=0, nonce=clip.nonce or "", operation=operation)
    again = await _lives_again(bench, await save_event(bench.ctx.jobs, ended, answer))
    assert (again.state, again.cost_usd, len(bench.model.accepted)) == (JobState.SUCCEEDED, PRICE, 1)


async def test_a_replay_of_a_lost_generation_uses_the_film_that_came_too_late(bench: Bench) -> None:
    lost = await _lost_generation(bench)
    await bench.model.deliver(bench.model.accepted[0])
    again = await _lives_again(bench, lost)
    assert (again.state, again.cost_usd, len(bench.model.accepted)) == (JobState.SUCCEEDED, PRICE, 1)


async def test_a_replay_of_a_lost_generation_that_left_no_film_fails_closed(bench: Bench) -> None:
    """The model accepted it once, and the film may come yet: a second submit could be a second charge."""
    lost = await _lost_generation(bench)
    bench.model.outcome = GenerationRunning()
    again = await _lives_again(bench, lost)
    assert again.failure is not None
    assert (again.state, again.failure.code, again.charged) == (JobState.FAILED, "generation_lost", Charged.UNKNOWN)
    assert again.has_unresolved_charges
    assert len(bench.model.accepted) == 1


async def test_a_restored_backup_finds_the_paid_file_of_a_second_attempt(bench: Bench) -> None:
    """The first attempt met a used-up quota, so the paid file lies under the prefix of the second."""
    bench.model.submits.extend([refuse(QUOTA), accept])
    job = await submit_next(bench.ctx, await submit_next(bench.ctx, await bench.queued()))
    await bench.model.deliver("work/job-1/0/2/")
    as_it_was = new_job(job.request, job.created_at).model_copy(update={"revision": job.revision})
    ended = await JobRunner(bench.ctx, await bench.ctx.jobs.save(as_it_was)).run()
    assert (ended.state, ended.cost_usd) == (JobState.SUCCEEDED, PRICE)
    assert bench.model.accepted == ["work/job-1/0/2/"]


async def test_a_film_that_lands_between_the_judgement_and_the_second_send_is_used(bench: Bench) -> None:
    bench.model.submits.append(accept_and_lose_the_answer)
    job = await submit_next(bench.ctx, await bench.queued(on_unknown_submit="resubmit"))
    job = await save_event(bench.ctx.jobs, job, ev.Resubmit(at=bench.ctx.clock.now(), clip=0))
    await bench.model.deliver(bench.model.accepted[0])
    ended = await JobRunner(bench.ctx, job).run()
    assert (ended.state, ended.cost_usd, len(bench.model.accepted)) == (JobState.SUCCEEDED, PRICE, 1)


async def test_an_operation_that_was_adopted_late_is_not_charged_again_when_its_file_is_found(bench: Bench) -> None:
    """The prefix counted as lost; the operation that came back for it is the very same attempt."""
    bench.model.submits.append(lose_the_question)
    job = await submit_next(bench.ctx, await bench.queued(on_unknown_submit="resubmit"))
    clip = job.clips[0]
    job = await save_event(bench.ctx.jobs, job, ev.Resubmit(at=bench.ctx.clock.now(), clip=0))
    operation = accept(bench.model, clip)
    late = ev.AcceptedLate(at=bench.ctx.clock.now(), clip=0, nonce=clip.nonce or "", operation=operation)
    ended = await JobRunner(bench.ctx, await save_event(bench.ctx.jobs, job, late)).run()
    assert not ended.has_unresolved_charges
    await _look_now(bench, ended)
    job = await bench.job()
    assert (job.state, job.cost_usd, job.clips[0].late) == (JobState.SUCCEEDED, PRICE, ())


async def test_a_definite_refusal_is_kept_though_the_record_moved_and_the_store_went_away(bench: Bench) -> None:
    """Read as unknown it would be searched for half an hour, and fail without the model's reason."""
    store = Blinking(bench.ctx.jobs)

    async def somebody_writes() -> None:
        at = bench.ctx.clock.now()
        await save_event(bench.ctx.jobs, await bench.job(), ev.WaitEnded(at=at, until=at))
        store.away = 1

    model = Interrupted(bench.ctx.videos, bench.model.film, meanwhile=somebody_writes)
    model.submits.append(refuse(SAFETY))
    ctx = replace(bench.ctx, jobs=store, model=model, clock=Hasty())
    ended = await JobRunner(ctx, await bench.queued()).run()
    assert (ended.failure, ended.charged, store.away) == (SAFETY, Charged.NO, 0)


async def test_a_write_that_does_not_touch_a_submit_does_not_prolong_its_hold(bench: Bench) -> None:
    """Else every caller who goes away gives the dead worker's submit another span."""
    at = bench.ctx.clock.now()
    long_ago = at - timedelta(seconds=bench.ctx.deadlines.submitting_hold_s + 1)
    plan = bench.model.plan(a_request())
    job = await save_event(
        bench.ctx.jobs, await bench.queued(), ev.SubmitStarted(at=long_ago, plan=plan, owner="dead", nonce="n")
    )
    await save_event(bench.ctx.jobs, job, ev.WaitEnded(at=at, until=at))
    job = await bench.job()
    assert job.read_at is not None
    assert isinstance(decide(job, job.read_at, bench.ctx.deadlines, Watch(0, whole=False)), GiveUpSubmit)


async def _lost_generation(bench: Bench) -> Job:
    """Accepted, and not a word of it within its time."""
    bench.model.outcome = GenerationRunning()
    ended = await JobRunner(bench.ctx, await bench.queued()).run()
    assert ended.failure is not None
    assert ended.failure.code == "generation_lost"
    bench.model.outcome = None
    return ended


async def _lives_again(bench: Bench, job: Job) -> Job:
    """The job at the end of its next life."""
    at = bench.ctx.clock.now()
    replayed = await save_event(bench.ctx.jobs, job, ev.Replayed(at=at, deadline=at + QUEUED_AT_MOST))
    return await JobRunner(bench.ctx, replayed).run()


async def _look_now(bench: Bench, job: Job) -> None:
    """`reconcile`, as if the time for its next look had come."""
    past = bench.ctx.clock.now() - timedelta(seconds=1)
    await bench.ctx.jobs.save(job.model_copy(update={"next_check_at": past}))
    await reconcile(bench.ctx)


@dataclass
class Interrupted(PaidModel):
    """Something happens between the claim and the answer."""

    meanwhile: Callable[[], Awaitable[None]] = field(kw_only=True)

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        await self.meanwhile()
        return await super().submit(request, clip, sources, send_before=send_before, previous=previous)


@dataclass
class Blinking(JobStore):
    """A real store that can't be read for a moment."""

    store: JobStore
    away: int = 0

    async def create(self, job: Job) -> Job:
        return await self.store.create(job)

    async def create_all(self, jobs: Sequence[Job]) -> Sequence[Job]:
        return await self.store.create_all(jobs)

    async def get(self, job_id: str) -> Job | None:
        if self.away > 0:
            self.away -= 1
            raise Unavailable
        return await self.store.get(job_id)

    async def save(self, job: Job) -> Job:
        return await self.store.save(job)

    async def list(self, query: JobQuery) -> JobPage:
        return await self.store.list(query)

    async def ahead_of(self, job: Job) -> int | None:
        return await self.store.ahead_of(job)

    async def count_queued(self, key: str, *, at_most: int) -> int:
        return await self.store.count_queued(key, at_most=at_most)
