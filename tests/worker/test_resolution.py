"""What a worker makes of a person's word: nothing that is there is paid again, no attempt is forgotten."""

from dataclasses import replace
from datetime import timedelta

import pytest

from publisher.context import PublisherContext
from publisher.dead_letters import replay, replay_dead_letter
from publisher.resolve import Decision, resolve
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.ports import WORKERS
from schemas.wire.completion import Outcome
from subscriber.reconcile import reconcile
from subscriber.runner import JobRunner
from subscriber.submission import submit_next
from tests.worker.bench import Bench
from tests.worker.paid_model import PRICE, Submit, accept_and_lose_the_answer, lose_the_question

AGO = timedelta(minutes=10)


def _desk(bench: Bench) -> PublisherContext:
    return PublisherContext(bus=bench.ctx.bus, jobs=bench.ctx.jobs, videos=bench.ctx.videos, clock=bench.ctx.clock)


async def _unknown(bench: Bench, submit: Submit) -> Job:
    """A live job whose only submit, a while ago, was never answered."""
    bench.model.submits.append(submit)
    return await _sent_long_ago(bench, await submit_next(bench.ctx, await bench.queued()))


async def _judged(bench: Bench, submit: Submit) -> Job:
    """The same, after the search for it was over."""
    bench.model.submits.append(submit)
    return await _sent_long_ago(bench, await JobRunner(bench.ctx, await bench.queued()).run())


async def _sent_long_ago(bench: Bench, job: Job) -> Job:
    clip = job.clips[0]
    assert clip.submitting_at
    aged = clip.model_copy(update={"submitting_at": clip.submitting_at - AGO})
    return await bench.ctx.jobs.save(job.model_copy(update={"clips": (aged,)}))


async def test_a_live_clip_that_was_not_charged_is_sent_once_more_and_makes_the_video(bench: Bench) -> None:
    await _unknown(bench, lose_the_question)
    job = (await resolve(_desk(bench), "job-1", Decision.NOT_CHARGED)).job
    ended = await JobRunner(bench.ctx, job).run()
    assert (ended.state, ended.cost_usd, len(bench.model.accepted)) == (JobState.SUCCEEDED, PRICE, 1)


async def test_the_film_of_a_clip_that_is_sent_again_at_a_risk_is_still_found_first(bench: Bench) -> None:
    """It lands between the person's word and the second send."""
    await _judged(bench, accept_and_lose_the_answer)
    job = (await resolve(_desk(bench), "job-1", Decision.RESUBMIT)).job
    await bench.model.deliver(bench.model.accepted[0])
    ended = await JobRunner(bench.ctx, job).run()
    assert (ended.state, ended.life, ended.cost_usd) == (JobState.SUCCEEDED, 2, PRICE)
    assert len(bench.model.accepted) == 1


async def test_the_film_of_a_clip_that_was_called_charged_is_used_by_a_later_life(bench: Bench) -> None:
    await _judged(bench, accept_and_lose_the_answer)
    await resolve(_desk(bench), "job-1", Decision.CHARGED)
    await bench.model.deliver(bench.model.accepted[0])
    ended = await JobRunner(bench.ctx, await replay(_desk(bench), "job-1")).run()
    assert (ended.state, ended.cost_usd) == (JobState.SUCCEEDED, PRICE)
    assert len(bench.model.accepted) == 1


async def test_a_job_that_a_person_ended_is_announced_once(bench: Bench) -> None:
    await _unknown(bench, lose_the_question)
    job = (await resolve(_desk(bench), "job-1", Decision.CHARGED)).job
    assert (await bench.hear()).event_id == "job-1.1.failed"
    assert not job.completion_due
    assert (await reconcile(bench.ctx)).announced == 0


async def test_a_worker_that_searches_for_the_clip_sends_it_afresh_by_itself(bench: Bench) -> None:
    await _unknown(bench, lose_the_question)
    patient = replace(bench.ctx.deadlines, generation_s=3600)
    async with bench.working(deadlines=patient):
        await bench.send()
        await resolve(_desk(bench), "job-1", Decision.NOT_CHARGED)
        assert (await bench.hear()).state is Outcome.SUCCEEDED
    assert len(bench.model.accepted) == 1


@pytest.mark.parametrize("found", [True, False], ids=["film there", "film lost"])
async def test_a_replayed_dead_letter_pays_for_nothing_that_is_there(bench: Bench, found: bool) -> None:
    ended = await _judged(bench, accept_and_lose_the_answer)
    await bench.send()
    async with bench.ctx.bus.subscribe(WORKERS, limit=1) as deliveries:
        await (await anext(deliveries)).dead_letter("test")
    if found:
        await bench.model.deliver(bench.model.accepted[0])
        past = bench.ctx.clock.now() - timedelta(seconds=1)
        await bench.ctx.jobs.save(ended.model_copy(update={"next_check_at": past}))
        assert (await reconcile(bench.ctx)).found_late == 1
    [letter] = await bench.ctx.bus.dead_letters()
    await replay_dead_letter(_desk(bench), letter.id)
    async with bench.working():
        heard = await bench.hear()
    assert (heard.life, heard.state) == (2, Outcome.SUCCEEDED if found else Outcome.FAILED)
    assert heard.error is None or heard.error.code == "submit_unknown"
    assert len(bench.model.accepted) == 1
