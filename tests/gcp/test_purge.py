"""A purge on Pub/Sub, where a dead letter can't be seen while somebody else looks at it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from infra.adapters import Adapters
from infra.clock import SystemClock
from infra.gcp.pubsub.bus import PubSubBus
from publisher.context import PublisherContext
from publisher.jobs import cancel
from publisher.purge import purge
from publisher.submit import submit
from schemas.domain.job import LATE_RESULT_WINDOW, Job
from schemas.ports import DEAD_WORKERS, WORKERS, Bus
from schemas.wire.request import VideoRequest
from tests.gcp.emulated import Project


@pytest.fixture
async def desk(project: Project, tmp_path: Path) -> AsyncIterator[PublisherContext]:
    async with Adapters() as adapters:
        desk = PublisherContext(
            bus=await adapters.bus(project.bus_url),
            jobs=await adapters.jobs(f"sqlite://{tmp_path}/reelbus.db"),
            videos=await adapters.videos(f"file://{tmp_path}/videos", base_url="http://localhost:8000"),
            clock=SystemClock(),
        )
        for subscription in (WORKERS, DEAD_WORKERS):
            await desk.bus.ensure(subscription)
        yield desk


@pytest.mark.emulator
async def test_what_somebody_else_looks_at_is_looked_for_again(
    desk: PublisherContext, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await _given_up_long_ago(desk)
    async with Adapters() as others:
        other = await others.bus(project.bus_url)
        await other.ensure(WORKERS)
        with await asyncio.to_thread(_looked_at, other) as done:
            report = await purge(desk, [job.job_id])
            done.set()
    assert (report.erased, report.unfinished) == ([job.job_id], [job.job_id])
    assert await _open(desk)
    assert len(await desk.bus.dead_letters()) == 1
    assert (await purge(desk, [job.job_id])).unfinished == [job.job_id]
    assert await desk.bus.dead_letters() == []
    assert await _open(desk)
    monkeypatch.setattr("schemas.services.erasure.LETTERS_HIDE_FOR", timedelta())
    assert (await purge(desk, [job.job_id])).unfinished == []
    assert not await _open(desk)


async def _given_up_long_ago(desk: PublisherContext) -> Job:
    await submit(desk, VideoRequest(job_id="one", prompt="A harbour at dawn"))
    async with desk.bus.subscribe(WORKERS, limit=1) as deliveries:
        await (await anext(deliveries)).dead_letter("test")
    while not await desk.bus.dead_letters():
        pass
    job = await cancel(desk, "one")
    history = tuple(step.model_copy(update={"at": step.at - LATE_RESULT_WINDOW * 2}) for step in job.history)
    newest = await desk.jobs.get("one")
    assert newest
    return await desk.jobs.save(newest.model_copy(update={"history": history}))


async def _open(desk: PublisherContext) -> bool:
    """Whether `reconcile` comes back for it."""
    job = await desk.jobs.get("one")
    assert job
    assert (job.sweep_until is None) == (job.next_check_at is None)
    return job.sweep_until is not None


@contextmanager
def _holding(done: threading.Event, thread: threading.Thread) -> Iterator[threading.Event]:
    try:
        yield done
    finally:
        done.set()
        thread.join()


def _looked_at(bus: Bus) -> AbstractContextManager[threading.Event]:
    """Somebody looks at every letter, until the event is set. Blocks until the look has begun."""
    assert isinstance(bus, PubSubBus)
    looking, done = threading.Event(), threading.Event()

    def look() -> None:
        with bus._dead_letters.pull_all(bus._dead_letter_paths) as found:
            assert found
            looking.set()
            done.wait()

    thread = threading.Thread(target=look)
    thread.start()
    looking.wait()
    return _holding(done, thread)
