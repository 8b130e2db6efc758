"""Whole jobs through a real worker: what the ledger says, what the bill says, and the film that comes of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.media.probe import probe
from schemas.domain.job import Job
from schemas.domain.projections import view_of
from schemas.domain.states import ClipState, JobState
from schemas.errors import Category, Charged
from subscriber.policy import Deadlines
from subscriber.runner import JobRunner
from tests.vertex.depot import FolderDepot
from tests.vertex.rig import BUCKET, OMNI, VEO, VEO_FAST, adapter
from tests.vertex.script import Step
from tests.vertex.server import WireVertex, vertex_at
from tests.worker.bench import bench_in

WINDOWS = Deadlines(submit_within_s=10, submitting_hold_s=60, generation_s=60, storing_s=60)
Carried = Callable[..., Awaitable[Job]]


@asynccontextmanager
async def shop_in(folder: Path) -> AsyncIterator[tuple[WireVertex, Carried]]:
    """A worker whose films go through a folder, and the verb that carries one job to its end."""
    async with bench_in(folder, b"") as bench, vertex_at(FolderDepot(folder / "videos", BUCKET)) as vertex:
        model = adapter(vertex.url, bench.ctx.videos)
        model.poll_every_s = 0.01
        shop = replace(bench.ctx, model=model, deadlines=WINDOWS)

        async def carried(**fields: Any) -> Job:
            return await JobRunner(shop, await bench.queued(**fields)).run()

        yield vertex, carried
        await model.aclose()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[tuple[WireVertex, Carried]]:
    async with shop_in(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("model", [VEO_FAST, OMNI])
@pytest.mark.parametrize("seconds", [1, 5, 7, 9, 15, 23, 30])
async def test_any_length_is_exact(shop: tuple[WireVertex, Carried], tmp_path: Path, model: str, seconds: int) -> None:
    vertex, carried = shop
    job = await carried(model=model, duration_seconds=seconds)
    assert job.state is JobState.SUCCEEDED, job.failure
    assert job.result
    found = probe(tmp_path / "videos" / job.result.gcs_path)
    assert (found.frames, found.width, found.height, found.audio_codec) == (24 * seconds, 1280, 720, "aac")
    assert job.billed_seconds == sum(each.seconds for each in vertex.books.accepted)
    assert len(job.clips) == vertex.books.posts


@pytest.mark.parametrize(("model", "seconds"), [(VEO_FAST, 4), (VEO_FAST, 15), (OMNI, 16)])
async def test_a_film_inside_the_answer_becomes_a_file_that_can_be_extended(
    shop: tuple[WireVertex, Carried], tmp_path: Path, model: str, seconds: int
) -> None:
    vertex, carried = shop
    vertex.then(Step(ending="inline"))
    job = await carried(model=model, duration_seconds=seconds)
    assert job.state is JobState.SUCCEEDED, job.failure
    assert job.clips[0].output == f"{job.clips[0].prefix}inline.mp4"
    assert (len(vertex.books.accepted), vertex.books.posts) == (len(job.clips), len(job.clips))


@pytest.mark.parametrize(("model", "seconds"), [(VEO_FAST, 15), (VEO_FAST, 22), (OMNI, 18)])
async def test_an_extension_that_holds_the_added_part_alone_is_joined(
    shop: tuple[WireVertex, Carried], tmp_path: Path, model: str, seconds: int
) -> None:
    vertex, carried = shop
    vertex.then(Step(shrink=8), *[Step(ending="added", shrink=8)] * 3)
    job = await carried(model=model, duration_seconds=seconds)
    assert job.state is JobState.SUCCEEDED, job.failure
    assert job.result
    assert job.result.duration_seconds == seconds
    assert probe(tmp_path / "videos" / job.result.gcs_path, decode=True).frames == 24 * seconds
    assert len(job.clips) == len(vertex.books.accepted) > 1


async def test_what_was_accepted_and_not_told_is_adopted_and_paid_once(shop: tuple[WireVertex, Carried]) -> None:
    vertex, carried = shop
    vertex.then(Step(drop=True, accept=True))
    job = await carried(duration_seconds=4)
    assert job.state is JobState.SUCCEEDED
    assert vertex.books.posts == len(vertex.books.accepted) == 1
    assert job.cost_usd == Decimal("0.28")


async def test_a_quota_is_waited_for(shop: tuple[WireVertex, Carried], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.services.backoff.Backoff.next_s", lambda _: 0.01)
    vertex, carried = shop
    vertex.then(Step(status=429, message="Quota exceeded"), Step())
    job = await carried(duration_seconds=4, quality="quality")
    assert job.state is JobState.SUCCEEDED
    assert (vertex.books.posts, len(vertex.books.accepted)) == (2, 1)


async def test_capacity_is_waited_for(shop: tuple[WireVertex, Carried], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.services.backoff.Backoff.next_s", lambda _: 0.01)
    vertex, carried = shop
    vertex.then(Step(ending="error", error={"code": 8, "message": "High load."}), Step())
    job = await carried(duration_seconds=4)
    assert job.state is JobState.SUCCEEDED
    assert job.cost_usd == Decimal("0.28")


async def test_a_retired_model_is_replaced_before_anything_is_paid(
    shop: tuple[WireVertex, Carried], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemas.services.backoff.Backoff.next_s", lambda _: 0.01)
    vertex, carried = shop
    vertex.studio.retired.add(VEO)
    job = await carried(duration_seconds=4, quality="quality")
    assert job.state is JobState.SUCCEEDED
    assert [clip.planned.model for clip in job.clips] == [OMNI]
    assert [each.model for each in vertex.books.accepted] == [OMNI]
    assert job.cost_usd == job.clips[0].planned.price_usd
    told = view_of(job).fallback
    assert told
    assert (told.asked_for, told.made_by, told.price_usd) == (VEO, OMNI, job.cost_usd)
    assert "no longer available" in told.why
    assert f"instead of {VEO} for 1.60 USD" in told.why


async def test_a_retired_model_with_nothing_in_its_place(shop: tuple[WireVertex, Carried]) -> None:
    vertex, carried = shop
    vertex.studio.retired.add(VEO)
    job = await carried(duration_seconds=4, model=VEO)
    assert job.state is JobState.FAILED
    assert job.failure
    assert (job.failure.code, job.failure.charged) == ("model_retired", Charged.NO)


async def test_a_filter_ends_the_job_with_its_reason(shop: tuple[WireVertex, Carried]) -> None:
    vertex, carried = shop
    vertex.then(Step(ending="audio_filtered"))
    job = await carried(duration_seconds=4, quality="quality")
    assert job.failure
    assert (job.failure.category, job.failure.charged) == (Category.SAFETY_FILTER, Charged.NO)
    assert job.cost_usd == 0
    assert job.clips[0].state is ClipState.REFUSED


async def test_the_ledger_holds_what_the_answer_counts(shop: tuple[WireVertex, Carried]) -> None:
    vertex, carried = shop
    vertex.then(Step(video_tokens=30_000), Step())
    job = await carried(duration_seconds=20)
    assert job.state is JobState.SUCCEEDED
    first, second = job.clips
    assert first.planned.price_usd == Decimal("0.36")  # 12.00 for a million
    assert second.planned.price_usd == Decimal("0.07") * round(second.planned.seconds)
    assert job.cost_usd == first.planned.price_usd + second.planned.price_usd
