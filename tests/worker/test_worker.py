"""A worker bounds what it carries, joins repeats, and stops without losing anything."""

import asyncio

import pytest

from infra.clock import SystemClock
from schemas.domain.states import JobState
from schemas.errors import Unavailable
from schemas.ports import GenerationRunning, LastBeat
from schemas.wire.completion import Outcome
from subscriber.worker import Worker
from tests.facade.faults import BreakingBus
from tests.worker.bench import Bench


async def test_a_worker_that_stops_hands_back_what_it_cannot_finish(bench: Bench) -> None:
    bench.model.outcome = GenerationRunning()
    async with bench.working(drain_s=0) as stop:
        await bench.send()
        await bench.model.polled.wait()
        stop.set()
    assert (await bench.job()).state is JobState.GENERATING
    bench.model.outcome = None
    async with bench.working():
        assert (await bench.hear()).state is Outcome.SUCCEEDED
    assert len(bench.model.accepted) == 1


async def test_a_worker_that_stops_waits_for_the_answer_of_a_paid_call(bench: Bench) -> None:
    bench.model.gate = asyncio.Event()
    async with bench.working(drain_s=0) as stop:
        await bench.send()
        await bench.model.at_gate.wait()
        stop.set()
        asyncio.get_running_loop().call_later(0.1, bench.model.gate.set)
    job = await bench.job()
    assert (job.state, job.clips[0].operation) == (JobState.GENERATING, "operations/1")


async def test_a_worker_that_stops_finishes_what_ends_in_time(bench: Bench) -> None:
    bench.model.gate = asyncio.Event()
    async with bench.working(drain_s=20) as stop:
        await bench.send()
        await bench.model.at_gate.wait()
        stop.set()
        bench.model.gate.set()
    assert (await bench.job()).state is JobState.SUCCEEDED


async def test_a_repeat_of_a_running_job_joins_it(bench: Bench) -> None:
    bench.model.gate = asyncio.Event()
    async with bench.working():
        await bench.send()
        await bench.model.at_gate.wait()
        await bench.send()
        bench.model.gate.set()
        heard = [await bench.hear() for _ in range(2)]
    assert {completion.event_id for completion in heard} == {"job-1.1.succeeded"}
    assert len(bench.model.accepted) == 1


async def test_an_ended_job_that_is_asked_for_again_is_announced_again(bench: Bench) -> None:
    async with bench.working():
        await bench.send()
        first = await bench.hear()
        await bench.send()
        second = await bench.hear()
    assert first == second


async def test_a_worker_claims_nothing_before_it_can_send(bench: Bench) -> None:
    """A kill while the client library loads would leave claims behind, and doubts about each."""
    await bench.send()
    bench.model.loads = asyncio.Event()
    stop, ready = asyncio.Event(), asyncio.Event()
    worker = Worker(ctx=bench.ctx, in_flight=4, prefetch=1, drain_s=5, reconcile_every_s=3600)
    running = asyncio.create_task(worker.run(stop, ready=ready.set))
    await bench.model.asked.wait()
    assert not ready.is_set()
    assert await bench.ctx.jobs.get("job-1") is None
    bench.model.loads.set()
    assert (await bench.hear()).state is Outcome.SUCCEEDED
    assert ready.is_set()
    stop.set()
    await running


async def test_credentials_out_of_reach_are_asked_for_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.model.unprepared = 2
    await bench.send()
    async with bench.working(clock=Quick()):
        assert (await bench.hear()).state is Outcome.SUCCEEDED
    said = [record for record in caplog.records if getattr(record, "action", "") == "model_unavailable"]
    assert len(said) == 2


async def test_a_worker_that_can_never_send_stops_when_it_is_told_to(bench: Bench) -> None:
    bench.model.loads = asyncio.Event()
    stop, ready = asyncio.Event(), asyncio.Event()
    worker = Worker(ctx=bench.ctx, in_flight=4, prefetch=1, drain_s=5, reconcile_every_s=3600)
    running = asyncio.create_task(worker.run(stop, ready=ready.set))
    await bench.model.asked.wait()
    stop.set()
    await running
    assert not ready.is_set()


class Quick(SystemClock):
    """A clock that hardly waits."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))


async def test_a_subscription_that_breaks_in_an_unforeseen_way_begins_again(bench: Bench) -> None:
    bus = BreakingBus(bench.ctx.bus)
    async with bench.working(bus=bus):
        bus.breaks.set()
        await bench.send()
        assert (await bench.hear()).state is Outcome.SUCCEEDED
    assert bus.begun_again.is_set()


class Beats:
    """Heartbeats that can be out of reach."""

    def __init__(self) -> None:
        self.owners: list[str] = []
        self.fails = False

    async def beat(self, owner: str, report: str = "") -> None:
        self.owners.append(owner)
        if self.fails:
            raise Unavailable

    async def last_beat(self) -> LastBeat | None:
        raise NotImplementedError


@pytest.mark.parametrize("fails", [False, True])
async def test_a_worker_leaves_a_sign_of_life_and_needs_none(bench: Bench, fails: bool) -> None:
    beats = Beats()
    beats.fails = fails
    async with bench.working(heartbeats=beats):
        assert beats.owners == ["worker-under-test"], "before it is ready: who starts one sees it"
        await bench.send()
        assert (await bench.hear()).state is Outcome.SUCCEEDED


async def test_the_log_says_what_was_asked_for_and_what_was_stored(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the prompt nothing is said."""
    caplog.set_level("INFO")
    async with bench.working():
        await bench.send(quality="quality", aspect_ratio="9:16", prompt="Marmalade in a harbour at dawn")
        heard = await bench.hear()
    [taken] = [vars(record) for record in caplog.records if getattr(record, "action", "") == "job_taken"]
    asked = {"job_id": "job-1", "duration_seconds": 1, "quality": "quality", "aspect_ratio": "9:16"}
    assert {**taken, **asked, "resolution": "720p", "with_image": False, "state": "queued"} == taken
    [stored] = [vars(record) for record in caplog.records if getattr(record, "action", "") == "stored"]
    assert (stored["gcs_path"], stored["duration_seconds"]) == (heard.gcs_path, heard.duration_seconds)
    assert (stored["model"], stored["size_bytes"]) == (heard.model, (await bench.job()).result.size_bytes)  # type: ignore[union-attr]
    assert not any("Marmalade" in str(vars(record)) for record in caplog.records)
