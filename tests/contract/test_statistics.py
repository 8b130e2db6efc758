"""What every store counts for an operator."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from infra.adapters import Adapters
from schemas.domain.states import JobState
from schemas.ports import Bus, Heartbeats, JobStore, Statistics, Subscription
from schemas.wire.message import Message
from tests.contract.conftest import ADAPTERS
from tests.contract.test_jobs import a_job
from tests.gcp.emulated import Project


@dataclass(frozen=True, kw_only=True)
class Backend:
    """Statistics, and what they are about."""

    statistics: Statistics
    jobs: JobStore
    heartbeats: Heartbeats
    bus: Bus | None
    """None if the messages are elsewhere."""


@pytest.fixture(params=ADAPTERS)
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    url = f"sqlite://{tmp_path}/jobs.db"
    if is_emulator := request.param == "emulator":
        project = request.getfixturevalue("project")
        assert isinstance(project, Project)
        url = project.jobs_url
    async with Adapters() as adapters:
        yield Backend(
            statistics=await adapters.statistics(url),
            jobs=await adapters.jobs(url),
            heartbeats=await adapters.heartbeats(url),
            bus=None if is_emulator else await adapters.bus(url),
        )


async def test_jobs_are_counted_by_state_to_a_limit(backend: Backend) -> None:
    for index in range(5):
        await backend.jobs.create(a_job(f"j{index}", state=JobState.FAILED if index == 0 else JobState.QUEUED))
    counts = [await backend.statistics.count(state, at_most=3) for state in (JobState.QUEUED, JobState.FAILED)]
    assert counts == [3, 1]
    assert await backend.statistics.count(JobState.STORING, at_most=3) == 0


async def test_the_oldest_come_first(backend: Backend) -> None:
    for index, minute in enumerate((3, 1, 2)):
        await backend.jobs.create(a_job(f"j{index}", minute=minute))
    await backend.jobs.create(a_job("ended", state=JobState.FAILED))
    oldest = await backend.statistics.oldest(JobState.QUEUED, limit=2)
    assert [job.job_id for job in oldest] == ["j1", "j2"]


async def test_what_workers_say_of_themselves(backend: Backend) -> None:
    assert await backend.statistics.beats() == []
    await backend.heartbeats.beat("first", '{"running": 1}')
    await backend.heartbeats.beat("second")
    await backend.heartbeats.beat("first", '{"running": 2}')
    beats = {beat.owner: beat for beat in await backend.statistics.beats()}
    assert (dict(beats["first"].report), dict(beats["second"].report)) == ({"running": 2}, {})
    assert all(beat.read_at - beat.at < timedelta(minutes=1) for beat in beats.values())


async def test_what_waits_on_the_bus(backend: Backend) -> None:
    own = Subscription(name="own", topic="topic")
    assert await backend.statistics.backlog("own") is None
    if backend.bus is None:
        return  # Pub/Sub holds the messages
    await backend.bus.ensure(own)
    for number in range(3):
        at = f"2026-01-31T12:00:0{number}.000Z"
        await backend.bus.publish("topic", Message(data=b"x", attributes={"ce-time": at}))
    found = await backend.statistics.backlog("own")
    assert found is not None
    assert found.oldest_at is not None
    assert (found.messages, found.oldest_at.second) == (3, 0)
