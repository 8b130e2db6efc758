"""A caller with too many queued jobs is refused, without harm to its jobs and to other callers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from publisher.facade import coalescing
from schemas.ports import BATCH_WORKERS, WORKERS, JobQuery
from tests.facade.customers import ACME, KEYS, ZEBRA, Customer
from tests.facade.doors import ASYNC, Door, door_to, settings_for
from tests.facade.hand import hand_at
from tests.facade.test_intake import call_and_hang_up
from tests.images import data_url, png


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """Two jobs of a project may be queued. Callers stop waiting at once."""
    async with door_to(settings_for(tmp_path, max_queued_per_caller=2, submits_per_minute=3, wait_s=0.01)) as door:
        yield door


def _check_refused(answer: httpx.Response, whose: str) -> None:
    error = answer.json()["error"]
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "20")
    assert (error["category"], error["code"], error["retryable"]) == ("quota", "too_many_queued", True)
    words = f"queued jobs of {whose} are limited to 2; no job was made, send the request again later"
    assert answer.json()["detail"] == words
    assert "video_id" not in answer.json()


async def test_a_project_at_its_limit_is_refused_and_nothing_is_stored(door: Door) -> None:
    await door.queued(project_id="p", priority="batch")
    await door.queued(project_id="p")
    _check_refused(await door.post(project_id="p", reference_image=data_url(png())), "project p")
    assert len((await door.desk.jobs.list(JobQuery())).jobs) == 2
    assert await door.desk.videos.list("") == []


async def test_another_project_has_its_own_limit(door: Door) -> None:
    for project_id in ("p", "p", "q", "q", None, None):
        await door.queued(project_id=project_id)
    _check_refused(await door.post(project_id="q"), "project q")
    _check_refused(await door.post(), "no project")


async def test_a_job_that_left_the_queue_makes_room(door: Door) -> None:
    first, _ = await door.queued(), await door.queued()
    await door.client.delete(f"/api/videos/{first}")
    await door.queued()


async def test_the_same_call_again_is_not_refused(door: Door) -> None:
    key = {**ASYNC, "Idempotency-Key": "one"}
    first = await door.post(key)
    await door.queued()
    again = await door.post(key)
    assert (again.status_code, again.json()["video_id"]) == (202, first.json()["video_id"])
    assert (await door.post(key, duration_seconds=9)).status_code == 409


async def test_a_caller_without_an_id_comes_back_to_its_job(door: Door) -> None:
    missed = await door.post()
    await door.queued(duration_seconds=9)
    again = await door.post()
    assert (missed.status_code, again.status_code) == (504, 504)
    assert again.json()["video_id"] == missed.json()["video_id"]
    _check_refused(await door.post(duration_seconds=8), "no project")


async def test_a_call_that_is_repeated_while_its_job_is_still_waited_for_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The facade does not know yet that the first caller has hung up."""
    monkeypatch.setattr(coalescing, "MOMENT_S", 3600)
    settings = settings_for(tmp_path, max_queued_per_caller=1, submits_per_minute=3)
    async with door_to(settings) as door, hand_at(door.desk) as hand:
        hung_up = asyncio.Event()
        first = asyncio.create_task(call_and_hang_up(door, hung_up))
        job_id = await hand.take()
        again = asyncio.create_task(door.post())
        await asyncio.wait({again}, timeout=0.05)
        hung_up.set()
        await first
        await hand.finish(job_id)
        answer = await again
    assert (answer.status_code, answer.json()["video_id"]) == (200, job_id)


async def test_each_caller_has_its_own_limit_whatever_its_projects(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, max_queued_per_caller=2, submits_per_minute=3, api_keys=KEYS)
    async with door_to(settings) as door:
        acme, zebra = Customer(door, ACME), Customer(door, ZEBRA)
        await acme.queued(project_id="p")
        await acme.queued(project_id="q")
        _check_refused(await acme.post(project_id="r"), "this caller")
        await zebra.queued(project_id="p")


async def test_a_request_waits_in_its_lane_and_its_place_there_is_shown(door: Door) -> None:
    await door.queued(project_id="p")
    batch = await door.queued(project_id="p", priority="batch")
    waiting = [[each["job_id"] for each in await door.desk.bus.list_waiting(lane)] for lane in (WORKERS, BATCH_WORKERS)]
    assert waiting[1] == [batch]
    assert batch not in waiting[0]
    assert (await door.client.get(f"/api/videos/{batch}")).json()["queue_position"] == 1
