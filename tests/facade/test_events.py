"""The event stream: the states in order, an estimate in between, the job at the end, and then the end."""

import asyncio
import json
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest

from publisher.context import find
from publisher.dead_letters import replay
from publisher.facade.watched_jobs import WatchedJobs
from schemas.domain.job import Job
from schemas.errors import Category, Charged, Failure
from tests.facade.doors import Door
from tests.facade.faults import BlindJobs, HastyClock
from tests.facade.hand import Hand

STATES = ["queued", "submitting", "generating", "storing", "succeeded"]


@dataclass(frozen=True, slots=True)
class _Event:
    name: str
    id: str | None
    data: dict[str, Any]


def _events(text: str) -> list[_Event]:
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
    return [_Event(block["event"], block.get("id"), json.loads(block["data"])) for block in blocks if "event" in block]


async def test_a_stream_follows_the_job(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    watching = asyncio.create_task(door.client.get(f"/api/videos/{job_id}/events"))
    await hand.finish(await hand.take())
    answer = await watching
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = _events(answer.text)
    states = [event for event in told if event.name == "state"]
    assert [event.data["state"] for event in states] == STATES
    assert [event.id for event in states] == [event.data["at"] for event in states]
    assert [event.name for event in told][-1] == "done"
    shown = (await door.client.get(f"/api/videos/{job_id}")).json()
    assert told[-1].data == shown
    assert {event.name for event in told} == {"state", "progress", "done"}


async def test_a_stream_of_an_ended_job_tells_all_and_ends(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    await hand.fail(job_id, Failure(category=Category.QUOTA, code="quota", message="No quota.", charged=Charged.NO))
    told = _events((await door.client.get(f"/api/videos/{job_id}/events")).text)
    assert [(event.name, event.data["state"]) for event in told] == [
        ("state", "queued"),
        ("state", "failed"),
        ("done", "failed"),
    ]
    assert told[-1].data["error"]["message"] == "No quota."


async def test_a_listener_goes_on_where_it_was(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    await hand.finish(job_id)
    path = f"/api/videos/{job_id}/events"
    told = _events((await door.client.get(path)).text)
    heard = next(event.id for event in told if event.data["state"] == "generating")
    again = _events((await door.client.get(path, headers={"Last-Event-ID": str(heard)})).text)
    assert [event.data["state"] for event in again if event.id and event.id > str(heard)] == [
        event.data["state"] for event in told if event.id and event.id > str(heard)
    ]
    assert all(event.id is None or event.id > str(heard) for event in again)
    assert again[-1].name == "done"
    foreign = _events((await door.client.get(path, headers={"Last-Event-ID": "yesterday"})).text)
    assert len(foreign) == len(told)


async def test_a_listener_that_heard_the_end_is_told_to_stop(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    path = f"/api/videos/{job_id}/events"
    await hand.fail(job_id, Failure(category=Category.QUOTA, code="quota", message="No quota.", charged=Charged.NO))
    told = _events((await door.client.get(path)).text)
    *_, state, done = told
    again = await door.client.get(path, headers={"Last-Event-ID": str(done.id)})
    assert (again.status_code, again.content) == (204, b"")
    cut_off = _events((await door.client.get(path, headers={"Last-Event-ID": str(state.id)})).text)
    assert [event.name for event in cut_off] == ["done"], "it heard the state, and not the job"
    await replay(door.desk, job_id)
    live = asyncio.create_task(door.client.get(path, headers={"Last-Event-ID": str(done.id)}))
    await hand.finish(job_id)
    assert _events((await live).text)[-1].data["state"] == "succeeded", "and a job that lives again is heard again"


async def test_head_opens_no_stream(door: Door) -> None:
    job_id = await door.queued()
    answer = await door.client.head(f"/api/videos/{job_id}/events")
    assert (answer.status_code, answer.content) == (200, b"")


class _CountedJobs(BlindJobs):
    """A job store that counts the reads of records."""

    reads = 0

    async def get(self, job_id: str) -> Job | None:
        self.reads += 1
        return await super().get(job_id)


class StoppedClock(HastyClock):
    """A clock that stands still until a test moves it on."""

    passed_s = 0.0

    def boot(self) -> float:
        return self.passed_s


@pytest.fixture
def watched(door: Door) -> tuple[WatchedJobs, _CountedJobs, StoppedClock]:
    jobs, clock = _CountedJobs(door.desk.jobs), StoppedClock(door.desk.clock)
    return WatchedJobs(replace(door.desk, jobs=jobs, clock=clock), look_every_s=1), jobs, clock


async def test_idle_streams_of_a_job_share_reads_that_get_rarer(
    door: Door, hand: Hand, watched: tuple[WatchedJobs, _CountedJobs, StoppedClock]
) -> None:
    watched_jobs, jobs, clock = watched
    job = await find(door.desk, await door.queued())
    read_after_s = list[float]()
    with ExitStack() as stack:
        streams = [stack.enter_context(watched_jobs.watch(job)) for _ in range(100)]
        for second in range(20):
            before, clock.passed_s = jobs.reads, second
            looks = await asyncio.gather(*(stream.look() for stream in streams))
            assert {look[0].revision for look in looks} == {job.revision}
            read_after_s += [second] * (jobs.reads - before)
        assert read_after_s == [0, 1, 3, 7, 12, 17], "not 2,000 reads"
        await hand.start(job.job_id)
        looked = [(await streams[0].look())[0].state]
        for clock.passed_s in range(20, 25):
            looked.append((await streams[0].look())[0].state)
        assert looked == ["queued", "queued", "queued", "submitting", "submitting", "submitting"]
        assert jobs.reads == 8, "after a change the pause is short again"


async def test_a_completion_is_one_read_for_all_streams(
    door: Door, hand: Hand, watched: tuple[WatchedJobs, _CountedJobs, StoppedClock]
) -> None:
    watched_jobs, jobs, clock = watched
    job = await find(door.desk, await door.queued())
    with ExitStack() as stack:
        streams = [stack.enter_context(watched_jobs.watch(job)) for _ in range(100)]
        await streams[0].look()
        await hand.finish(job.job_id)
        assert not (await streams[0].look())[0].ended
        reads, news_at, clock.passed_s = jobs.reads, 0.001, 0.002
        looks = await asyncio.gather(*(stream.look(news_at) for stream in streams))
        assert all(look[0].ended for look in looks)
        assert jobs.reads == reads + 1


async def test_a_stream_goes_on_while_the_store_is_out_of_reach(
    door: Door, hand: Hand, watched: tuple[WatchedJobs, _CountedJobs, StoppedClock]
) -> None:
    watched_jobs, jobs, clock = watched
    job = await hand.accept((await hand.start(await door.queued())).job_id)
    with watched_jobs.watch(job) as stream:
        first, _ = await stream.look()
        jobs.blind, clock.passed_s = True, 1
        second, _ = await stream.look()
        assert (second.revision, second.state) == (first.revision, first.state)
        jobs.blind = False
        await hand.render(job.job_id)
        clock.passed_s = 100
        assert (await stream.look())[0].state == "storing"


async def test_what_was_read_for_streams_is_forgotten_with_the_last_one(door: Door) -> None:
    job_id = await door.queued()
    watching = asyncio.create_task(door.client.get(f"/api/videos/{job_id}/events"))
    other = asyncio.create_task(door.client.get(f"/api/videos/{job_id}/events"))
    while door.state["waiters"].waiting < 2:  # noqa: ASYNC110  # waiters report no event for it
        await asyncio.sleep(0)
    assert door.state["watched_jobs"].count == 1
    await door.client.delete(f"/api/videos/{job_id}")
    await asyncio.gather(watching, other)
    assert (door.state["watched_jobs"].count, door.state["waiters"].waiting) == (0, 0)
