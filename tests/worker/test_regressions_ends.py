"""What once never ended, or ended wrongly, found in reviews: deadlines, a last try, and neighbours in trouble."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from infra.animatic import model as animatic
from infra.animatic.frame_reports import FrameReport
from infra.animatic.model import Animatic
from infra.animatic.pool import RenderPool
from infra.animatic.storyboard import Storyboard
from schemas.domain import events as ev
from schemas.domain.clip import Clip, Plan, PlannedClip
from schemas.domain.job import QUEUED_AT_MOST, Job
from schemas.domain.object_names import work_prefix
from schemas.domain.states import JobState
from schemas.errors import Charged, Invalid, ReelbusError, Unavailable
from schemas.ports import Editor, GenerationDone, GenerationFailed, GenerationRunning, Probe
from schemas.services.update import save_event
from schemas.wire.completion import Outcome
from schemas.wire.request import VideoRequest
from subscriber.generation import poll_once
from subscriber.reconcile import reconcile
from subscriber.runner import JobRunner
from subscriber.submission import submit_next
from tests.worker.bench import Bench, a_request
from tests.worker.paid_model import PRICE, PaidModel, accept_and_lose_the_answer, lose_the_question
from tests.worker.test_money import Hasty

LONG = timedelta(days=2)


async def test_a_second_clip_that_is_never_accepted_fails_its_job_in_time_and_a_replay_pays_only_for_it(
    bench: Bench,
) -> None:
    """It is no queued job any more, so it does not expire: the first clip is paid."""
    job = await _aged(bench, await _half_made(bench))
    ended = await JobRunner(bench.ctx, job).run()
    assert ended.failure is not None
    assert (ended.failure.code, ended.charged, ended.cost_usd) == ("not_submitted_in_time", Charged.YES, PRICE)
    assert len(bench.model.accepted) == 1
    again = await _lives_again(bench, ended)
    assert (again.state, len(bench.model.accepted)) == (JobState.SUCCEEDED, 2)


async def test_a_second_clip_has_as_long_again_after_the_first(bench: Bench) -> None:
    job = await _half_made(bench)
    job = await bench.ctx.jobs.save(job.model_copy(update={"deadline": bench.ctx.clock.now() - LONG}))
    assert (await JobRunner(bench.ctx, job).run()).state is JobState.SUCCEEDED


async def test_a_job_that_waits_to_be_sent_again_expires_and_says_that_the_charge_is_unknown(bench: Bench) -> None:
    bench.model.submits.append(lose_the_question)
    job = await submit_next(bench.ctx, await bench.queued(on_unknown_submit="resubmit"))
    job = await save_event(bench.ctx.jobs, job, ev.Resubmit(at=bench.ctx.clock.now(), clip=0))
    ended = await JobRunner(bench.ctx, await _aged(bench, job)).run()
    assert ended.failure is not None
    assert (ended.state, ended.failure.charged) == (JobState.EXPIRED, Charged.UNKNOWN)
    assert ended.has_unresolved_charges
    assert bench.model.accepted == []


async def test_a_free_job_whose_submit_always_breaks_expires_and_its_record_does_not_grow(bench: Bench) -> None:
    async def its_time_is_over() -> None:
        job = await bench.job()
        await bench.ctx.jobs.save(job.model_copy(update={"deadline": job.deadline - LONG}))

    model = Free(bench.ctx.videos, bench.model.film, third_time=its_time_is_over)
    async with asyncio.timeout(20):
        ended = await JobRunner(replace(bench.ctx, model=model, clock=Hasty()), await bench.queued()).run()
    assert (ended.state, ended.charged, ended.clips[0].lost_prefixes) == (JobState.EXPIRED, Charged.NO, ())
    assert model.tries == 3


async def test_an_operation_that_ended_while_no_worker_ran_is_asked_once_more_and_used(bench: Bench) -> None:
    """Nothing lies under its prefix: only the model knows where the film is."""
    job = await _aged(bench, await submit_next(bench.ctx, await bench.queued()))
    ended = await JobRunner(bench.ctx, job).run()
    assert (ended.state, ended.cost_usd) == (JobState.SUCCEEDED, PRICE)


async def test_clips_that_waited_too_long_to_be_stored_are_tried_once_more(bench: Bench) -> None:
    """No worker ran: the deadline was over before anybody tried even once."""
    ended = await JobRunner(bench.ctx, await _aged(bench, await _made(bench))).run()
    assert (ended.state, ended.cost_usd) == (JobState.SUCCEEDED, PRICE)


async def test_clips_that_cannot_be_stored_even_then_fail_their_job_and_a_replay_is_free(bench: Bench) -> None:
    ctx = replace(bench.ctx, editor=Clumsy(bench.ctx.editor, assembling=Unavailable("the disk is full")))
    ended = await JobRunner(ctx, await _aged(bench, await _made(bench))).run()
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.charged, ended.cost_usd) == ("not_stored", Charged.YES, PRICE)
    again = await _lives_again(bench, ended)
    assert (again.state, again.cost_usd, len(bench.model.accepted)) == (JobState.SUCCEEDED, PRICE, 1)


@pytest.mark.parametrize("trouble", [Invalid("no still in it"), Unavailable("the disk is full")])
async def test_a_film_without_a_poster_is_a_film_all_the_same(bench: Bench, trouble: ReelbusError) -> None:
    ctx = replace(bench.ctx, editor=Clumsy(bench.ctx.editor, picturing=trouble))
    ended = await JobRunner(ctx, await bench.queued()).run()
    assert ended.result is not None
    assert (ended.state, ended.result.poster_path) == (JobState.SUCCEEDED, None)


async def test_a_cancel_that_had_to_wait_for_a_submit_keeps_its_reason(bench: Bench) -> None:
    bench.model.submits.append(accept_and_lose_the_answer)
    job = await submit_next(bench.ctx, await bench.queued())
    job = await save_event(bench.ctx.jobs, job, ev.CancelRequested(at=bench.ctx.clock.now(), reason="changed my mind"))
    ended = await JobRunner(bench.ctx, job).run()
    assert ended.failure is not None
    assert ended.state is JobState.CANCELLED
    assert "changed my mind" in ended.failure.message


async def test_a_record_of_a_newer_version_stops_neither_the_worker_nor_its_neighbours(
    bench: Bench, tmp_path: Path
) -> None:
    await _due(bench, await bench.queued(job_id="of-tomorrow"))
    await _due(bench, await bench.queued(job_id="of-today"))
    with closing(sqlite3.connect(tmp_path / "reelbus.db")) as database, database:
        database.execute(
            "UPDATE jobs SET record = json_set(record, '$.state', 'of_a_newer_version') WHERE job_id = 'of-tomorrow'"
        )
    async with bench.working():
        heard = await bench.hear()
    assert (heard.job_id, heard.state) == ("of-today", Outcome.SUCCEEDED)


async def test_a_job_that_cannot_be_looked_after_keeps_reconcile_from_no_other(bench: Bench) -> None:
    """It is the longest due one, so it comes first in every pass."""
    at = bench.ctx.clock.now()
    bench.model.submits.append(lose_the_question)
    bad = await JobRunner(bench.ctx, await bench.queued(job_id="bad")).run()
    await _due(bench, bad, timedelta(minutes=1))
    good = await bench.queued(job_id="good")
    await save_event(bench.ctx.jobs, good, ev.CancelRequested(at=at, held=False))
    ctx = replace(bench.ctx, model=Barred(bench.ctx.videos, bench.model.film))
    report = await reconcile(ctx)
    assert (report.looked_at, report.announced) == (2, 1)
    assert (await bench.hear()).job_id == "good"
    assert not (await bench.job("good")).completion_due
    assert (await reconcile(ctx)).looked_at == 0


async def test_a_renderer_that_dies_costs_only_the_film_that_kills_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool breaks as a whole, with every film that is in it. Real processes are killed here."""
    monkeypatch.setattr(animatic, "RenderPool", Fragile)
    model = Animatic(bench.ctx.videos, Crowded(1), bench.ctx.scratch)
    try:
        operations = [await _ordered(model, title) for title in ("innocent", DEADLY)]
        innocent, guilty = await asyncio.gather(*(_filmed(model, operation) for operation in operations))
    finally:
        await model.aclose()
    assert isinstance(innocent, GenerationDone)
    assert isinstance(guilty, GenerationFailed)
    assert guilty.failure.code == "renderer_crashed"


