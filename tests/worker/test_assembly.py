"""Clips that were paid for become a video, or end their job with a reason. A full disk is waited for."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from infra.animatic.model import Animatic
from infra.animatic.pool import RenderPool
from infra.clock import SystemClock
from infra.embedded.videos import FolderVideos
from infra.media.probe import probe
from schemas.domain.clip import Clip, PlannedClip
from schemas.domain.job import Job
from schemas.domain.projections import defect_of, view_of
from schemas.domain.states import JobState
from schemas.errors import DELIVERED_AS_IT_CAME, Charged, LocalDisk, Unavailable
from schemas.ports import Answer, Editor, GenerationDone, GenerationRunning, Probe
from subscriber import assembly
from subscriber.announce import announce
from subscriber.assembly import first_held
from subscriber.runner import JobRunner
from tests.disks import fill, small_disk
from tests.unit.media_clips import Film
from tests.worker.bench import WINDOWS, Bench, a_request, bench_in
from tests.worker.paid_model import PRICE


class QuickClock(SystemClock):
    """The right time, and short pauses."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.02))


@pytest.fixture
def bench(bench: Bench) -> Bench:
    bench.ctx = replace(bench.ctx, clock=QuickClock())
    return bench


@dataclass
class Troubled(Editor):
    """A real editor that raises what it is told, so many times."""

    editor: Editor
    error: BaseException
    assembling: int = 0
    keeping: int = 0
    seen: list[str] = field(default_factory=list)

    async def assemble(self, clips: Sequence[Path], *, duration_seconds: int, to: Path) -> Probe:
        self._raise("assemble", self.assembling)
        return await self.editor.assemble(clips, duration_seconds=duration_seconds, to=to)

    async def keep(self, clips: Sequence[Path], *, to: Path, defect: str) -> Probe:
        self._raise("keep", self.keeping)
        return await self.editor.keep(clips, to=to, defect=defect)

    async def measure(self, clip: Path) -> float:
        return await self.editor.measure(clip)

    async def poster(self, video: Path, to: Path) -> None:
        await self.editor.poster(video, to)

    async def probe(self, video: Path) -> Probe:
        return await self.editor.probe(video)

    def _raise(self, verb: str, times: int) -> None:
        self.seen.append(verb)
        if self.seen.count(verb) <= times:
            raise self.error


async def until(bench: Bench, condition: Callable[[Job], bool]) -> None:
    """Reads the record until it fits."""
    for _ in range(3000):
        if condition(await bench.job()):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"it never came: {await bench.job()}")


async def carried(bench: Bench, editor: Editor, job: Job | None = None) -> Job:
    return await JobRunner(replace(bench.ctx, editor=editor), job or await bench.queued()).run()


UNFORESEEN = [RuntimeError("boom"), MemoryError(), IndexError("axis"), OSError(errno.EIO, "I/O error"), ValueError("x")]


@pytest.mark.parametrize("error", UNFORESEEN, ids=lambda error: type(error).__name__)
async def test_what_passes_is_tried_again(bench: Bench, error: BaseException) -> None:
    editor = Troubled(bench.ctx.editor, error, assembling=2)
    ended = await carried(bench, editor)
    assert (ended.state, defect_of(ended), editor.seen) == (JobState.SUCCEEDED, None, ["assemble"] * 3)


@pytest.mark.parametrize("error", UNFORESEEN, ids=lambda error: type(error).__name__)
async def test_what_does_not_pass_delivers_the_clip_as_it_came(bench: Bench, error: BaseException) -> None:
    editor = Troubled(bench.ctx.editor, error, assembling=99)
    ended = await carried(bench, editor)
    assert ended.state is JobState.SUCCEEDED
    assert defect_of(ended) == "The model's video is delivered as well as it can be: it could not be edited."
    assert editor.seen == ["assemble"] * 3 + ["keep"]


@pytest.mark.parametrize("error", UNFORESEEN, ids=lambda error: type(error).__name__)
async def test_what_never_passes_ends_the_job_with_a_reason_and_a_replay_is_free(
    bench: Bench, error: BaseException
) -> None:
    ended = await carried(bench, Troubled(bench.ctx.editor, error, assembling=99, keeping=99))
    assert ended.failure
    assert (ended.failure.code, ended.failure.charged, ended.cost_usd) == ("not_assembled", Charged.YES, PRICE)
    assert type(error).__name__ in ended.failure.message
    assert await bench.ctx.videos.list(f"work/{ended.job_id}/0/")


