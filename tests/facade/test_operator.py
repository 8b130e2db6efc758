"""The calls that act by HTTP: replay, resolve, erase, dead letters, trouble and health."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from publisher.access import Access
from publisher.films.orders import order_film
from schemas.domain import events as ev
from schemas.domain.film import FilmState, join_failure
from schemas.domain.job import Job
from schemas.errors import Category, Charged, Failure
from schemas.ports import REQUESTS
from schemas.services.update import update_job
from schemas.wire.film import FilmRequest
from schemas.wire.message import Message, encode_request
from tests.facade.doors import Door, door_to, settings_for
from tests.facade.hand import Hand, hand_at

BROKE = Failure(category=Category.INTERNAL, code="broke", message="It broke.", charged=Charged.NO)
LOST = Failure(category=Category.UPSTREAM, code="submit_unknown", message="It is lost.", charged=Charged.UNKNOWN)


async def act(door: Door, job_id: str, what: str, **body: Any) -> httpx.Response:
    return await door.client.post(f"/api/videos/{job_id}/{what}", json=body)


async def record(door: Door, job_id: str) -> Job:
    job = await door.desk.jobs.get(job_id)
    assert job is not None
    return job


async def failed(door: Door, hand: Hand, *, price_usd: int = 0, **body: Any) -> str:
    """A job whose clip was sent to a model, and withdrawn; then the job failed."""
    job_id = await door.queued(**body)
    await hand.take()
    await hand.start(job_id, price_usd=price_usd)
    await update_job(
        door.desk.jobs,
        job_id,
        lambda _: ev.SubmitWithdrawn(at=door.desk.clock.now(), nonce="nonce", cause=BROKE),
    )
    await hand.fail(job_id, BROKE)
    return job_id


async def doubtful(door: Door, hand: Hand) -> str:
    """A failed job of which one submit may have been charged."""
    job_id = await door.queued()
    await hand.take()
    await hand.start(job_id, price_usd=3)
    at = door.desk.clock.now
    await update_job(door.desk.jobs, job_id, lambda _: ev.SubmitOutcomeUnknown(at=at(), nonce="nonce"))
    await update_job(door.desk.jobs, job_id, lambda _: ev.SubmitGivenUp(at=at(), failure=LOST))
    return job_id


async def test_a_free_replay(door: Door, hand: Hand) -> None:
    job_id = await failed(door, hand)
    quote = (await door.client.get(f"/api/videos/{job_id}/replay")).json()
    assert (quote["may_replay"], quote["price_usd"], quote["payments"], quote["life"]) == (True, 0, [], 1)
    body = (await act(door, job_id, "replay")).json()
    assert (body["state"], body["life"]) == ("queued", 2)
    assert await hand.take() == job_id


async def test_a_paid_replay_says_its_price_and_pays_only_what_was_agreed(door: Door, hand: Hand) -> None:
    job_id = await failed(door, hand, price_usd=3)
    quote = (await door.client.get(f"/api/videos/{job_id}/replay")).json()
    assert quote["price_usd"] == 3
    assert quote["payments"] == [{"clip": 0, "model": "hand", "price_usd": 3, "charged_usd": 0, "doubts": 0}]
    for body in ({}, {"life": 1}, {"pay": 2.99, "life": 1}, {"pay": 3.01, "life": 1}, {"pay": 0, "life": 1}):
        answer = await act(door, job_id, "replay", **body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (402, "payment_due"), body
        assert (answer.json()["price_usd"], answer.json()["payments"]) == (3, quote["payments"])
        assert (await record(door, job_id)).life == 1
    without_life = await act(door, job_id, "replay", pay=3)
    assert (without_life.status_code, without_life.json()["error"]["field"]) == (400, "life")
    assert (await act(door, job_id, "replay", pay=3, life=1)).json()["life"] == 2


async def test_a_repeated_replay_pays_once(door: Door, hand: Hand) -> None:
    """Its answer was lost, and the job has failed again meanwhile."""
    job_id = await failed(door, hand, price_usd=3)
    await act(door, job_id, "replay", pay=3, life=1)
    await hand.take()
    await hand.fail(job_id, BROKE)
    body = (await act(door, job_id, "replay", pay=3, life=1)).json()
    assert (body["state"], body["life"]) == ("failed", 2)
    assert (await act(door, job_id, "replay", pay=3, life=3)).status_code == 400


async def test_what_can_not_be_replayed(door: Door, hand: Hand) -> None:
    done = await door.queued()
    await hand.finish(await hand.take())
    quote = (await door.client.get(f"/api/videos/{done}/replay")).json()
    assert (quote["may_replay"], "already has its video" in quote["why_not"]) == (False, True)
    assert (await act(door, done, "replay")).status_code == 400
    waiting = await door.queued()
    assert not (await door.client.get(f"/api/videos/{waiting}/replay")).json()["may_replay"]
    assert (await act(door, waiting, "replay")).json()["life"] == 1
    assert (await act(door, "never-was", "replay")).status_code == 404


async def test_a_doubt_is_shown_and_resolved(door: Door, hand: Hand) -> None:
    job_id = await doubtful(door, hand)
    evidence = (await door.client.get(f"/api/videos/{job_id}/resolve")).json()
    (doubt,) = evidence["doubts"]
    assert (doubt["clip"], doubt["attempt"], doubt["charged"], doubt["price_usd"]) == (0, 1, "unknown", 3)
    stale = await act(door, job_id, "resolve", decision="charged", clip=0, attempt=2)
    assert (stale.status_code, stale.json()["error"]["code"]) == (409, "conflict")
    done = (await act(door, job_id, "resolve", decision="charged", clip=0, attempt=1)).json()
    assert (done["job"]["charged"], done["job"]["cost_usd"], done["adopted"]) == ("yes", 3, None)
    assert (await act(door, job_id, "resolve", decision="charged", clip=0, attempt=1)).status_code == 400


async def test_a_second_submit_needs_its_price(door: Door, hand: Hand) -> None:
    job_id = await doubtful(door, hand)
    wanted = {"decision": "resubmit", "clip": 0, "attempt": 1}
    due = await act(door, job_id, "resolve", **wanted)
    assert (due.status_code, due.json()["price_usd"]) == (402, 3)
    assert due.json()["payments"][0]["doubts"] == 1
    assert (await record(door, job_id)).life == 1
    body = (await act(door, job_id, "resolve", **wanted, pay=3)).json()
    assert (body["job"]["state"], body["job"]["life"]) == ("queued", 2)
    again = await act(door, job_id, "resolve", **wanted, pay=3)
    assert again.status_code == 400, "the job lives, and no clip is in doubt"


async def test_a_job_is_erased(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    preview = (await door.client.get(f"/api/videos/{job_id}/erase")).json()
    assert (preview["may_erase"], "has not ended" in preview["why_not"]) == (False, True)
    assert (await act(door, job_id, "erase")).status_code == 400
    await hand.finish(await hand.take())
    assert (await door.client.get(f"/api/videos/{job_id}/erase")).json() == {"may_erase": True, "why_not": None}
    assert (await act(door, job_id, "erase")).json()["erased"] == [job_id]
    assert (await record(door, job_id)).erased_at is not None
    assert (await act(door, job_id, "erase")).json()["erased"] == [job_id], "a repeat changes nothing"
    assert (await act(door, job_id, "replay")).status_code == 400


async def test_dead_letters(door: Door, hand: Hand) -> None:
    job_id = await door.queued(labels={"team": "growth"})
    await hand.bury("given up")
    (letter,) = (await door.client.get("/api/dead-letters")).json()["dead_letters"]
    assert (letter["job_id"], letter["cause"]) == (job_id, "given up")
    assert "body" not in letter
    path = f"/api/dead-letters/{letter['id']}"
    shown = (await door.client.get(path)).json()
    assert (shown["body"]["labels"], shown["replay"]["price_usd"]) == ({"team": "growth"}, 0)
    assert (await door.client.post(f"{path}/replay", json={})).json()["replayed"] == letter["id"]
    assert await hand.take() == job_id
    assert (await door.client.post(f"{path}/replay", json={})).status_code == 404
    await door.desk.bus.publish(REQUESTS, Message(data=b"\xff no request <script>"))
    await hand.bury("no request")
    (other,) = (await door.client.get("/api/dead-letters?limit=1")).json()["dead_letters"]
    path = f"/api/dead-letters/{other['id']}"
    assert "<script>" in (await door.client.get(path)).json()["body"]
    assert (await door.client.delete(path)).json()["dropped"] == other["id"]
    assert (await door.client.delete(path)).status_code == 404


async def test_a_dead_letter_pays_only_what_was_agreed(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path)) as door, hand_at(door.desk) as hand:
        job_id = await failed(door, hand, price_usd=3)
        request = (await record(door, job_id)).request
        await door.desk.bus.publish(REQUESTS, encode_request(request, at=door.desk.clock.now()))
        await hand.bury("given up")
        (letter,) = (await door.client.get("/api/dead-letters")).json()["dead_letters"]
        path = f"/api/dead-letters/{letter['id']}"
        assert (await door.client.get(path)).json()["replay"]["price_usd"] == 3
        due = await door.client.post(f"{path}/replay", json={})
        assert (due.status_code, due.json()["price_usd"]) == (402, 3)
        assert (await record(door, job_id)).life == 1
        assert (await door.client.post(f"{path}/replay", json={"pay": 3})).status_code == 200
        assert (await record(door, job_id)).life == 2


@pytest.mark.parametrize("letter_id", ["0", "nonsense", "a" * 256, "..", "-1"])
async def test_a_letter_that_is_none(door: Door, letter_id: str) -> None:
    for method in ("GET", "DELETE"):
        assert (await door.client.request(method, f"/api/dead-letters/{letter_id}")).status_code == 404


@pytest.mark.parametrize(
    ("what", "body", "field"),
    [
        ("replay", {"pay": "much"}, "pay"),
        ("replay", {"pay": -1}, "pay"),
        ("replay", {"pays": 1}, "pays"),
        ("replay", {"life": 0}, "life"),
        ("resolve", {"decision": "maybe", "clip": 0, "attempt": 1}, "decision"),
        ("resolve", {"clip": 0, "attempt": 1}, "decision"),
        ("resolve", {"decision": "charged", "clip": -1, "attempt": 1}, "clip"),
        ("erase", {"really": True}, "really"),
    ],
)
async def test_a_bad_body(door: Door, what: str, body: dict[str, Any], field: str) -> None:
    answer = await act(door, await door.queued(), what, **body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)


@pytest.mark.parametrize("what", ["replay", "resolve", "erase"])
async def test_a_body_that_is_no_small_json(door: Door, what: str) -> None:
    job_id = await door.queued()
    for content, kind, status in ((b"{}", "text/plain", 415), (b"[1]", "application/json", 400)):
        answer = await door.client.post(f"/api/videos/{job_id}/{what}", content=content, headers={"Content-Type": kind})
        assert answer.status_code == status
    large = b'{"pay": 1' + b" " * 20_000 + b"}"
    assert (await door.client.post(f"/api/videos/{job_id}/{what}", content=large)).status_code == 400


async def test_trouble_names_one_action_for_each(door: Door, hand: Hand) -> None:
    in_doubt = await doubtful(door, hand)
    await door.queued()
    await hand.bury("given up")
    body = (await door.client.get("/api/trouble")).json()
    assert [letter["cause"] for letter in body["dead_letters"]] == ["given up"]
    (stuck,) = body["doubtful"]
    assert (stuck["video_id"], stuck["action"], stuck["price_usd"]) == (in_doubt, "resolve", 3)
    assert (body["late"], body["overdue"]) == ([], [])
    assert body["films"] == []
    assert body["more"] == dict.fromkeys(("dead_letters", "doubtful", "late", "overdue", "films"), False)
    await act(door, in_doubt, "resolve", decision="not_charged", clip=0, attempt=1)
    assert (await door.client.get("/api/trouble")).json()["doubtful"] == []


async def test_held_and_failed_films_are_in_trouble(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.trouble.SHOWN_AT_MOST", 2)
    films = door.desk.films
    assert films
    states = [FilmState.FAILED, FilmState.FAILED, FilmState.FAILED, FilmState.HELD, FilmState.CANCELLED]
    for number, state in enumerate(states):
        board = {"film_id": f"film-{number}", "scenes": [{"name": "one", "prompt": "A garden at noon"}]}
        film = await order_film(door.desk, FilmRequest.model_validate(board), Access())
        reason = None if state is FilmState.CANCELLED else join_failure("broke", "/tmp/work/one.mp4 is no video")
        await films.save(film.end(film.changed_at, state, reason))
    body = (await door.client.get("/api/trouble")).json()
    found = [(film["film_id"], film["state"]) for film in body["films"]]
    assert found == [("film-3", "held"), ("film-2", "failed"), ("film-1", "failed")]
    assert body["more"]["films"] is True
    assert body["films"][0]["error"]["message"] == "(a file of the server) is no video"


async def test_jobs_that_wait_for_long_are_overdue(door: Door) -> None:
    job_id, now = await door.queued(), door.desk.clock.now()
    job = await record(door, job_id)
    past = tuple(step.model_copy(update={"at": now - timedelta(hours=2)}) for step in job.history)
    await door.desk.jobs.save(job.model_copy(update={"history": past, "waiting_for": "quota"}))
    await door.queued()
    (stuck,) = (await door.client.get("/api/trouble")).json()["overdue"]
    assert (stuck["video_id"], stuck["action"], stuck["why"]) == (job_id, "cancel", "waits for quota")


async def test_a_late_clip_is_shown(door: Door, hand: Hand) -> None:
    job_id = await doubtful(door, hand)
    late = ev.AcceptedLate(at=door.desk.clock.now(), clip=0, nonce="nonce", operation=f"work/{job_id}/0/1/clip.mp4")
    await update_job(door.desk.jobs, job_id, lambda _: late)
    (stuck,) = (await door.client.get("/api/trouble")).json()["late"]
    assert (stuck["video_id"], stuck["action"], stuck["price_usd"]) == (job_id, "replay", 3)


async def test_health_of_the_workers(door: Door, hand: Hand) -> None:
    await door.queued()
    await door.queued()
    await hand.finish(await hand.take())
    body = (await door.client.get("/api/health/workers")).json()
    assert (body["counts"]["queued"], body["counts"]["succeeded"], body["dead_letters"]) == (1, 1, 0)
    assert body["oldest_queued_at"] is not None
    backlog = {row["subscription"]: row for row in body["backlog"]}
    assert backlog["video-workers"]["messages"] == 1
    assert backlog["video-workers"]["oldest_at"] is not None
    assert body["workers"] == []
