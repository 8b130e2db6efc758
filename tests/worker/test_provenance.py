"""A model's manifest is kept through a worker's cut; without a certificate the checks say that it was dropped."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.provenance.certificate import open_certificate
from infra.provenance.keeper import C2paProvenance
from publisher.context import PublisherContext, status
from schemas.domain.checks import CheckRules, Measures
from schemas.domain.job import Job, record_of
from schemas.ports import NotMeasured
from schemas.wire.checks import Checks
from schemas.wire.completion import Outcome
from schemas.wire.message import Message, decode_completion
from subscriber.checks import VideoChecks
from tests.support.signing import make_signer, read_manifest, write_signed
from tests.unit.media_clips import Film
from tests.worker.bench import Bench

MODEL, STUDIO = make_signer(), make_signer()


class QuickChecker:
    """Finds nothing, or can't look. The look itself has tests of its own."""

    def __init__(self, error: NotMeasured | None = None) -> None:
        self._error = error

    async def measure(self, video: Path, rules: CheckRules, **_: Any) -> Measures:
        if self._error:
            raise self._error
        return Measures(seconds=1, has_sound=True, loudness_lufs=-20)


CHECKS = VideoChecks(checker=QuickChecker())


@pytest.fixture(scope="module")
def keeper() -> Iterator[C2paProvenance]:
    """The real one: its child is kept for all tests of this file."""
    keeper = C2paProvenance(open_certificate(STUDIO.settings))
    yield keeper
    asyncio.run(keeper.aclose())


@pytest.fixture
def signed_bench(bench: Bench, keeper: C2paProvenance, tmp_path: Path) -> Bench:
    """A model that signs its files, and makes them longer than was asked for."""
    bench.model.film = write_signed(tmp_path / "signed.mp4", MODEL, seconds=2).read_bytes()
    bench.ctx = replace(bench.ctx, provenance=keeper, checks=CHECKS)
    return bench


async def make(bench: Bench, **changes: Any) -> tuple[Job, Message, Checks | None]:
    """A job that ran to its end, its completion, and the checks that its caller sees."""
    async with bench.working(**changes):
        request = await bench.send()
        message = await bench.hear_message()
    assert decode_completion(message).state is Outcome.SUCCEEDED
    desk = PublisherContext(bus=bench.ctx.bus, jobs=bench.ctx.jobs, videos=bench.ctx.videos, clock=bench.ctx.clock)
    return await bench.job(request.job_id), message, (await status(desk, request.job_id)).checks


async def fetch(bench: Bench, job: Job, to: Path) -> Path:
    await bench.ctx.videos.fetch(job.final_name, to)
    return to


async def test_a_cut_video_names_the_model_s_file(signed_bench: Bench, tmp_path: Path) -> None:
    job, message, checks = await make(signed_bench)
    final = await fetch(signed_bench, job, tmp_path / "final.mp4")
    shown = read_manifest(final, MODEL, STUDIO)
    assert (shown.state, shown.done[:2]) == ("Trusted", ["c2pa.opened", "c2pa.trimmed"])
    assert checks is not None
    assert (checks.provenance, checks.summary, message.attributes["checks"]) == ("kept", "ok", "ok")
    assert job.result
    assert job.result.size_bytes == (await asyncio.to_thread(final.stat)).st_size
    assert "provenance" not in record_of(job), "the release before reads this record"
    assert "provenance" not in json.dumps(json.loads(message.data))


async def test_without_a_certificate_the_video_is_delivered_and_says_so(
    signed_bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    job, message, checks = await make(signed_bench, provenance=C2paProvenance(None))
    assert checks is not None
    assert (checks.provenance, message.attributes["checks"]) == ("dropped", "provenance_dropped")
    (line,) = [record for record in caplog.records if getattr(record, "action", "") == "provenance_dropped"]
    assert vars(line)["reason"] == "REELBUS_C2PA_CERTIFICATE is not set"
    assert "provenance" not in record_of(job)


async def test_it_is_said_also_if_the_video_could_not_be_looked_at(signed_bench: Bench) -> None:
    blind = replace(CHECKS, checker=QuickChecker(NotMeasured("too large")))
    _, message, checks = await make(signed_bench, provenance=C2paProvenance(None), checks=blind)
    assert message.attributes["checks"] == "unchecked,provenance_dropped"
    assert checks is not None
    assert (checks.unchecked, checks.provenance) == ("too large", "dropped")


async def test_a_file_that_is_delivered_as_it_came_keeps_its_manifest(signed_bench: Bench, tmp_path: Path) -> None:
    original = write_signed(tmp_path / "whole.mp4", MODEL, seconds=1)
    signed_bench.model.film = await asyncio.to_thread(original.read_bytes)
    job, _, checks = await make(signed_bench, provenance=C2paProvenance(None))
    final = await fetch(signed_bench, job, tmp_path / "final.mp4")
    assert await asyncio.to_thread(final.read_bytes) == signed_bench.model.film
    assert checks is not None
    assert (checks.provenance, checks.summary) == ("kept", "ok")


async def test_a_model_that_signs_nothing_changes_nothing(signed_bench: Bench, tmp_path: Path) -> None:
    plain = Film(seconds=2).write(tmp_path / "plain.mp4")
    signed_bench.model.film = await asyncio.to_thread(plain.read_bytes)
    _, message, checks = await make(signed_bench)
    assert checks is not None
    assert (checks.provenance, message.attributes["checks"]) == (None, "ok")


async def test_the_stored_file_of_another_worker_is_what_counts(signed_bench: Bench, tmp_path: Path) -> None:
    """A worker with a certificate adopts the file of one without."""
    job = await signed_bench.queued()
    plain = Film(seconds=1, container={"movflags": "+faststart"}).write(tmp_path / "plain.mp4")
    await signed_bench.ctx.videos.put(job.final_name, plain, content_type="video/mp4")
    _, message, checks = await make(signed_bench)
    assert checks is not None
    assert (checks.provenance, message.attributes["checks"]) == ("dropped", "provenance_dropped")


async def test_a_certificate_that_expired_while_the_worker_ran_fails_no_job(signed_bench: Bench) -> None:
    keeper = C2paProvenance(open_certificate(make_signer(days=-1).settings))
    await keeper.check()
    _, message, checks = await make(signed_bench, provenance=keeper)
    await keeper.aclose()
    assert checks is not None
    assert (checks.provenance, message.attributes["checks"]) == ("dropped", "provenance_dropped")
