"""Status, command line and console show the score, the verdicts and the ledger lines; others' pages are not slower."""

from pathlib import Path

import grpc

from publisher.cli.output import format_job
from publisher.context import PublisherContext, status
from schemas.domain.job import Job
from tests.evaluation.house import METRIC, House
from tests.evaluation.service import ASKED, Answer, EvaluationService
from tests.facade.doors import door_to, settings_for


def publisher_of(house: House) -> PublisherContext:
    return PublisherContext(bus=house.ctx.bus, jobs=house.ctx.jobs, videos=house.ctx.videos, clock=house.ctx.clock)


async def pages_of(folder: Path, job: Job) -> tuple[dict[str, object], str]:
    async with door_to(settings_for(folder)) as door:
        answer = await door.client.get(f"/api/videos/{job.job_id}")
        return answer.json(), (await door.client.get(f"/console/jobs/{job.job_id}")).text


async def test_a_score_is_shown_with_its_verdicts_and_calls(house: House, tmp_path: Path) -> None:
    async with house.evaluating():
        job = await house.finish()
        await house.hear()
    shown, page = await pages_of(tmp_path, job)
    evaluation, calls = shown["evaluation"], shown["evaluations"]
    assert isinstance(evaluation, dict)
    assert isinstance(calls, list)
    assert (evaluation["metric"], evaluation["score"]) == (METRIC, 0.5)
    assert [(each["text"], each["holds"]) for each in evaluation["verdicts"]] == [(ASKED[0], True), (ASKED[1], False)]
    assert [(each["kind"], each["outcome"], each["price_usd"]) for each in calls] == [
        ("rubrics", "answered", None),
        ("evaluation", "answered", None),
    ]
    assert "0.50 of 1" in page
    assert f"Not seen: {ASKED[1]}" in page
    assert "not known" in page  # the price of each call
    lines = format_job(await status(publisher_of(house), job.job_id))
    assert f"score      0.50 ({METRIC}, 1 of 2 questions); not seen: {ASKED[1]}" in lines


async def test_a_video_without_a_score_says_why(house: House, service: EvaluationService, tmp_path: Path) -> None:
    job = await house.finish()
    waiting = await status(publisher_of(house), job.job_id)
    assert waiting.evaluation
    assert waiting.evaluation.unevaluated
    assert "not evaluated yet" in waiting.evaluation.unevaluated
    service.answers.append(Answer(status=grpc.StatusCode.PERMISSION_DENIED, words="no <role>"))
    async with house.evaluating():
        await house.hear()
    _, page = await pages_of(tmp_path, job)
    assert "The video has no score: 403: no &lt;role&gt;." in page
    assert "score      none: 403: no <role>" in format_job(await status(publisher_of(house), job.job_id))


async def test_a_video_that_nothing_was_asked_about_shows_nothing(house: House, tmp_path: Path) -> None:
    job = await house.finish(evaluate=False)
    shown, page = await pages_of(tmp_path, job)
    assert (shown["evaluation"], shown["evaluations"]) == (None, [])
    assert "score" not in page.lower()
