"""The event stream: the states in order, an estimate in between, the job at the end, and then the end."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from publisher.dead_letters import replay
from schemas.errors import Category, Charged, Failure
from tests.facade.doors import Door
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
