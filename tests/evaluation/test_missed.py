"""Missed videos: the error of one of them, and a short outage, keep no other one from its score."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from schemas.domain.evaluation import ANSWERED
from schemas.errors import Unavailable
from schemas.ports import EVALUATIONS
from tests.evaluation.house import House
from tests.evaluation.service import EVALUATE, EvaluationService

SOON = timedelta(seconds=0.2)
"""After which missed videos are looked at again."""
UNREADABLE = b'{"score": {"by": "a later version"}}'


class OutOfReach:
    """A port one of whose methods is out of reach for the first call that `is_hit`."""

    def __init__(self, port: Any, method: str, is_hit: Callable[..., bool]) -> None:
        self._port, self._method, self._is_hit = port, method, is_hit
        self.hits = 0

    def __getattr__(self, name: str) -> Any:
        return self._call if name == self._method else getattr(self._port, name)

    async def _call(self, *given: Any, **named: Any) -> Any:
        if not self.hits and self._is_hit(*given):
            self.hits += 1
            raise Unavailable("it is out of reach for a second", retry_after_s=1)
        return await getattr(self._port, self._method)(*given, **named)


async def hear_two(house: House) -> dict[str, float | None]:
    events = [await house.hear() for _ in range(2)]
    return {event.job_id: event.evaluation.score for event in events}


@pytest.mark.parametrize("failing", ["older", "newer"])
async def test_a_missed_video_whose_file_is_out_of_reach_delays_no_other(
    house: House, service: EvaluationService, failing: str
) -> None:
    names = {name: (await house.finish(name, announces=False)).evaluation_name for name in ("older", "newer")}
    videos = OutOfReach(house.ctx.videos, "fetch", lambda name, _: name == names[failing])
    async with house.evaluating(videos=videos, call_at_most=SOON):
        assert await hear_two(house) == {"older": 0.5, "newer": 0.5}
    assert videos.hits == 1
    assert len(service.of(EVALUATE)) == 2


async def test_missed_videos_are_looked_at_again_after_an_outage_of_the_jobs(house: House) -> None:
    await house.finish(announces=False)
    jobs = OutOfReach(house.ctx.jobs, "list", lambda _: True)
    async with house.evaluating(jobs=jobs, call_at_most=SOON):
        assert (await house.hear()).evaluation.score == 0.5
    assert jobs.hits == 1


async def test_a_missed_score_that_could_not_be_announced_is_announced_later(
    house: House, service: EvaluationService
) -> None:
    await house.finish(announces=False)
    bus = OutOfReach(house.ctx.bus, "publish", lambda topic, _: topic == EVALUATIONS)
    async with house.evaluating(bus=bus, call_at_most=SOON):
        assert (await house.hear()).evaluation.score == 0.5
    assert bus.hits == 1
    assert len(service.of(EVALUATE)) == 1
    assert [call.outcome for call in (await house.job()).evaluations] == [ANSWERED, ANSWERED]


async def test_a_score_that_can_not_be_parsed_is_announced_as_none_and_not_paid_again(
    house: House, service: EvaluationService
) -> None:
    job = await house.finish()
    await house.ctx.videos.put(job.evaluation_name, UNREADABLE, content_type="application/json")
    async with house.evaluating():
        event = await house.hear()
        await house.finish("other")
        assert (await house.hear()).evaluation.score == 0.5
    assert event.evaluation.unevaluated == "its stored score can't be read: it is damaged, or a later version wrote it"
    assert len(service.of(EVALUATE)) == 1  # of the other video
    assert (await house.job()).evaluations == ()


async def test_a_missed_video_whose_score_can_not_be_parsed_delays_no_other(
    house: House, service: EvaluationService
) -> None:
    await house.finish("older", announces=False)
    newer = await house.finish("newer", announces=False)
    await house.ctx.videos.put(newer.evaluation_name, UNREADABLE, content_type="application/json")
    async with house.evaluating(call_at_most=SOON):
        await house.hear_of("older")
    assert len(service.of(EVALUATE)) == 1
