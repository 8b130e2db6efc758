"""How the command line bears with a facade that stumbles."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from publisher.cli import http_client
from publisher.cli.http_client import HttpClient, events
from publisher.cli.output import JobUpdate
from publisher.jobs import JobFilter
from schemas.domain.states import JobState
from schemas.errors import Conflict, Invalid, NotFound, ReelbusError, Unavailable
from schemas.wire.request import VideoRequest
from tests.cli.commands import PROMPT

REQUEST = VideoRequest(job_id="one", prompt=PROMPT)
SOON = {"Retry-After": "0"}


def _client(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url="http://facade", transport=httpx.MockTransport(answer))


async def test_submit_is_repeated_with_the_same_id() -> None:
    sent: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        if len(sent) < 3:
            return httpx.Response(503, json={"detail": "draining"}, headers=SOON)
        return httpx.Response(202, json={})

    async with _client(answer) as client:
        await HttpClient(client).submit(REQUEST)
    assert len(sent) == 3
    assert len(set(sent)) == 1
    assert b'"job_id":"one"' in sent[0]


async def test_a_long_pause_is_left_to_the_user() -> None:
    sent: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return httpx.Response(429, json={"detail": "queued jobs are limited to 2"}, headers={"Retry-After": "600"})

    async with _client(answer) as client:
        with pytest.raises(Unavailable, match=r"are limited to 2; the facade asks for a pause of 600 s") as refusal:
            await HttpClient(client).submit(REQUEST)
    assert (len(sent), refusal.value.retry_after_s) == (1, 600)


async def test_the_conditions_of_a_list_are_sent() -> None:
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(str(request.url.query, "ascii"))
        return httpx.Response(200, json={"videos": []})

    async with _client(answer) as client:
        await HttpClient(client).list(JobFilter(q="a b", jobs_of="acme", limit=3))
    assert sent == ["q=a+b&limit=3&caller=acme"]


async def test_submit_of_a_job_that_failed_before_is_no_error() -> None:
    body = {"detail": "Server error during video generation: broke", "video_id": "one"}
    async with _client(lambda _: httpx.Response(500, json=body)) as client:
        await HttpClient(client).submit(REQUEST)


@pytest.mark.parametrize(
    ("status", "detail", "kind", "words"),
    [
        (400, "Invalid request: prompt is required", Invalid, "prompt is required"),
        (404, "Not found: there is no job one", NotFound, "there is no job one"),
        (409, "Conflict: the id is taken", Conflict, "the id is taken"),
        (413, "The body must have at most 10 bytes", Invalid, "The body must have at most 10 bytes"),
        (401, "Send an API key", Invalid, "Send an API key"),
        (403, "This account may not", Invalid, "This account may not"),
        (503, "draining", Unavailable, "draining"),
    ],
)
async def test_refusals_are_our_own_errors(status: int, detail: str, kind: type[ReelbusError], words: str) -> None:
    async with _client(lambda _: httpx.Response(status, json={"detail": detail})) as client:
        with pytest.raises(kind, match=words):
            await HttpClient(client).status("one")


@pytest.mark.parametrize("status", [200, 404, 502])
async def test_another_server_is_out_of_reach_and_not_believed(status: int) -> None:
    async with _client(lambda _: httpx.Response(status, text="<html>")) as client:
        with pytest.raises(Unavailable, match="as reelbus does"):
            await HttpClient(client).status("one")


async def test_events_of_a_newer_facade_are_passed_over() -> None:
    stream = (
        'event: state\ndata: {"state": "queued"}\n\nevent: mood\ndata: fine\n\nevent: state\ndata: {"state": "ne"}\n\n'
    )
    headers = {"Content-Type": "text/event-stream"}
    async with _client(lambda _: httpx.Response(200, text=stream, headers=headers)) as client:
        heard = [news async for news in events(client, "/events")]
    assert heard == [JobUpdate(state=JobState.QUEUED)]


async def test_heartbeats_show_that_the_facade_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that waits for long has no news: a facade that restarts after that has not been away for all the time."""
    monkeypatch.setattr(http_client, "_AWAY_AT_MOST_S", 0.5)
    asked: list[str] = []

    async def stream() -> AsyncIterator[bytes]:
        yield b'id: 1\nevent: state\ndata: {"state": "queued"}\n\n'
        for _ in range(8):
            await asyncio.sleep(0.1)
            yield b": still here\n\n"
        raise httpx.ReadError("the facade went down")

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path.endswith("/events"):
            return httpx.Response(200, content=stream(), headers={"Content-Type": "text/event-stream"})
        if len(asked) < 3:
            raise httpx.ConnectError("not up yet")
        return httpx.Response(404, json={"detail": "Not found: there is no job one"})

    async with _client(answer) as client:
        with pytest.raises(NotFound):
            _ = [news async for news in HttpClient(client).follow("one")]
    assert len(asked) > 2
