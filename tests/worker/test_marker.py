"""The marker in the video store: no life and no deployment that forgot a submit sends it again, and a claim whose owner
died before its send costs nobody a video."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from infra.adapters import Adapters
from schemas.domain import events as ev
from schemas.domain.clip import Clip, Plan
from schemas.domain.job import Job, new_job
from schemas.domain.object_names import job_prefix, marker_name
from schemas.domain.states import ClipState, JobState
from schemas.errors import Charged, Failure, Unavailable
from schemas.ports import StoredFile, VideoStore
from schemas.services.update import save_event
from schemas.wire.request import VideoRequest
from subscriber.marker import fence, new_nonce, own_marker, put_marker
from subscriber.runner import JobRunner
from subscriber.submission import give_up_submit, submit_next
from tests.worker.bench import Bench, a_request
from tests.worker.paid_model import (
    PRICE,
    QUOTA,
    SAFETY,
    PaidModel,
    Submit,
    accept,
    accept_and_lose_the_answer,
    lose_the_question,
    refuse,
)
from tests.worker.test_money import Hasty

PREFIX = "work/job-1/0/1/"


async def test_the_marker_is_stored_before_the_request_leaves_and_holds_no_word_of_it(
    bench: Bench, tmp_path: Path
) -> None:
    model = Seen(bench.ctx.videos, bench.model.film)
    job = await submit_next(replace(bench.ctx, model=model), await bench.queued())
    assert model.there == [marker_name(PREFIX)]
    await bench.ctx.videos.fetch(marker_name(PREFIX), tmp_path / "marker")
    content = json.loads((tmp_path / "marker").read_text())
    assert content.keys() == {"nonce", "owner", "at"}
    assert (content["nonce"], content["owner"]) == (job.clips[0].nonce, "worker-under-test")


async def test_a_free_clip_has_no_marker(bench: Bench) -> None:
    await submit_next(replace(bench.ctx, model=Free(bench.ctx.videos, bench.model.film)), await bench.queued())
    assert await _work(bench) == []


@pytest.mark.parametrize("submit", [accept, accept_and_lose_the_answer])
async def test_a_backup_restored_while_the_video_is_made_pays_once(bench: Bench, submit: Submit) -> None:
    bench.model.submits.append(submit)
    restored = await _restored(bench, await submit_next(bench.ctx, await bench.queued()))
    after = await submit_next(bench.ctx, restored)
    assert (after.clips[0].state, after.clips[0].prefix) == (ClipState.UNKNOWN, PREFIX)
    await bench.model.deliver(PREFIX)
    ended = await JobRunner(bench.ctx, after).run()
    assert (ended.state, ended.cost_usd, bench.model.accepted) == (JobState.SUCCEEDED, PRICE, [PREFIX])


async def test_a_backup_restored_while_a_second_clip_is_made_pays_it_once(bench: Bench) -> None:
    bench.model.clip_seconds = 1
    job = await submit_next(bench.ctx, await bench.queued(duration_seconds=2))
    await bench.model.deliver(PREFIX)
    first = ev.ClipDone(at=bench.ctx.clock.now(), clip=0, output=f"{PREFIX}1575493371/sample_0.mp4")
    backup = await save_event(bench.ctx.jobs, job, first)
    job = await submit_next(bench.ctx, backup)
    after = await submit_next(bench.ctx, await bench.ctx.jobs.save(backup.model_copy(update=_version(job))))
    assert [clip.state for clip in after.clips] == [ClipState.DONE, ClipState.UNKNOWN]
    assert len(bench.model.accepted) == 2


async def test_two_deployments_that_share_a_bucket_pay_once(bench: Bench, tmp_path: Path) -> None:
    """They meet between the look under the prefix and the send."""
    async with Adapters() as adapters:
        other = replace(bench.ctx, jobs=await adapters.jobs(f"sqlite://{tmp_path}/other.db"), owner="another")
        theirs = await other.jobs.create(new_job(a_request(), bench.ctx.clock.now()))
        videos = Meanwhile(bench.ctx.videos, happens=lambda: submit_next(other, theirs))
        ours = await submit_next(replace(bench.ctx, videos=videos), await bench.queued())
    assert ours.clips[0].state is ClipState.UNKNOWN
    assert bench.model.accepted == [PREFIX]


@pytest.mark.parametrize("failure", [QUOTA, SAFETY])
async def test_a_definite_refusal_leaves_no_marker_that_would_hold_up_a_restored_backup(
    bench: Bench, failure: Failure
) -> None:
    bench.model.submits.append(refuse(failure))
    refused = await submit_next(bench.ctx, await bench.queued())
    assert await _work(bench) == []
    ended = await JobRunner(bench.ctx, await _restored(bench, refused)).run()
    assert (ended.state, bench.model.accepted) == (JobState.SUCCEEDED, [PREFIX])


async def test_without_a_marker_nothing_is_sent_and_the_job_waits(bench: Bench) -> None:
    videos = Failing(bench.ctx.videos, times=1_000)
    clock = Hasty()
    windows = replace(bench.ctx.deadlines, submit_within_s=0.05)
    job = await submit_next(replace(bench.ctx, videos=videos, clock=clock, deadlines=windows), await bench.queued())
    assert (job.state, job.waiting_for, job.clips[0].state) == (JobState.QUEUED, "storage", ClipState.PLANNED)
    assert job.clips[0].cause is not None
    assert (job.clips[0].cause.code, job.charged) == ("not_marked", Charged.NO)
    assert bench.model.accepted == []
    ended = await JobRunner(bench.ctx, job).run()
    assert (ended.state, len(bench.model.accepted)) == (JobState.SUCCEEDED, 1)


async def test_ones_own_marker_whose_answer_was_lost_is_recognised(bench: Bench) -> None:
    ctx = replace(bench.ctx, videos=Failing(bench.ctx.videos, times=1, stores=True), clock=Hasty())
    job = await submit_next(ctx, await bench.queued())
    assert (job.state, bench.model.accepted) == (JobState.GENERATING, [PREFIX])


async def test_a_claim_whose_owner_died_before_its_send_is_sent_by_the_next_worker(bench: Bench) -> None:
    job = await _claimed(bench, new_nonce())
    ended = await JobRunner(bench.ctx, job).run()
    assert (ended.state, ended.cost_usd, bench.model.accepted) == (JobState.SUCCEEDED, PRICE, ["work/job-1/0/2/"])


async def test_a_claim_whose_owner_may_have_sent_it_stays_in_doubt(bench: Bench) -> None:
    nonce = new_nonce()
    job = await _claimed(bench, nonce)
    await put_marker(bench.ctx, PREFIX, own_marker(bench.ctx, nonce))
    ended = await JobRunner(bench.ctx, job).run()
    assert ended.failure is not None
    assert (ended.failure.code, bench.model.accepted) == ("submit_unknown", [])


async def test_a_claim_of_a_version_without_markers_stays_in_doubt(bench: Bench) -> None:
    ended = await JobRunner(bench.ctx, await _claimed(bench, "0d9f" * 8)).run()
    assert ended.failure is not None
    assert (ended.failure.code, bench.model.accepted) == ("submit_unknown", [])


async def test_an_owner_that_was_fenced_off_sends_nothing_whatever_its_clock_says(bench: Bench) -> None:
    """It stood still between its claim and its marker, with its time not over by its own clock."""

    async def somebody_takes_over() -> None:
        job = await bench.job()
        await give_up_submit(bench.ctx, job, job.clips[0])

    ctx = replace(bench.ctx, videos=Meanwhile(bench.ctx.videos, happens=somebody_takes_over))
    job = await submit_next(ctx, await bench.queued())
    assert bench.model.accepted == []
    ended = await JobRunner(bench.ctx, await bench.job()).run()
    assert (job.job_id, ended.state, ended.cost_usd) == ("job-1", JobState.SUCCEEDED, PRICE)
    assert bench.model.accepted == ["work/job-1/0/2/"]


async def test_a_worker_that_dies_right_after_it_fenced_an_owner_off_leaves_no_doubt(bench: Bench) -> None:
    nonce = new_nonce()
    job = await _claimed(bench, nonce)
    await put_marker(bench.ctx, PREFIX, fence(bench.ctx, nonce))
    ended = await JobRunner(bench.ctx, job).run()
    assert (ended.state, bench.model.accepted) == (JobState.SUCCEEDED, ["work/job-1/0/2/"])


async def test_a_resubmit_that_the_caller_asked_for_is_not_held_up_by_the_marker_of_the_lost_attempt(
    bench: Bench,
) -> None:
    bench.model.submits.append(lose_the_question)
    job = await submit_next(bench.ctx, await bench.queued(on_unknown_submit="resubmit"))
    job = await save_event(bench.ctx.jobs, job, ev.Resubmit(at=bench.ctx.clock.now(), clip=0))
    assert await _work(bench) == [marker_name(PREFIX)]
    ended = await JobRunner(bench.ctx, job).run()
    assert (ended.state, bench.model.accepted) == (JobState.SUCCEEDED, ["work/job-1/0/2/"])


async def _claimed(bench: Bench, nonce: str) -> Job:
    """A job whose claim's owner died long ago."""
    long_ago = bench.ctx.clock.now() - timedelta(seconds=bench.ctx.deadlines.submitting_hold_s + 1)
    started = ev.SubmitStarted(at=long_ago, plan=bench.model.plan(a_request()), owner="dead", nonce=nonce)
    return await save_event(bench.ctx.jobs, await bench.queued(), started)