async def _half_made(bench: Bench) -> Job:
    """Two clips, the first one paid and done, the second one not sent."""
    bench.model.clip_seconds = 1
    return await _first_made(bench, await bench.queued(duration_seconds=2))


async def _made(bench: Bench) -> Job:
    """Its only clip is paid and done."""
    return await _first_made(bench, await bench.queued())


async def _first_made(bench: Bench, queued: Job) -> Job:
    job = await submit_next(bench.ctx, queued)
    made = await poll_once(bench.ctx, job, job.clips[0])
    assert made is not None
    return made


async def _aged(bench: Bench, job: Job) -> Job:
    """The same job, as if nobody had moved it for a long time."""
    update = {
        "deadline": job.deadline - LONG,
        "clips": tuple(_aged_clip(clip) for clip in job.clips),
        "history": tuple(step.model_copy(update={"at": step.at - LONG}) for step in job.history),
    }
    return await bench.ctx.jobs.save(job.model_copy(update=update))


def _aged_clip(clip: Clip) -> Clip:
    moments: dict[str, datetime | None] = {
        "submitting_at": clip.submitting_at,
        "accepted_at": clip.accepted_at,
        "done_at": clip.done_at,
    }
    return clip.model_copy(update={name: at - LONG for name, at in moments.items() if at})


