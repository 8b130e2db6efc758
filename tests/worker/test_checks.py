"""Every finished video is looked at; whatever the look brings, the job succeeds and is announced once."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from infra.media.checker import ChildChecker
from publisher.context import PublisherContext, status
from publisher.jobs import JobFilter, list_jobs
from publisher.purge import purge
from schemas.domain.checks import CheckRules
from schemas.domain.job import Job, record_of
from schemas.errors import Unavailable
from schemas.ports import VideoChecker, VideoStore
from schemas.wire.checks import Checks
from schemas.wire.completion import Outcome
from schemas.wire.message import Message, decode_completion
from subscriber.checks import VideoChecks
from tests.worker.bench import Bench
from tests.worker.test_retention import IMAGE

PATIENCE_S = 60


@pytest.fixture(scope="module")
def checks() -> Iterator[VideoChecks]:
    """The real checks: their child is kept for all tests of this file."""
    checker = ChildChecker(1)
    yield VideoChecks(checker=checker, within_s=PATIENCE_S)
    asyncio.run(checker.aclose())


async def make(bench: Bench, checks: VideoChecks, **fields: Any) -> tuple[Job, Message]:
    """A job that ran to its end, and its completion."""
    async with bench.working(checks=checks):
        request = await bench.send(**fields)
        message = await bench.hear_message()
    return await bench.job(request.job_id), message


def publisher_of(bench: Bench) -> PublisherContext:
    return PublisherContext(bus=bench.ctx.bus, jobs=bench.ctx.jobs, videos=bench.ctx.videos, clock=bench.ctx.clock)


async def test_by_default_the_result_is_a_file_that_older_versions_never_read(
    bench: Bench, checks: VideoChecks
) -> None:
    job, message = await make(bench, checks)
    completion = decode_completion(message)
    assert completion.state is Outcome.SUCCEEDED
    assert message.attributes["checks"] == "no_audio_track"
    assert "checks" not in json.loads(message.data)
    assert "checks" not in json.loads(record_of(job))["result"]
    (file,) = await bench.ctx.videos.list("checks/")
    assert file.name == job.checks_name
    shown = await status(publisher_of(bench), job.job_id)
    assert shown.checks is not None
    assert (shown.checks.rules, shown.checks.summary) == ("2026-11", "no_audio_track")
    listed = await list_jobs(publisher_of(bench), JobFilter())
    assert [view.checks for view in listed.videos] == [None], "a page of a list reads no files"


async def test_where_it_is_asked_for_record_completion_and_view_hold_it(bench: Bench, checks: VideoChecks) -> None:
    rules = CheckRules(silent_lufs=-50)
    job, message = await make(bench, replace(checks, in_record=True, rules=rules), generate_audio=False)
    assert job.result is not None
    assert job.result.checks is not None
    assert job.result.checks.changed_rules == {"silent_lufs": -50}
    assert decode_completion(message).checks == job.result.checks
    assert message.attributes["checks"] == "ok"
    assert await bench.ctx.videos.list("checks/") == []
    listed = await list_jobs(publisher_of(bench), JobFilter())
    assert [view.checks for view in listed.videos] == [job.result.checks]
    read_again = Job.model_validate_json(record_of(job))
    assert read_again.result == job.result


async def test_a_look_that_takes_too_long_delays_the_end_by_its_limit(bench: Bench, checks: VideoChecks) -> None:
    job, message = await make(bench, replace(checks, within_s=0.001))
    assert message.attributes["checks"] == "unchecked"
    shown = await status(publisher_of(bench), job.job_id)
    assert shown.checks is not None
    assert shown.checks.unchecked


class BrokenChecker:
    """A checker with a bug."""

    async def measure(self, *_: Any, **__: Any) -> Any:
        raise ZeroDivisionError


class DeafVideos:
    """The store, but the checks can neither be put nor fetched."""

    def __init__(self, real: VideoStore) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        if name.startswith("checks/"):
            raise Unavailable("the bucket is away")
        return await self._real.put(name, source, content_type=content_type)

    async def fetch(self, name: str, to: Path) -> None:
        if name.startswith("checks/"):
            raise Unavailable("the bucket is away")
        await self._real.fetch(name, to)


async def test_a_check_that_breaks_fails_no_job(bench: Bench) -> None:
    broken = VideoChecks(checker=cast("VideoChecker", BrokenChecker()))
    job, message = await make(bench, broken)
    assert decode_completion(message).state is Outcome.SUCCEEDED
    assert message.attributes["checks"] == "unchecked"
    assert job.result is not None


async def test_a_store_that_refuses_the_checks_fails_no_job(bench: Bench, checks: VideoChecks) -> None:
    bench.ctx = replace(bench.ctx, videos=cast("VideoStore", DeafVideos(bench.ctx.videos)))
    job, message = await make(bench, checks)
    assert decode_completion(message).state is Outcome.SUCCEEDED
    assert "checks" not in message.attributes
    assert (await status(publisher_of(bench), job.job_id)).checks is None


class WatchedVideos(DeafVideos):
    """The store, and where the checks were fetched to."""

    def __init__(self, real: VideoStore) -> None:
        super().__init__(real)
        self.copies: list[Path] = []

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        return await self._real.put(name, source, content_type=content_type)

    async def fetch(self, name: str, to: Path) -> None:
        await self._real.fetch(name, to)
        if name.startswith("checks/"):
            self.copies.append(to)


async def test_what_a_killed_worker_leaves_of_them_is_in_its_scratch_folder(bench: Bench, checks: VideoChecks) -> None:
    videos = WatchedVideos(bench.ctx.videos)
    bench.ctx = replace(bench.ctx, videos=cast("VideoStore", videos))
    await make(bench, checks)
    assert [copy.parents[1] for copy in videos.copies] == [bench.ctx.scratch]


async def test_the_first_frame_is_compared_with_the_reference_image(bench: Bench, checks: VideoChecks) -> None:
    job, _ = await make(bench, checks, reference_image=IMAGE)
    shown = await status(publisher_of(bench), job.job_id)
    assert shown.checks is not None
    assert shown.checks.first_frame_ssim is not None


@pytest.mark.parametrize("in_record", [False, True])
async def test_erasing_a_job_erases_its_checks(bench: Bench, checks: VideoChecks, *, in_record: bool) -> None:
    job, _ = await make(bench, replace(checks, in_record=in_record))
    await purge(publisher_of(bench), [job.job_id])
    assert await bench.ctx.videos.list("checks/") == []
    erased = await bench.job(job.job_id)
    assert erased.result is not None
    assert erased.result.checks is None
    assert (await status(publisher_of(bench), job.job_id)).checks is None


def test_checks_of_a_later_version_are_read() -> None:
    later = '{"rules": "2027-03", "flags": [{"code": "smeared", "where": "left"}], "sharpness": 3}'
    assert Checks.model_validate_json(later).summary == "smeared"
