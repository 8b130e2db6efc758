"""The package over HTTP: real facades and workers, killed and restarted while Node waits."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.processes import House, Part
from tests.node.driver import Node, Refused, logged, node, refusal, until

PROMPT = "A paper boat on a city river"
SHORT = {"prompt": PROMPT, "duration_seconds": 1}


@pytest.mark.quick
async def test_a_video_is_asked_for_watched_and_asked_for_again(house: House) -> None:
    order = {**SHORT, "job_id": "order-1", "labels": {"team": "growth"}}
    with house.facade() as (_, url), house.worker():
        async with node(url) as js:
            assert (await js.call("submit", order))["video_id"] == "order-1"
            job = await js.call("onProgress", "order-1")
            video = await js.call("wait", "order-1")
            again = await js.call("generate", order)
            assert (await js.call("submit", order))["state"] == "succeeded"
            status = await js.call("status", "order-1")
    states = [each["state"] for each in _drained(js) if each["event"] == "state"]
    assert (states[0], states[-1], job["state"], status["state"]) == ("queued", "succeeded", "succeeded", "succeeded")
    addresses = {name: video[name] for name in ("video_url", "videoUrl", "poster_url", "posterUrl")}
    assert video == {**again, **addresses}
    assert (video["success"], video["prompt"], video["duration_seconds"]) == (True, PROMPT, 1)
    assert video["generation_time"] == job["timings"]["ended_at"]
    assert video["labels"] == {"team": "growth"}
    assert [path.name for path in house.finals()] == [video["gcs_path"].removeprefix("generated-videos/")]


async def test_the_price_before_the_job_and_a_replay_after_it(house: House) -> None:
    with house.facade() as (_, url):
        async with node(url) as js:
            plan = await js.call("plan", {**SHORT, "job_id": "order-1"})
            assert (plan["price_usd"], plan["model"], plan["video_id"]) == (0, "animatic", None)
            assert await js.call("list", {"q": "order-1"}) == {"videos": [], "next_cursor": None, "nextCursor": None}
            await js.call("submit", {**SHORT, "job_id": "order-1", "labels": {"team": "growth"}})
            assert (await js.call("plan", {**SHORT, "job_id": "order-1", "labels": {"team": "growth"}}))[
                "video_id"
            ] == "order-1"
            (listed,) = (await js.call("list", {"label": "team=growth", "limit": 5}))["videos"]
            assert (await js.call("cancel", "order-1"))["state"] == "cancelled"
            quote = await js.call("quoteReplay", "order-1")
            replayed = await js.call("replay", "order-1", {"life": quote["life"], "pay": quote["price_usd"]})
            assert (await js.call("spend", {}))["total"]["charged_usd"] == 0
            assert (await js.call("deadLetters", {}))["dead_letters"] == []
            assert (await js.call("trouble", {}))["overdue"] == []
            assert (await js.call("workers", {}))["counts"]["queued"] == 1
            refused = await refusal(js.ask("evidence", "order-1"))
            missing = await refusal(js.ask("deadLetter", "a/b"))
    assert (listed["video_id"], replayed["state"], replayed["life"]) == ("order-1", "queued", 2)
    assert (refused["code"], missing["status"]) == ("invalid_request", 404)


async def test_a_504_is_followed_by_a_look_at_the_same_job(house: House) -> None:
    patient = House(house.folder, house.log, {"REELBUS_WAIT_S": "1"})
    with patient.facade() as (_, url):
        async with node(url) as js:
            asking = js.ask("generate", {**SHORT, "job_id": "slow"})
            await logged(house, "wait_over")
            with house.worker():
                video = await asking
    assert video["video_id"] == "slow"
    assert len(house.finals()) == 1


async def test_a_facade_that_is_killed_and_comes_back_answers_for_the_same_job(house: House) -> None:
    with house.facade() as (facade, url):
        async with node(url) as js:
            asking = js.ask("generate", SHORT)
            await logged(house, "submit_published")
            facade.kill()
            with _again(house, url), house.worker():
                await asking
    assert len(house.finals()) == 1


async def test_a_facade_that_stops_sends_its_callers_to_the_next_one(house: House) -> None:
    with house.facade() as (facade, url):
        async with node(url) as js:
            asking = js.ask("generate", SHORT)
            watching = js.ask("submit", {**SHORT, "job_id": "watched"})
            await watching
            progress = js.ask("onProgress", "watched")
            assert (await js.news.get())["state"] == "queued"
            await logged(house, "submit_published", times=2)
            assert await asyncio.to_thread(facade.stop) == 0
            with _again(house, url), house.worker():
                await asking
                assert (await progress)["state"] == "succeeded"
    assert len(house.finals()) == 2


async def test_a_worker_that_is_killed_changes_nothing_for_who_waits(house: House) -> None:
    with house.facade() as (_, url):
        async with node(url) as js:
            asking = js.ask("generate", {"prompt": PROMPT, "duration_seconds": 3, "job_id": "cut-off"})
            await logged(house, "submit_published")
            with house.worker() as worker:
                watching = js.ask("onProgress", "cut-off")
                while (await _next_state(js)) != "generating":
                    pass
                worker.kill()
            with house.worker():
                assert (await asking)["video_id"] == "cut-off"
                await watching
    assert len(house.finals()) == 1


async def test_a_node_process_that_is_killed_waits_again_by_the_video_s_id(house: House) -> None:
    with house.facade() as (_, url):
        async with node(url) as js:
            asking = js.ask("generate", {**SHORT, "job_id": "order-7"})
            await logged(house, "submit_published")
            await js.kill()
        async with node(url) as js:
            waiting = js.ask("wait", "order-7")
            with house.worker():
                assert (await waiting)["video_id"] == "order-7"
    assert not asking.done()
    assert len(house.finals()) == 1


async def test_an_abort_ends_the_wait_and_not_the_job(house: House) -> None:
    with house.facade() as (_, url):
        async with node(url) as js:
            asking = js.ask("generate", {**SHORT, "job_id": "left"})
            await logged(house, "submit_published")
            js.abort(0)
            with pytest.raises(Refused, match="enough") as caught:
                await asking
            assert not caught.value.error["isOurs"]
            assert caught.value.error["videoId"] == "left"
            with house.worker():
                assert (await js.call("wait", "left"))["video_id"] == "left"


async def test_the_same_call_again_after_an_abort_is_the_same_job(house: House) -> None:
    with house.facade() as (_, url):
        async with node(url) as js, node(url) as other:
            first = js.ask("generate", SHORT)
            await logged(house, "submit_published")
            js.abort(0)
            with pytest.raises(Refused, match="enough") as caught:
                await first
            await logged(house, "wait_hung_up")
            second = other.ask("generate", SHORT)
            await logged(house, "reattach_found")
            await other.kill()
            await logged(house, "wait_hung_up", times=2)
        async with node(url) as js:
            with house.worker():
                video = await js.call("generate", SHORT)
                again = await js.call("generate", SHORT)
    assert not second.done()
    assert video["video_id"] == caught.value.error["videoId"]
    assert again["video_id"] != video["video_id"], "the call was answered: this is a new one"
    assert len(house.finals()) == 2


async def test_the_old_service_s_function_makes_no_second_job_of_a_process_that_was_restarted(house: House) -> None:
    """On another machine each time: only the facade knows that the call before got no answer."""
    with house.facade() as (_, url):
        for attempt in (1, 2):
            async with node(url, variables={"TMPDIR": "/dev/null"}) as js:
                asking = js.ask("generateVideoFromPrompt", PROMPT, 1)
                await logged(house, "submit_published" if attempt == 1 else "reattach_found")
                await js.kill()
            assert not asking.done()
            await logged(house, "wait_hung_up", times=attempt)
        with house.worker():
            async with node(url, variables={"TMPDIR": "/dev/null"}) as js:
                result = await js.call("generateVideoFromPrompt", PROMPT, 1)
    assert result["success"]
    assert len(house.finals()) == 1


async def test_a_call_that_is_answered_late_owes_its_caller_nothing_more(house: House) -> None:
    hasty = House(house.folder, house.log, {"REELBUS_WAIT_S": "0.1"})
    with hasty.facade() as (_, url), house.worker():
        async with node(url) as js:
            first = await js.call("generate", SHORT)
            second = await js.call("generate", SHORT)
    assert first["video_id"] != second["video_id"]


async def test_a_cancel_is_told_to_who_waits(house: House) -> None:
    with house.facade() as (_, url):
        async with node(url) as js:
            asking = js.ask("generate", {**SHORT, "job_id": "unwanted"})
            await logged(house, "submit_published")
            assert (await js.call("cancel", "unwanted"))["state"] == "cancelled"
            error = await refusal(asking)
    assert (error["category"], error["status"], error["charged"]) == ("cancelled", 409, "no")
    assert error["videoId"] == "unwanted"


async def test_a_request_beyond_the_limit_is_sent_again_until_it_has_room(house: House) -> None:
    limited = House(
        house.folder, house.log, {"REELBUS_MAX_QUEUED_PER_CALLER": "1", "REELBUS_SUBMITS_PER_MINUTE": "600"}
    )
    with limited.facade() as (_, url):
        async with node(url) as js:
            await js.call("submit", {**SHORT, "job_id": "first"})
            second = js.ask("submit", {**SHORT, "job_id": "second", "priority": "batch"})
            await until(lambda: any(line.get("code") == "too_many_queued" for line in house.logged()))
            assert not second.done()
            await js.call("cancel", "first")
            assert (await second)["video_id"] == "second"


async def test_a_facade_that_keeps_nobody_waiting_is_asked_again_and_again(house: House) -> None:
    hasty = House(house.folder, house.log, {"REELBUS_WAIT_S": "0"})
    with hasty.facade() as (_, url), house.worker():
        async with node(url) as js:
            assert (await js.call("generate", SHORT))["success"]
    assert len(house.finals()) == 1


@contextmanager
def _again(house: House, url: str) -> Iterator[Part]:
    """Another facade at the same address."""
    part = house.start("publisher", "serve", "--port", str(urlsplit(url).port))
    try:
        yield part
    finally:
        part.stop()


async def _next_state(js: Node) -> str:
    while (news := await js.news.get())["event"] != "state":
        pass
    state: str = news["state"]
    return state


def _drained(js: Node) -> list[dict[str, Any]]:
    return [js.news.get_nowait() for _ in range(js.news.qsize())]
