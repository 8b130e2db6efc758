"""Whatever comes on the request topic ends: as a job, as a rejected completion, or as a dead letter with a cause."""

import asyncio
import logging
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.adapters import Adapters
from schemas.ports import DEAD_WORKERS, REQUESTS, WORKERS, Bus, DeadLetter
from schemas.services.subscriptions import SHARED
from schemas.wire.completion import Outcome
from schemas.wire.message import Message, as_published, decode_completion, job_id_of
from subscriber import handler, worker
from subscriber import handler as holding
from tests.fuzz.messages import DEEP, messages
from tests.gcp.emulated import Project, emulators, project
from tests.worker.bench import LISTENER, Bench, a_request, bench_in
from tests.worker.clips import write_clip

__all__ = ["emulators", "project"]
PATIENCE_S = 60.0
CALM = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4").read_bytes()


@pytest.fixture(autouse=True)
def _what_is_waited_for_is_soon_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "EARLY_CANCEL_DELAY_S", 0.0)
    monkeypatch.setattr(holding, "HOLD_AT_MOST_S", 0.0)
    monkeypatch.setattr(holding, "QUEUED_AT_MOST", timedelta(0))


@CALM
@given(sent=st.lists(messages(), min_size=1, max_size=12))
def test_every_message_on_the_embedded_bus_ends(
    film: bytes, caplog: pytest.LogCaptureFixture, sent: list[Message]
) -> None:
    with tempfile.TemporaryDirectory() as folder, caplog.at_level(logging.ERROR, logger=worker.__name__):
        asyncio.run(_all_end(Path(folder), film, sent))
    assert not [record for record in caplog.records if record.exc_info], "something happened that nobody foresaw"


async def _all_end(folder: Path, film: bytes, sent: Sequence[Message]) -> None:
    async with bench_in(folder, film) as bench, bench.working():
        for message in sent:
            await bench.ctx.bus.publish(REQUESTS, message)
        async with asyncio.timeout(PATIENCE_S):
            await _until_settled(folder)
        await _check_ends(bench, sent)
        await bench.send(job_id="the-worker-lives-on")
        while (heard := await bench.hear()).job_id != "the-worker-lives-on":
            assert not heard.error or "Traceback" not in heard.error.message
        assert heard.state is Outcome.SUCCEEDED


async def _until_settled(folder: Path) -> None:
    while True:
        await asyncio.sleep(0.01)
        if not _undelivered(folder):
            return


async def _check_ends(bench: Bench, sent: Sequence[Message]) -> None:
    letters = await bench.ctx.bus.dead_letters()
    assert all(letter.cause for letter in letters)
    dead = [as_published(letter.message) for letter in letters]
    for message in sent:
        if message in dead:
            continue
        job_id = job_id_of(Message(data=message.data)) or ""
        job = await bench.ctx.jobs.get(job_id)
        assert job is None or job.ended, "neither a job that ended nor a dead letter"
        assert job is not None or message.attributes.get("ce-type", "").endswith("cancel.v1")


def _undelivered(folder: Path) -> int:
    """Messages that the workers have not settled yet."""
    sql = "SELECT count(*) FROM deliveries JOIN subscriptions ON id = subscription_id WHERE name IN (?, ?)"
    with closing(sqlite3.connect(folder / "reelbus.db")) as connection:
        return int(connection.execute(sql, (WORKERS.name, DEAD_WORKERS.name)).fetchone()[0])


NOISE = (
    b"\x00", b"\xff" * 1000, b"\x80abc", b"null", b"NaN", b'"', b"{", b'{"job_id": "a", "job_id": "b"}', *DEEP,
    b'{"job_id": "x\\r\\ny", "prompt": "long enough now"}', b'{"job_id": "..", "prompt": "long enough now"}',
    b'{"job_id": "ok", "prompt": "\\ud800 half a character"}', b'{"job_id": "ok", "prompt": "a\\u0000b long enough"',
    b"\x1f\x8b\x08\x00 a gzip", b"<xml/>", b"\xef\xbb\xbf{}",
)  # fmt: skip


@pytest.mark.emulator
async def test_noise_on_pubsub_is_rejected_and_kept(project: Project, tmp_path: Path, film: bytes) -> None:
    async with bench_in(tmp_path, film) as bench, Adapters() as adapters:
        bus = await adapters.bus(project.bus_url)
        for subscription in (*SHARED, LISTENER):
            await bus.ensure(subscription)
        async with bus.subscribe(LISTENER, limit=100) as completions:
            there = Bench(replace(bench.ctx, bus=bus), bench.model, completions)
            async with there.working(), asyncio.timeout(PATIENCE_S):
                await _reject_all(there)
                job = await there.send(job_id="the-worker-lives-on")
                while (heard := await there.hear()).state is Outcome.REJECTED:
                    pass
                assert (heard.job_id, heard.state) == (job.job_id, Outcome.SUCCEEDED)
                letters = await _kept(bus)
    assert {letter.message.data for letter in letters} == set(NOISE)
    assert all(letter.cause for letter in letters)


async def _kept(bus: Bus) -> Sequence[DeadLetter]:
    """All of the noise on the shelf: it is filled by another hand than the one that answers."""
    while True:
        letters = await bus.dead_letters()
        if len(letters) >= len(NOISE):
            return letters
        await asyncio.sleep(0.1)


async def _reject_all(there: Bench) -> None:
    """Each is answered; a repeat of one answer is no answer to another."""
    for number, noise in enumerate(NOISE):
        await there.ctx.bus.publish(REQUESTS, Message(data=noise, attributes={"job_id": f"noise-{number}"}))
    answered: set[str | None] = set()
    while len(answered) < len(NOISE):
        heard = await there.hear()
        assert heard.state is Outcome.REJECTED
        assert heard.error is not None
        assert heard.error.message
        answered.add(heard.job_id)


async def test_a_newer_version_is_held_however_it_looks(tmp_path: Path, film: bytes) -> None:
    async with bench_in(tmp_path, film) as bench, bench.working():
        await bench.send_raw(DEEP[0], **{"ce-type": "reelbus.video.requested.v2"})
        await bench.send(job_id="after")
        assert (await bench.hear()).job_id == "after"
        assert await bench.ctx.bus.dead_letters() == []


async def test_a_trace_that_is_none_goes_nowhere(tmp_path: Path, film: bytes) -> None:
    evil = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX-Evil: 1"
    async with bench_in(tmp_path, film) as bench, bench.working():
        await bench.send_raw(a_request().model_dump_json(exclude_none=True).encode(), traceparent=evil)
        delivery = await anext(bench.completions)
        assert decode_completion(delivery.message).state is Outcome.SUCCEEDED
        assert "traceparent" not in delivery.message.attributes
        assert (await bench.job()).traceparent is None
