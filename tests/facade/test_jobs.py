"""Jobs by their id, and lists of them."""

import asyncio
import base64
import json
from dataclasses import replace

import pytest

from schemas.wire.message import decode_command
from tests.facade.doors import Door, door_over
from tests.facade.faults import UnreachableJobs
from tests.facade.hand import Hand


async def test_a_job_is_shown_as_it_moves(door: Door, hand: Hand) -> None:
    job_id = await door.queued(project_id="p", labels={"team": "a"})
    seen = []
    for move in (hand.start, hand.accept, hand.render, hand.store):
        await move(job_id)
        seen.append((await door.client.get(f"/api/videos/{job_id}")).json())
    assert [view["state"] for view in seen] == ["submitting", "generating", "storing", "succeeded"]
    last = seen[-1]
    assert (last["video_id"], last["progress"], last["project_id"], last["labels"]) == (job_id, 1, "p", {"team": "a"})
    assert last["video_url"].endswith(last["gcs_path"])
    assert last["poster_url"].endswith(".jpg")
    assert last["history"][0]["state"] == "queued"
    assert last["clips"][0]["state"] == "done"
    assert last["created_at"].endswith("Z")


async def test_the_queue_has_an_order(door: Door) -> None:
    first, second = await door.queued(), await door.queued()
    positions = [(await door.client.get(f"/api/videos/{job}")).json()["queue_position"] for job in (first, second)]
    assert positions == [1, 2]


async def test_waiting_for_the_end(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    waiting = asyncio.create_task(door.client.get(f"/api/videos/{job_id}?wait=60"))
    await hand.finish(await hand.take())
    assert (await waiting).json()["state"] == "succeeded"
    assert (await door.client.get(f"/api/videos/{job_id}?wait=60")).json()["state"] == "succeeded"


@pytest.mark.parametrize("wait", ["-1", "281", "1.5", "soon", ""])
async def test_a_bad_wait(door: Door, wait: str) -> None:
    job_id = await door.queued()
    answer = await door.client.get(f"/api/videos/{job_id}", params={"wait": wait})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "wait")
    assert answer.json()["detail"] == f"Invalid request: wait must be a whole number from 0 to 280, not {wait!r}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/videos/never-was"),
        ("GET", "/api/videos/never-was?wait=60"),
        ("GET", "/api/videos/never-was/events"),
        ("DELETE", "/api/videos/never-was"),
        ("GET", "/api/videos/not%20an%20id"),
        ("GET", "/api/videos/" + "x" * 65),
    ],
)
async def test_a_job_that_never_was(door: Door, method: str, path: str) -> None:
    answer = await door.client.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("Not found: ")


@pytest.mark.parametrize(
    "odd", ["one%0a", "one%0d%0a", "%0aone", "one%00", "one%20", "o.ne", "%C3%A9", "x" * 65, "one%0a%0a"]
)
@pytest.mark.parametrize(("method", "more"), [("GET", ""), ("GET", "?wait=60"), ("GET", "/events"), ("DELETE", "")])
async def test_an_id_of_another_grammar_is_not_looked_for(door: Door, method: str, more: str, odd: str) -> None:
    assert await door.queued(job_id="one") == "one"
    answer = await door.client.request(method, f"/api/videos/{odd}{more}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    async with door_over({**door.state, "ctx": replace(door.desk, jobs=UnreachableJobs())}) as blind:
        again = await blind.client.request(method, f"/api/videos/{odd}{more}")
        assert again.status_code == 404, "the store is not asked"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/api/videos", "/api/videos/health", "/openapi.json", "/"])
async def test_a_line_break_after_a_path_is_another_path(door: Door, path: str) -> None:
    assert (await door.client.get(path)).status_code == 200
    assert (await door.client.get(f"{path}%0a")).status_code == 404


async def test_cancelling_before_the_submit(door: Door, hand: Hand) -> None:
    waiting = asyncio.create_task(door.post())
    job_id = await hand.take()
    answer = await door.client.delete(f"/api/videos/{job_id}")
    assert (answer.status_code, answer.json()["state"], answer.json()["charged"]) == (200, "cancelled", "no")
    refusal = await waiting
    assert (refusal.status_code, refusal.json()["error"]["category"]) == (409, "cancelled")
    nudge = await hand.take_delivery()
    assert decode_command(nudge.message).job_id == job_id
    job = await door.desk.jobs.get(job_id)
    assert job is not None
    assert not job.completion_due


async def test_cancelling_while_a_submit_is_under_way_is_a_wish(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    await hand.start(job_id, price_usd=1)
    view = (await door.client.delete(f"/api/videos/{job_id}")).json()
    assert (view["state"], view["cancel_requested"]) == ("submitting", True)
    await hand.accept(job_id)
    view = (await door.client.get(f"/api/videos/{job_id}")).json()
    assert (view["state"], view["charged"], view["cost_usd"]) == ("cancelled", "yes", 1)


async def test_cancelling_what_has_ended_changes_nothing(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    await hand.finish(job_id)
    before = (await door.client.get(f"/api/videos/{job_id}")).json()
    assert (await door.client.delete(f"/api/videos/{job_id}")).json() == before


async def test_lists(door: Door, hand: Hand) -> None:
    jobs = [await door.queued(project_id="a") for _ in range(3)] + [await door.queued(project_id="b")]
    await hand.finish(jobs[0])

    async def listed(**params: str | int) -> list[str]:
        answer = await door.client.get("/api/videos", params=params)
        assert answer.status_code == 200, answer.text
        return [view["video_id"] for view in answer.json()["videos"]]

    assert await listed() == jobs[::-1]
    assert await listed(project_id="a") == jobs[2::-1]
    assert await listed(state="succeeded") == jobs[:1]
    assert await listed(state="queued", project_id="b") == jobs[3:]
    page = (await door.client.get("/api/videos", params={"limit": 3})).json()
    assert len(page["videos"]) == 3
    assert await listed(limit=3, cursor=page["next_cursor"]) == jobs[:1]


def _cursor(job_id: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(["c", 1, job_id]).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("params", "detail"),
    [
        ({"state": "done"}, "state must be one of queued, submitting, generating"),
        ({"cursor": "%%%"}, "cursor is not one that this listing gave out"),
        *(({"cursor": _cursor(job_id)}, "cursor is not one") for job_id in ("\ud800", "a/b", "", "x" * 65, "x\n", 7)),
        ({"limit": "0"}, "limit must be a whole number from 1 to 200"),
        ({"limit": "many"}, "limit must be a whole number from 1 to 200"),
        ({"status": "queued"}, "status is not a known parameter"),
    ],
)
async def test_a_bad_filter(door: Door, params: dict[str, str], detail: str) -> None:
    answer = await door.client.get("/api/videos", params=params)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(f"Invalid request: {detail}")