async def test_a_clip_that_no_encoder_takes_as_it_is_becomes_a_video(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "x265-params": "log-level=error"}
    odd = Film(seconds=1, size=(65, 49), pixels="yuv444p", codec="libx265", options=options).write(tmp_path / "odd.mp4")
    async with bench_in(tmp_path / "house", odd.read_bytes()) as bench, bench.working():
        await bench.send(duration_seconds=1)
        completion = await bench.hear()
    assert (completion.state, completion.width, completion.height) == ("succeeded", 64, 48)


@pytest.fixture
async def short(tmp_path: Path) -> AsyncIterator[Bench]:
    """A house whose model makes two seconds, however many are asked for."""
    clip = Film(seconds=2, container={"movflags": "+faststart"}).write(tmp_path / "short.mp4")
    async with bench_in(tmp_path / "house", clip.read_bytes()) as bench:
        yield bench


async def test_a_clip_that_is_much_too_short_is_delivered_with_its_defect_everywhere(short: Bench) -> None:
    before = await short.queued(duration_seconds=5)
    ended = await JobRunner(short.ctx, before).run()
    assert ended.result
    assert (ended.state, ended.result.duration_seconds, ended.cost_usd) == (JobState.SUCCEEDED, 2, PRICE)
    defect = "The model's video is delivered as well as it can be: its picture lasts 2.00 s, not 5 s."
    assert view_of(ended).defect == defect
    assert ended.clips[0].cause
    assert (ended.clips[0].cause.code, ended.clips[0].charged) == (DELIVERED_AS_IT_CAME, Charged.YES)
    assert set(ended.clips[0].model_dump()) == set(Clip.model_fields), "the release before refuses a new key"
    await announce(short.ctx, ended)
    async with asyncio.timeout(20):
        delivery = await anext(short.completions)
    assert delivery.message.attributes["defect"] == defect
    assert b"defect" not in delivery.message.data


async def test_a_good_video_has_no_defect(bench: Bench) -> None:
    ended = await JobRunner(bench.ctx, await bench.queued()).run()
    await announce(bench.ctx, ended)
    async with asyncio.timeout(20):
        delivery = await anext(bench.completions)
    assert "defect" not in delivery.message.attributes
    assert view_of(ended).defect is None


@pytest.mark.parametrize("kind", ["garbage", "half", "too short"])
async def test_a_stored_final_that_is_not_right_is_replaced(bench: Bench, tmp_path: Path, kind: str) -> None:
    job = await bench.queued()
    there = {"garbage": b"no film", "half": bench.model.film[:-200]}.get(kind) or _film(tmp_path, 0.3)
    await bench.ctx.videos.put(job.final_name, there, content_type="video/mp4")
    ended = await JobRunner(bench.ctx, job).run()
    assert ended.result
    await bench.ctx.videos.fetch(job.final_name, tmp_path / "final.mp4")
    assert probe(tmp_path / "final.mp4").duration_seconds == ended.result.duration_seconds == 1
    assert (tmp_path / "final.mp4").stat().st_size == ended.result.size_bytes


def _film(folder: Path, seconds: float) -> bytes:
    return Film(seconds=seconds, container={"movflags": "+faststart"}).write(folder / "film.mp4").read_bytes()


async def test_a_clip_s_file_that_cannot_be_found_yet_is_waited_for(bench: Bench) -> None:
    job = await _stored_elsewhere(bench)
    with pytest.raises(Unavailable, match="can't be found yet"):
        await assembly.store(bench.ctx, job, waits_for_files=True)
    ended = await assembly.store(bench.ctx, job)
    assert ended.failure
    assert ended.failure.code == "bad_output"


async def _stored_elsewhere(bench: Bench) -> Job:
    """A job whose clip is done, and its file is not there."""
    editor = Troubled(bench.ctx.editor, Unavailable("later"), assembling=10**9)
    carrying = asyncio.create_task(carried(bench, editor, await bench.queued()))
    await until(bench, lambda job: bool(editor.seen) and job.state is JobState.STORING)
    carrying.cancel()
    await asyncio.wait([carrying])
    job = await bench.job()
    await bench.ctx.videos.delete(job.sources[0])
    return job