async def _restored(bench: Bench, job: Job) -> Job:
    """The record as a backup had it before its first submit."""
    return await bench.ctx.jobs.save(new_job(job.request, job.created_at).model_copy(update=_version(job)))


def _version(job: Job) -> dict[str, str]:
    return {"revision": job.revision}


async def _work(bench: Bench) -> list[str]:
    return [file.name for file in await bench.ctx.videos.list(job_prefix("job-1"))]


class Seen(PaidModel):
    """Notes what is stored in the moment in which the request leaves."""

    there: Sequence[str] = ()

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        self.there = [file.name for file in await self.videos.list(job_prefix(request.job_id))]
        return await super().submit(request, clip, sources, send_before=send_before)


class Free(PaidModel):
    """The same model for nothing."""

    def plan(self, request: VideoRequest) -> Plan:
        plan = super().plan(request)
        return Plan(clips=tuple(clip.model_copy(update={"price_usd": Decimal(0)}) for clip in plan.clips))


@dataclass
class Stored(VideoStore):
    """A real store. What comes in between is the heirs' business."""

    videos: VideoStore

    @property
    def reads(self) -> frozenset[str]:
        return self.videos.reads

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        return await self.videos.put(name, source, content_type=content_type)

    async def fetch(self, name: str, to: Path) -> None:
        await self.videos.fetch(name, to)

    async def list(self, prefix: str) -> Sequence[StoredFile]:
        return await self.videos.list(prefix)

    async def delete(self, name: str) -> None:
        await self.videos.delete(name)

    async def url_for(self, name: str) -> str:
        return await self.videos.url_for(name)


@dataclass
class Meanwhile(Stored):
    """Something happens right before the first file is put."""

    happens: Callable[[], Awaitable[object]] = field(kw_only=True)
    happened: asyncio.Event = field(default_factory=asyncio.Event)

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        if not self.happened.is_set():
            self.happened.set()
            await self.happens()
        return await super().put(name, source, content_type=content_type)


@dataclass
class Failing(Stored):
    """So many puts fail; with `stores`, only their answers are lost."""

    times: int = 0
    stores: bool = False

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        if self.times <= 0:
            return await super().put(name, source, content_type=content_type)
        self.times -= 1
        if self.stores:
            await super().put(name, source, content_type=content_type)
        raise Unavailable("the store is away")
