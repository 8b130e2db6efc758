"""A worker that sleeps through its own replacement, woken when all is over: it neither sends nor overwrites.

Real processes, the first one stopped (SIGSTOP) at exactly one point; the other takes over by the clock alone.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from publisher.compose import open_context
from publisher.context import PublisherContext
from publisher.settings import PublisherSettings
from publisher.submit import submit
from publisher.waiting import Waiters
from schemas.domain.job import Job
from schemas.domain.states import ClipState, JobState
from schemas.wire.request import VideoRequest
from tests.chaos.google import WholeFiles
from tests.chaos.house import environment_of
from tests.chaos.journal import Journal
from tests.chaos.part import Part
from tests.vertex.rig import BUCKET, a_request
from tests.vertex.server import WireVertex, vertex_at

WINDOWS = {"SUBMIT_WITHIN_S": "2", "SUBMIT_TIMEOUT_S": "3", "SUBMITTING_HOLD_S": "6", "GENERATION_S": "2"}
REQUEST = a_request(job_id="chaos-0001", on_unknown_submit="resubmit", duration_seconds=3)
PATIENCE_S = 60


@dataclass(frozen=True)
class Street:
    """A desk, a model, and workers that come and go."""

    folder: Path
    desk: PublisherContext
    vertex: WireVertex
    journal: Journal

    @asynccontextmanager
    async def worker(self, **variables: str) -> AsyncIterator[Part]:
        """One that takes requests, until it is asked to stop."""
        windows = {**WINDOWS, "VERTEX_BASE_URL": self.vertex.url}
        environment = {**environment_of(self.folder, windows), **variables}
        part = Part("worker", ("tests.chaos.worker",), environment, self.folder, self.journal, is_forked=True)
        keeping = asyncio.create_task(part.keep())
        try:
            await part.ready.wait()
            yield part
            await part.end()
            await keeping
        finally:
            part.kill()
            await asyncio.gather(keeping, return_exceptions=True)

    async def ended(self, request: VideoRequest) -> Job:
        """The job, once somebody brought it to its end."""
        async with Waiters(self.desk, look_every_s=1) as waiters:
            job = await waiters.until_ended(request.job_id, PATIENCE_S)
        assert job, self.journal.lines_about([request.job_id])
        return job

    async def replaced(self, point: str) -> tuple[Job, Job]:
        """The ended job, before and after the worker that had begun it woke up and went home."""
        async with self.worker(CHAOS_STOP=point) as zombie:
            await submit(self.desk, REQUEST)
            await _stopped(zombie.pid)
            async with self.worker():
                before = await self.ended(REQUEST)
            assert not self.journal.actions["write_refused"]
        after = await self.desk.jobs.get(REQUEST.job_id)
        assert after
        return before, after


async def _stopped(pid: int) -> None:
    """Until a signal has stopped this process."""
    while not _is_stopped(pid):  # noqa: ASYNC110 - the kernel tells only its parent, the fork server
        await asyncio.sleep(0.02)


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    videos = tmp_path / "data" / "videos"
    videos.mkdir(parents=True)
    journal = Journal(tmp_path / "log")
    settings = PublisherSettings(data_dir=tmp_path / "data")
    async with open_context(settings) as desk, vertex_at(WholeFiles(videos, BUCKET)) as vertex:
        yield Street(tmp_path, desk, vertex, journal)
    journal.close()
    assert journal.crashes == []
    assert journal.complaints == []


async def test_a_zombie_that_had_not_sent_yet_does_not_send_and_its_write_is_refused(street: Street) -> None:
    before, after = await street.replaced("before")
    assert before.state is JobState.SUCCEEDED
    assert after.revision == before.revision  # nothing was written
    assert street.vertex.books.posts == 1
    (accepted,) = street.vertex.books.accepted
    assert not accepted.storage_uri.endswith("/1/")  # that would be the zombie's attempt
    assert street.journal.actions["write_refused"] == 1


async def test_a_zombie_that_was_accepted_does_not_overwrite_what_the_other_made_of_it(street: Street) -> None:
    before, after = await street.replaced("after")
    assert before.state is JobState.SUCCEEDED
    assert street.vertex.books.posts == len(street.vertex.books.accepted) == 1
    assert street.journal.actions["write_refused"] == 1
    (clip,) = after.clips
    assert clip.operation  # what only the zombie knew is added, once it has decided again; all else is as it was
    known = after.model_copy(update={"clips": (clip.model_copy(update={"operation": None}),)})
    assert known.model_dump() == before.model_dump()
    assert (clip.state, clip.charges) == (ClipState.DONE, 1)