async def test_a_full_disk_is_waited_for_beyond_every_deadline_and_says_so(bench: Bench) -> None:
    editor = Troubled(bench.ctx.editor, LocalDisk("No space left on device"), assembling=10**9)
    ctx = replace(bench.ctx, editor=editor, deadlines=replace(WINDOWS, storing_s=0.05))
    carrier = JobRunner(ctx, await bench.queued())
    working = asyncio.create_task(carrier.run())
    await until(bench, lambda job: job.waiting_for == "local_disk" and len(editor.seen) >= 20)
    waiting = await bench.job()
    assert waiting.state is JobState.STORING
    assert view_of(waiting).waiting_for == "local_disk"
    editor.assembling = 0
    ended = await working
    assert (ended.state, ended.waiting_for, len(bench.model.accepted)) == (JobState.SUCCEEDED, None, 1)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.mark.parametrize("full", ["scratch", "videos", "everything"])
async def test_a_job_goes_on_once_a_full_disk_has_room(
    tmp_path: Path, disk: Path, film: bytes, full: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = disk / "house" if full == "everything" else tmp_path / "house"
    if full == "videos":
        folder.mkdir()
        (folder / "videos").symlink_to(disk)
    async with bench_in(folder, film) as bench:
        ctx = replace(bench.ctx, clock=QuickClock(), deadlines=replace(WINDOWS, generation_s=60, storing_s=0.05))
        ctx = replace(ctx, scratch=disk) if full == "scratch" else ctx
        bench.model.outcome = GenerationRunning()
        carrying = asyncio.create_task(JobRunner(ctx, await bench.queued()).run())
        await bench.model.polled.wait()
        [prefix] = bench.model.accepted
        await bench.model.deliver(prefix)
        ballast = fill(disk)
        bench.model.outcome = None
        await until(
            bench, lambda _: sum("can't be used" in getattr(each, "reason", "") for each in caplog.records) >= 3
        )
        assert not carrying.done()
        if full != "everything":
            assert (await bench.job()).waiting_for == "local_disk"
        ballast.unlink()
        async with asyncio.timeout(30):
            ended = await carrying
        assert (ended.state, ended.waiting_for, len(bench.model.accepted)) == (JobState.SUCCEEDED, None, 1)


def planned(seconds: float, *, extends: bool = True) -> PlannedClip:
    return PlannedClip(
        model="m", seconds=seconds, billed_seconds=seconds, price_usd=PRICE, expected_s=1, extends=extends
    )


@pytest.mark.parametrize(
    ("lengths", "found", "first"),
    [
        ([8, 7], 15.0, 0),
        ([8, 7], 14.6, 0),
        ([8, 7], 7.0, 1),
        ([8, 7], 6.6, 1),
        ([8, 7, 7], 22, 0),
        ([8, 7, 7], 14, 1),
        ([8, 7, 7], 7, 2),
        ([10, 10, 10], 10.1, 2),
        ([8], 3, 0),
    ],
)
def test_the_length_of_an_extension_tells_what_it_holds(lengths: list[float], found: float, first: int) -> None:
    clips = [Clip(index=n, planned=planned(each, extends=n > 0)) for n, each in enumerate(lengths)]
    assert first_held(clips, found) == first


async def test_a_film_that_no_disk_has_room_for_is_drawn_later(tmp_path: Path, disk: Path) -> None:
    videos = await FolderVideos.open(tmp_path / "videos", "http://facade")
    model = Animatic(videos, RenderPool(1), disk)
    request = a_request(scene={"title": "A harbour", "description": "A harbour at dawn"})
    clip = Clip(index=0, planned=model.plan(request).clips[0], prefix="work/job-1/0/1/")
    try:
        ballast = fill(disk)
        operation = await model.submit(request, clip, (), send_before=float("inf"))
        with pytest.raises(LocalDisk, match="No space left"):
            await model.poll(operation)
        os.truncate(ballast, ballast.stat().st_size - 16_384)  # room for what is to be drawn, and not for the film
        with pytest.raises(LocalDisk, match="No space left"):
            await _drawn(model, operation)
        ballast.unlink()
        assert await _drawn(model, operation) == GenerationDone(outputs=("work/job-1/0/1/sample_0.mp4",))
    finally:
        await model.aclose()


async def _drawn(model: Animatic, operation: str) -> Answer:
    while isinstance(answer := await model.poll(operation), GenerationRunning):
        pass
    return answer