async def _due(bench: Bench, job: Job, since: timedelta = timedelta(seconds=1)) -> Job:
    past = bench.ctx.clock.now() - since
    return await bench.ctx.jobs.save(job.model_copy(update={"next_check_at": past}))


async def _lives_again(bench: Bench, job: Job) -> Job:
    at = bench.ctx.clock.now()
    replayed = await save_event(bench.ctx.jobs, job, ev.Replayed(at=at, deadline=at + QUEUED_AT_MOST))
    return await JobRunner(bench.ctx, replayed).run()


@dataclass
class Free(PaidModel):
    """It costs nothing, and never takes anything."""

    third_time: Callable[[], Awaitable[None]] = field(kw_only=True)
    tries: int = 0

    def plan(self, request: VideoRequest) -> Plan:
        clip = PlannedClip(model="free-1", seconds=1, billed_seconds=0, price_usd=Decimal(0), expected_s=1)
        return Plan(clips=(clip,))

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        self.tries += 1
        if self.tries == 3:
            await self.third_time()
        raise Invalid("no name for a file")


class Barred(PaidModel):
    """Its files can't be listed."""

    async def recover(self, prefix: str) -> Sequence[str]:
        raise Unavailable("not under this prefix")


@dataclass
class Clumsy(Editor):
    """A real editor that fails at one of its tasks."""

    editor: Editor
    assembling: ReelbusError | None = None
    picturing: ReelbusError | None = None

    async def assemble(self, clips: Sequence[Path], *, duration_seconds: int, to: Path) -> Probe:
        if self.assembling:
            raise self.assembling
        return await self.editor.assemble(clips, duration_seconds=duration_seconds, to=to)

    async def poster(self, video: Path, to: Path) -> None:
        if self.picturing:
            raise self.picturing
        await self.editor.poster(video, to)

    async def probe(self, video: Path) -> Probe:
        return await self.editor.probe(video)

    async def keep(self, clips: Sequence[Path], *, to: Path, defect: str) -> Probe:
        return await self.editor.keep(clips, to=to, defect=defect)

    async def measure(self, clip: Path) -> float:
        return await self.editor.measure(clip)


DEADLY = "deadly"


async def _ordered(model: Animatic, title: str) -> str:
    request = a_request(job_id=title, scene={"title": title, "description": "A harbour at dawn"})
    [planned] = model.plan(request).clips
    clip = Clip(index=0, planned=planned, prefix=work_prefix(title, 0, 1))
    return await model.submit(request, clip, (), send_before=float("inf"))


async def _filmed(model: Animatic, operation: str) -> GenerationDone | GenerationFailed:
    while True:
        answer = await model.poll(operation)
        if not isinstance(answer, GenerationRunning):
            assert isinstance(answer, GenerationDone | GenerationFailed)
            return answer


class Fragile(RenderPool):
    """Dies over the deadly film."""

    async def render(self, board: Storyboard, to: Path, report: FrameReport | None = None) -> None:
        rendering = asyncio.ensure_future(super().render(board, to))
        await asyncio.sleep(0)  # it has its place in the pool after this, and the pool its processes
        if self._is_too_much(board):
            for process in list(self._pool._processes.values()):
                process.kill()
        await rendering

    def _is_too_much(self, board: Storyboard) -> bool:
        return board.title == DEADLY


@dataclass
class Crowded(Fragile):
    """Dies once both films are in it."""

    renderers: int
    inside: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__(self.renderers)

    def _is_too_much(self, board: Storyboard) -> bool:
        self.inside.add(board.title)
        return len(self.inside) == 2
