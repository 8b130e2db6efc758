"""Frame reports: what a film's renderer reports, and how a job's progress follows from it."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from infra.animatic import frame_reports, model
from infra.animatic.frame_reports import EVERY_S, FrameReport, FrameReporter, FrameReports
from infra.animatic.model import Animatic
from infra.animatic.pool import RenderPool
from infra.animatic.render import render
from infra.animatic.storyboard import Storyboard
from infra.embedded.videos import FolderVideos
from schemas.domain.projections import progress_of
from schemas.ports import GenerationDone
from schemas.wire.request import VideoRequest
from tests.unit.animatic_film import board
from tests.unit.makers import PRICE, a_plan, accepted, done, played, started
from tests.unit.test_completion import seen_at


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Inline(RenderPool):
    """Renders nothing, and remembers what the reports said when it was asked."""

    def __init__(self) -> None:
        self.seen: list[float | None] = []

    async def render(self, board: Storyboard, to: Path, report: FrameReport | None = None) -> None:
        assert report is not None
        self.seen.append(report.read())
        report.write(12, 24)
        await asyncio.to_thread(to.write_bytes, b"film")

    def close(self) -> None:
        pass


def test_a_film_reports_every_frame_once_it_is_written(tmp_path: Path) -> None:
    reported: list[tuple[int, int]] = []
    render(board(duration_seconds=2), tmp_path / "film.mp4", lambda frames, total: reported.append((frames, total)))
    assert reported == [(number, 48) for number in range(1, 49)]


def test_a_film_writes_at_most_four_reports_a_second_and_its_last_one(tmp_path: Path) -> None:
    clock, report = Clock(), FrameReport(tmp_path / "report")
    reporter, written = FrameReporter(report, clock), set[bytes]()
    for frame in range(1, 101):
        reporter(frame, 100)
        written.add(report.path.read_bytes())
        clock.now += EVERY_S / 8
    assert sorted(map(int, (text.split()[0] for text in written))) == [*range(1, 98, 8), 100]


def test_a_report_is_never_lowered_by_a_film_that_is_rendered_again(tmp_path: Path) -> None:
    report = FrameReport(tmp_path / "report")
    seen = []
    for frames in (0, 30, 1, 29, 31):
        report.raise_to(frames, 48)
        seen.append(report.read())
    assert seen == [None, 30 / 48, 30 / 48, 30 / 48, 31 / 48]


@pytest.mark.parametrize("text", ["", "12", "a b", "1 0", "1 2 3", "-1 -1"])
def test_what_is_no_report_reports_nothing(tmp_path: Path, text: str) -> None:
    report = FrameReport(tmp_path / "report")
    report.path.write_text(text)
    assert report.read() is None


def test_a_report_that_cannot_be_written_fails_nothing(tmp_path: Path) -> None:
    report = FrameReports(tmp_path / "absent" / "progress").of("operation")
    render(board(), tmp_path / "film.mp4", FrameReporter(report))
    report.delete()
    assert report.read() is None
    FrameReports(tmp_path / "absent" / "progress").prepare()
    assert not (tmp_path / "absent").exists(), "a data folder that was deleted is not made again"


def test_old_reports_are_deleted(tmp_path: Path) -> None:
    reports = FrameReports(tmp_path)
    for operation, age_s in (("old", frame_reports.KEEP_S + 60), ("new", 0)):
        reports.of(operation).write(1, 2)
        os.utime(reports.of(operation).path, (time.time() - age_s,) * 2)
    reports.prepare()
    assert (reports.of("old").read(), reports.of("new").read()) == (None, 0.5)


@pytest.mark.parametrize(("kept_s", "after"), [(60.0, 0.5), (0.0, None)])
async def test_an_operation_reports_from_its_submit_to_a_while_after_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept_s: float, after: float | None
) -> None:
    monkeypatch.setattr(model, "_REPORT_KEPT_S", kept_s)
    reports, studio, clip = FrameReports(tmp_path / "progress"), Inline(), played(started(a_plan(PRICE))).clips[0]
    videos = await FolderVideos.open(tmp_path / "videos", "http://localhost")
    animatic = Animatic(videos, studio, tmp_path, reports)
    await animatic.prepare()
    request = VideoRequest(job_id="job-1", prompt="A harbour at dawn", duration_seconds=1)
    operation = await animatic.submit(request, clip, (), send_before=0)
    assert reports.of(operation).read() == 0, "before the clip counts as accepted"
    assert isinstance(await animatic.poll(operation), GenerationDone)
    assert studio.seen == [0]
    for _ in range(2):  # the loop runs what is due
        await asyncio.sleep(0)
    assert reports.of(operation).read() == after
    await animatic.aclose()


def test_a_reported_clip_counts_by_its_frames_and_not_by_time() -> None:
    running = played(started(a_plan(PRICE, PRICE)), accepted())
    operation = running.clips[0].operation or ""
    for seconds in (0, 27, 5000):
        assert progress_of(seen_at(seconds, running), reported={operation: 0.25}) == 0.125
        assert progress_of(seen_at(seconds, running), reported={operation: 0.0}) == 0
    assert progress_of(seen_at(27, running), reported={"another": 1.0}) == 0.25
    made = played(started(a_plan(PRICE, PRICE)), accepted(), done(0))
    assert progress_of(seen_at(60, made), reported={operation: 0.1}) == 0.5, "a clip that is done is whole"
    only = played(started(), accepted())
    assert progress_of(seen_at(0, only), reported={operation: 1.0}) == 0.95, "the video is not stored yet"
