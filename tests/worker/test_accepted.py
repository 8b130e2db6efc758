"""Nothing but the model's own word, or the deadline, ends a clip that the model accepted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from infra.animatic.model import Animatic
from infra.animatic.pool import RenderPool
from schemas.domain.object_names import job_prefix
from schemas.domain.states import ClipState, JobState
from schemas.errors import Charged
from schemas.ports import Answer, Foreign, GenerationDone, Missing
from schemas.wire.completion import Outcome
from schemas.wire.request import VideoRequest
from subscriber.runner import JobRunner
from subscriber.submission import submit_next
from tests.worker.bench import Bench
from tests.worker.paid_model import PRICE, PaidModel
from tests.worker.test_worker import Quick

PREFIX = "work/job-1/0/1/"
VEO = "veo:projects/acme/locations/us-central1/publishers/google/models/veo-3.1-fast-generate-001/operations/1"


@pytest.mark.parametrize("times", [1, 5])
async def test_an_operation_that_is_not_known_for_a_while_is_asked_for_again(bench: Bench, times: int) -> None:
    model = Scripted(bench.ctx.videos, bench.model.film, answers=[Missing()] * times)
    ended = await JobRunner(replace(bench.ctx, model=model), await bench.queued()).run()
    assert (ended.state, ended.cost_usd, model.accepted) == (JobState.SUCCEEDED, PRICE, [PREFIX])


@pytest.mark.parametrize("answer", [Missing(), Foreign()])
async def test_the_video_of_an_operation_that_cannot_be_asked_for_is_found_under_its_prefix(
    bench: Bench, answer: Answer
) -> None:
    bench.model.outcome = answer
    job = await submit_next(bench.ctx, await bench.queued())
    await bench.model.deliver(PREFIX)
    ended = await JobRunner(bench.ctx, job).run()
    assert (ended.state, ended.cost_usd, bench.model.accepted) == (JobState.SUCCEEDED, PRICE, [PREFIX])


async def test_an_operation_that_stays_unknown_ends_at_the_deadline_and_is_watched_for(bench: Bench) -> None:
    bench.model.outcome = Missing()
    ended = await JobRunner(bench.ctx, await bench.queued()).run()
    assert ended.failure is not None
    assert (ended.failure.code, ended.charged, ended.has_unresolved_charges) == (
        "operation_not_found",
        Charged.UNKNOWN,
        True,
    )


async def test_a_finished_video_that_cannot_be_read_yet_is_waited_for(bench: Bench) -> None:
    """Its object appeared 20 s after the operation had named it."""
    named = GenerationDone(outputs=(f"{PREFIX}1575493371/sample_0.mp4",))
    model = Scripted(bench.ctx.videos, bench.model.film, answers=[named])
    job = await submit_next(replace(bench.ctx, model=model), await bench.queued())
    clock = Then(3, lambda: model.deliver(PREFIX))
    windows = replace(bench.ctx.deadlines, generation_s=60)
    ended = await JobRunner(replace(bench.ctx, model=model, clock=clock, deadlines=windows), job).run()
    assert (ended.state, ended.cost_usd, model.accepted) == (JobState.SUCCEEDED, PRICE, [PREFIX])
    assert clock.sleeps >= 3


async def test_a_finished_video_that_never_appears_ends_the_job_with_its_charge(bench: Bench) -> None:
    bench.model.outcome = GenerationDone(outputs=(f"{PREFIX}1575493371/sample_0.mp4",))
    ended = await JobRunner(replace(bench.ctx, clock=Quick()), await bench.queued()).run()
    assert ended.failure is not None
    assert (ended.failure.code, ended.charged, ended.cost_usd) == ("bad_output", Charged.YES, PRICE)


async def test_a_job_of_another_provider_is_handed_on_to_a_worker_that_knows_it(bench: Bench) -> None:
    windows = replace(bench.ctx.deadlines, generation_s=60)
    other = PaidModel(bench.ctx.videos, bench.model.film, outcome=Foreign())
    await submit_next(bench.ctx, await bench.queued())
    async with bench.working(model=other, deadlines=windows):
        await bench.send()
        await other.polled.wait()
    assert (await bench.job()).state is JobState.GENERATING
    await bench.send()  # the first one comes again in a minute
    async with bench.working(deadlines=windows):
        heard = await bench.hear()
    assert (heard.state, heard.cost_usd, bench.model.accepted) == (Outcome.SUCCEEDED, PRICE, [PREFIX])
    assert other.accepted == []


async def test_a_job_of_another_provider_ends_at_its_deadline_with_the_charge_unknown(bench: Bench) -> None:
    job = await submit_next(bench.ctx, await bench.queued())
    ctx = replace(bench.ctx, model=PaidModel(bench.ctx.videos, b"", outcome=Foreign()), clock=Quick())
    await Quick().sleep(0)
    windows = replace(ctx.deadlines, generation_s=0.0001)
    ended = await JobRunner(replace(ctx, deadlines=windows), job).run()
    assert ended.failure is not None
    assert (ended.failure.code, ended.charged, ended.has_unresolved_charges) == (
        "operation_foreign",
        Charged.UNKNOWN,
        True,
    )


async def test_a_planned_clip_of_another_provider_is_neither_claimed_nor_charged(bench: Bench) -> None:
    bench.model.clip_seconds = 1
    job = await submit_next(bench.ctx, await bench.queued(duration_seconds=2))
    await bench.model.deliver(PREFIX)
    other = PaidModel(bench.ctx.videos, b"", others=frozenset({"paid-1"}), outcome=Foreign())
    async with bench.working(model=other):
        await bench.send(duration_seconds=2)
        await other.polled.wait()
        while (await bench.job()).clips[0].state is not ClipState.DONE:
            await Quick().sleep(0.01)
    kept = await bench.job()
    assert ([clip.state for clip in kept.clips], kept.cost_usd) == ([ClipState.DONE, ClipState.PLANNED], PRICE)
    assert other.accepted == []
    assert [file.name for file in await bench.ctx.videos.list(job_prefix(job.job_id) + "1/")] == []


async def test_the_local_renderer_does_not_take_an_operation_of_google_for_its_own(bench: Bench) -> None:
    studio = RenderPool(1)
    animatic = Animatic(bench.ctx.videos, studio, bench.ctx.scratch)
    assert await animatic.poll(VEO) == Foreign()
    assert await animatic.poll("work/job-1/0/1/sample_0.mp4") == Foreign()
    assert not animatic.makes("veo-3.1-fast-generate-001")
    await animatic.aclose()


@dataclass
class Scripted(PaidModel):
    """Its first polls are answered by a script."""

    answers: list[Answer] = field(kw_only=True)

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        return self.answers.pop(0) if self.answers else await super().poll(operation)


class Then(Quick):
    """A clock on which something happens with one of its sleeps."""

    def __init__(self, at: int, happens: Callable[[], Awaitable[object]]) -> None:
        self.sleeps, self._at, self._happens = 0, at, happens

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        if self.sleeps == self._at:
            await self._happens()
        await super().sleep(seconds)
