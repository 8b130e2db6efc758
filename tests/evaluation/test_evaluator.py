"""A finished video is scored, at most twice, with a ledger line for each call; its completion waits for nothing."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import grpc
import pytest

from infra.clock import SystemClock
from schemas.domain.evaluation import (
    ANSWERED,
    EVALUATION,
    GENERATE_RUBRICS,
    METRIC_REFUSED,
    NO_ANSWER,
    REFUSED,
    is_chosen,
)
from schemas.domain.job import record_of
from schemas.domain.object_names import RUBRICS as RUBRICS_FOLDER
from schemas.ports import COMPLETIONS, Subscription
from schemas.services.erasure import Eraser
from schemas.wire.caller_names import to_stored_id
from schemas.wire.evaluation import Evaluation
from schemas.wire.message import decode_completion
from subscriber.evaluation.context import FALLBACK, CallUnderWay
from subscriber.evaluation.ledger import begin_call
from subscriber.evaluation.scoring import evaluate
from tests.evaluation.house import METRIC, PROMPT, WAIT_S, House, house_in
from tests.evaluation.service import ASKED, EVALUATE, RUBRICS, Answer, EvaluationService

Status = grpc.StatusCode


async def lines(house: House, job_id: str = "job-1") -> list[tuple[str, str, str | None]]:
    return [(call.kind, call.metric, call.outcome) for call in (await house.job(job_id)).evaluations]


async def test_a_video_is_scored_and_the_score_is_stored_beside_it(house: House, service: EvaluationService) -> None:
    async with house.evaluating():
        await house.finish(project_id="p1", labels={"team": "a"})
        event = await house.hear()
    assert (event.job_id, event.project_id, event.labels) == ("job-1", "p1", {"team": "a"})
    assert (event.evaluation.metric, event.evaluation.score) == (METRIC, 0.5)
    assert [(each.text, each.holds) for each in event.evaluation.verdicts] == [(ASKED[0], True), (ASKED[1], False)]
    assert event.evaluation.comparable
    assert (event.calls, event.cost_usd) == (2, None)
    assert await house.stored() == event.evaluation
    assert await lines(house) == [(GENERATE_RUBRICS, METRIC, ANSWERED), (EVALUATION, METRIC, ANSWERED)]
    assert [call.method for call in service.calls] == [RUBRICS, EVALUATE]


@pytest.mark.parametrize(
    "first",
    [
        Answer(status=Status.RESOURCE_EXHAUSTED, words="Quota exceeded."),
        Answer(status=Status.INTERNAL, words="Try again."),
        Answer(status=Status.UNAVAILABLE, words="Connection reset."),
        Answer(raw=b"\xff\xff\xff not a message"),
        Answer(score=None),
        Answer(score=7.0),
        Answer(score=float("nan")),
    ],
    ids=["429", "500", "503", "garbled", "no score", "score of 7", "not a number"],
)
async def test_an_answer_without_a_score_is_asked_for_once_more(
    house: House, service: EvaluationService, first: Answer
) -> None:
    service.answers.append(first)
    async with house.evaluating():
        await house.finish()
        assert (await house.hear()).evaluation.score == 0.5
    assert len(service.of(EVALUATE)) == 2
    outcome = REFUSED if first.status is Status.RESOURCE_EXHAUSTED else NO_ANSWER
    assert [each[2] for each in await lines(house)] == [ANSWERED, outcome, ANSWERED]


async def test_there_is_no_third_try(house: House, service: EvaluationService) -> None:
    service.answers.extend([Answer(status=Status.INTERNAL, words="no")] * 3)
    async with house.evaluating():
        job = await house.finish()
        event = await house.hear()
        assert (event.evaluation.score, event.evaluation.unevaluated) == (None, "500: no")
        await house.announce(job)  # a repeated completion
        assert (await house.hear()).event_id == event.event_id
    async with house.evaluating():  # another evaluator
        await house.announce(job)
        await house.hear()
    assert len(service.of(EVALUATE)) == 2
    assert [each[2] for each in await lines(house)] == [ANSWERED, NO_ANSWER, NO_ANSWER]


class ClockAhead(SystemClock):
    """The clock of a moment at which each call of before counts as lost."""

    def now(self) -> datetime:
        return super().now() + timedelta(minutes=10)


async def test_a_call_that_hangs_ends_and_is_tried_once_more(tmp_path: Path, service: EvaluationService) -> None:
    service.answers.extend([Answer(hangs=True), Answer(hangs=True)])
    async with house_in(tmp_path, service, call_s=0.2) as house, house.evaluating():
        await house.finish()
        assert (await house.hear()).evaluation.unevaluated == "the service did not answer in 0.2 s"
        assert [each[2] for each in await lines(house)] == [ANSWERED, NO_ANSWER, NO_ANSWER]
    assert len(service.of(EVALUATE)) == 2


async def test_the_end_of_a_job_waits_for_no_evaluation(house: House, service: EvaluationService) -> None:
    service.answers.append(Answer(waits=True))
    ends = Subscription(name="test-ends", topic=COMPLETIONS)
    async with house.evaluating(), house.ctx.bus.subscribe(ends, limit=10) as completions:
        await house.finish()
        await service.wait_for(EVALUATE, 1)  # the service has the call, and never answers
        async with asyncio.timeout(WAIT_S):
            end = await anext(completions)
        await end.ack()
        completion = decode_completion(end.message)
        assert (completion.job_id, completion.state) == ("job-1", "succeeded")
        assert b"evaluat" not in end.message.data  # releases that do not know it read the completion
        assert [each[2] for each in await lines(house)] == [ANSWERED, None]
        service.go_on.set()
        assert (await house.hear()).evaluation.score == 0.5


async def test_a_video_whose_request_does_not_ask_is_not_scored(house: House, service: EvaluationService) -> None:
    async with house.evaluating():
        await house.finish("job-1", evaluate=False)
        await house.finish("job-2")
        await house.hear_of("job-2")
    assert (await house.job("job-1")).evaluations == ()
    assert "evaluations" not in record_of(await house.job("job-1"))
    assert len(service.of(EVALUATE)) == 1


async def test_a_video_that_was_finished_before_the_first_evaluator_is_scored(
    house: House, service: EvaluationService
) -> None:
    await house.finish("job-1", announces=False)
    await house.finish("job-2", announces=False, evaluate=False)
    async with house.evaluating():
        await house.hear_of("job-1")
        await house.finish("job-3")
        await house.hear_of("job-3")
    async with house.evaluating():  # which finds nothing left to do
        await house.finish("job-4")
        await house.hear_of("job-4")
    assert len(service.of(EVALUATE)) == 3


async def test_a_share_of_a_project_is_scored_unasked(house: House) -> None:
    shares = {"all": 1.0, "none": 0.0}
    async with house.evaluating(share_of=lambda project: shares.get(project or "", 0.0)):
        await house.finish("job-1", evaluate=False, project_id="none")
        await house.finish("job-2", evaluate=False, project_id="other")
        await house.finish("job-3", evaluate=False, project_id="all")
        await house.hear_of("job-3")
    assert await house.stored("job-1") is None


def test_the_same_jobs_are_always_chosen() -> None:
    chosen = [is_chosen(f"job-{number}", 0.25) for number in range(1000)]
    assert chosen == [is_chosen(f"job-{number}", 0.25) for number in range(1000)]
    assert sum(chosen) == 254  # by the digest of these ids, and not by chance
    assert all(is_chosen(f"job-{number}", 0.5) for number, each in enumerate(chosen) if each)
    assert not any(is_chosen(f"job-{number}", 0.0) for number in range(1000))
    assert all(is_chosen(f"job-{number}", 1.0) for number in range(1000))


async def test_two_takes_of_a_prompt_are_asked_the_same(house: House, service: EvaluationService) -> None:
    async with house.evaluating():
        await house.finish("take-1")
        first = await house.hear()
        await house.finish("take-2")
        second = await house.hear()
        await house.finish("other", caller="a-team")
        await house.hear()
    assert [each.text for each in first.evaluation.verdicts] == [each.text for each in second.evaluation.verdicts]
    assert await lines(house, "take-2") == [(EVALUATION, METRIC, ANSWERED)]
    assert len(service.of(RUBRICS)) == 2  # callers do not share what is made of their words
    assert len(await house.ctx.videos.list(RUBRICS_FOLDER)) == 2


async def test_without_questions_of_the_prompt_the_service_makes_its_own(
    house: House, service: EvaluationService
) -> None:
    service.rubric_answers.append(Answer(status=Status.INTERNAL, words="no"))
    async with house.evaluating():
        await house.finish()
        event = await house.hear()
    assert [each.text for each in event.evaluation.verdicts] == ["made for this video"]
    assert not event.evaluation.comparable
    assert await lines(house) == [(GENERATE_RUBRICS, METRIC, NO_ANSWER), (EVALUATION, METRIC, ANSWERED)]


async def test_a_metric_that_the_service_does_not_know_is_replaced(house: House, service: EvaluationService) -> None:
    service.unknown_metrics.add(METRIC)
    async with house.evaluating():
        await house.finish("job-1")
        event = await house.hear()
        await house.finish("job-2")
        await house.hear()
    assert (event.evaluation.metric, event.evaluation.score) == (FALLBACK, 0.5)
    assert await lines(house) == [
        (GENERATE_RUBRICS, METRIC, METRIC_REFUSED),
        (EVALUATION, METRIC, METRIC_REFUSED),
        (GENERATE_RUBRICS, FALLBACK, ANSWERED),
        (EVALUATION, FALLBACK, ANSWERED),
    ]
    assert await lines(house, "job-2") == [(EVALUATION, FALLBACK, ANSWERED)]  # this process knows it now


async def test_a_service_that_knows_neither_metric_gives_no_score(house: House, service: EvaluationService) -> None:
    service.unknown_metrics |= {METRIC, FALLBACK}
    async with house.evaluating():
        await house.finish()
        event = await house.hear()
    assert event.evaluation.unevaluated == f"400: {FALLBACK} is not supported in this location."
    assert [call.metric for call in service.of(EVALUATE)] == [METRIC, FALLBACK]


async def test_a_refusal_for_good_is_not_repeated(house: House, service: EvaluationService) -> None:
    service.answers.append(Answer(status=Status.PERMISSION_DENIED, words="no role"))
    async with house.evaluating(price_usd=Decimal("0.02")):
        await house.finish()
        event = await house.hear()
    assert event.evaluation.unevaluated == "403: no role"
    assert len(service.of(EVALUATE)) == 1
    assert event.cost_usd == Decimal("0.02")  # of the questions; what was refused costs nothing


async def test_the_limit_of_a_day_counts_the_calls_of_all_evaluators(house: House, service: EvaluationService) -> None:
    for number in (1, 2, 3):
        async with house.evaluating(per_day=3):
            await house.finish(f"job-{number}")
            event = await house.hear_of(f"job-{number}")
    assert len(service.calls) == 3  # the questions, and two scores
    assert event.evaluation.unevaluated == "the limit of 3 calls a day was reached"
    assert (await house.job("job-3")).evaluations == ()
    async with house.evaluating(per_day=3, clock=DayAhead()):
        await house.finish("job-4")
        assert (await house.hear_of("job-4")).evaluation.score == 0.5


class DayAhead(SystemClock):
    """The clock of the next day."""

    def now(self) -> datetime:
        return super().now() + timedelta(days=1)


async def test_a_price_of_the_settings_is_in_the_ledger(house: House) -> None:
    async with house.evaluating(price_usd=Decimal("0.02")):
        await house.finish()
        assert (await house.hear()).cost_usd == Decimal("0.04")
    job = await house.job()
    assert [call.price_usd for call in job.evaluations] == [Decimal("0.02")] * 2
    assert job.cost_usd == Decimal("0.4")  # the video's own, as its completion said


async def test_after_two_lost_calls_there_is_no_third(house: House, service: EvaluationService) -> None:
    job = await house.finish()
    for _ in range(2):  # each evaluator was killed after it had written down its call
        job = await begin_call(house.ctx, job, EVALUATION, METRIC, None)
    async with house.evaluating(clock=ClockAhead()):
        assert (await house.hear()).evaluation.unevaluated == "the service did not answer in 2 tries"
    assert service.of(EVALUATE) == []
    assert [each[2] for each in await lines(house)] == [NO_ANSWER, NO_ANSWER]


async def test_a_call_that_another_evaluator_waits_for_is_left_to_it(house: House, service: EvaluationService) -> None:
    job = await begin_call(house.ctx, await house.finish(), EVALUATION, METRIC, None)
    with pytest.raises(CallUnderWay) as caught:
        await evaluate(house.ctx, job)
    assert 0 < caught.value.after_s <= 120
    assert service.calls == []


async def test_a_stored_score_whose_evaluator_was_killed_is_announced(house: House, service: EvaluationService) -> None:
    job = await begin_call(house.ctx, await house.finish(), EVALUATION, METRIC, None)
    stored = Evaluation(metric=METRIC, score=0.9)
    await house.ctx.videos.put(job.evaluation_name, stored.model_dump_json().encode(), content_type="application/json")
    async with house.evaluating():
        assert (await house.hear()).evaluation == stored
    assert await lines(house) == [(EVALUATION, METRIC, ANSWERED)]
    assert service.calls == []


async def test_erasing_deletes_the_score_and_the_questions(house: House, service: EvaluationService) -> None:
    async with house.evaluating():
        await house.finish()
        await house.hear()
        eraser = Eraser(jobs=house.ctx.jobs, videos=house.ctx.videos, bus=house.ctx.bus, clock=house.ctx.clock)
        await eraser.finish([await eraser.mark("job-1")])
        await house.announce(await house.job())  # a late completion of an erased job
        await house.finish("job-2")
        await house.hear_of("job-2")
    job = await house.job()
    assert await house.ctx.videos.list(f"{RUBRICS_FOLDER}") != []  # of the second job, made anew
    assert len(service.of(RUBRICS)) == 2
    assert await house.stored() is None
    assert [each[2] for each in await lines(house)] == [ANSWERED, ANSWERED]  # what was called stays in the ledger
    assert PROMPT not in record_of(job)


async def test_a_score_that_comes_after_the_erasure_is_deleted(house: House, service: EvaluationService) -> None:
    service.answers.append(Answer(waits=True))
    async with house.evaluating():
        await house.finish()
        await service.wait_for(EVALUATE, 1)
        eraser = Eraser(jobs=house.ctx.jobs, videos=house.ctx.videos, bus=house.ctx.bus, clock=house.ctx.clock)
        await eraser.finish([await eraser.mark("job-1")])
        service.go_on.set()
        await house.finish("job-2")
        await house.hear_of("job-2")
    assert await house.stored() is None


async def test_the_message_says_whose_video_it_is(house: House) -> None:
    async with house.evaluating():
        await house.finish(to_stored_id("a-team", "job-1"), caller="a-team")
        message = (await house.hear_message()).message
    assert message.attributes["ce-type"] == "reelbus.video.evaluated.v1"
    named = {name: message.attributes[name] for name in ("caller", "video_id", "score")}
    assert named == {"caller": "a-team", "video_id": "job-1", "score": "0.50"}


async def test_a_missed_video_whose_evaluator_was_killed_is_scored_later(
    house: House, service: EvaluationService
) -> None:
    job = await house.finish(announces=False)
    await begin_call(house.ctx, job, EVALUATION, METRIC, None)  # and the evaluator was killed
    async with house.evaluating(call_at_most=timedelta(seconds=1)):
        assert (await house.hear()).evaluation.score == 0.5
    assert [each[2] for each in await lines(house)] == [NO_ANSWER, ANSWERED, ANSWERED]
    assert len(service.of(EVALUATE)) == 1
