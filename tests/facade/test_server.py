"""The facade as a real server: hang-ups, a large body on the wire, streams, and a quick and polite end."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse

from publisher.compose import open_context
from tests.facade.doors import ASYNC, GENERATE, JSON, PROMPT
from tests.facade.hand import Hand, hand_at
from tests.facade.process import Server, server_at

BODY = json.dumps({"prompt": PROMPT}).encode()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with server_at(tmp_path) as server:
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, headers=JSON, timeout=30) as client:
        yield client


@pytest.fixture
async def hand(server: Server) -> AsyncIterator[Hand]:
    async with open_context(server.settings) as desk, hand_at(desk) as hand:
        yield hand


async def test_a_video_across_processes(client: httpx.AsyncClient, hand: Hand) -> None:
    calling = asyncio.create_task(client.post(GENERATE, content=BODY))
    job = await hand.finish(await hand.take())
    answer = await calling
    assert (answer.status_code, answer.json()["gcs_path"]) == (200, job.final_name)
    part = await client.get(answer.json()["video_url"], headers={"Range": "bytes=0-9"})
    assert (part.status_code, len(part.content)) == (206, 10)


async def test_a_caller_that_hangs_up_cancels_nothing_and_may_come_back(
    server: Server, client: httpx.AsyncClient, hand: Hand
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.settings.port)
    writer.write(_head(f"Content-Length: {len(BODY)}") + BODY)
    job_id = await hand.take()
    writer.close()
    await writer.wait_closed()
    assert await reader.read() == b""
    await server.logged("wait_hung_up")
    assert (await client.get(f"/api/videos/{job_id}")).json()["state"] == "queued"
    calling = asyncio.create_task(client.post(GENERATE, content=BODY))
    await hand.finish(job_id)
    assert (await calling).json()["video_id"] == job_id


async def test_a_caller_that_retries_at_once_comes_back(server: Server, client: httpx.AsyncClient, hand: Hand) -> None:
    for _ in range(5):
        _, writer = await asyncio.open_connection("127.0.0.1", server.settings.port)
        writer.write(_head(f"Content-Length: {len(BODY)}") + BODY)
        job_id = await hand.take()
        writer.close()
        answer = await client.post(GENERATE, content=BODY, headers=ASYNC)
        assert answer.json()["video_id"] == job_id
        await hand.finish(job_id)
        assert (await client.post(GENERATE, content=BODY)).json()["video_id"] == job_id


async def test_a_stream_is_live(client: httpx.AsyncClient, hand: Hand) -> None:
    job_id = (await client.post(GENERATE, content=BODY, headers=ASYNC)).json()["video_id"]
    async with aconnect_sse(client, "GET", f"/api/videos/{job_id}/events") as source:
        stream = source.aiter_sse()
        first = await anext(stream)
        assert (first.event, first.json()["state"]) == ("state", "queued")
        await hand.finish(job_id)
        rest = [event async for event in stream]
    states = [event.json()["state"] for event in rest if event.event == "state"]
    assert states == ["submitting", "generating", "storing", "succeeded"]
    assert rest[-1].event == "done"


async def test_silence_on_a_stream_is_broken(tmp_path: Path) -> None:
    async with (
        server_at(tmp_path, heartbeat_s=0.05) as server,
        httpx.AsyncClient(base_url=server.url, headers=JSON) as client,
    ):
        job_id = (await client.post(GENERATE, content=BODY, headers=ASYNC)).json()["video_id"]
        async with client.stream("GET", f"/api/videos/{job_id}/events") as answer:
            lines = answer.aiter_lines()
            heard = [await anext(lines) for _ in range(20)]
    assert ": still here" in heard


@pytest.mark.parametrize("framing", ["Content-Length: 60000000", "Transfer-Encoding: chunked"])
async def test_a_large_body_gets_its_413_while_it_is_sent(server: Server, framing: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.settings.port)
    writer.write(_head(framing))
    chunked = framing.endswith("chunked")
    answering = asyncio.create_task(reader.readuntil(b"\r\n"))
    for _ in range(60):
        writer.write(b"f4240\r\n" * chunked + bytes(1_000_000) + b"\r\n" * chunked)
        await writer.drain()
    assert (await answering).startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_a_refusal_keeps_the_connection(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.settings.port)
    for headers in ("Content-Length: 2", "Content-Type: text/plain\r\nContent-Length: 2"):
        writer.write(_head(headers) + b"{}")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 415 ")), head
        lines = dict(line.split(b": ", 1) for line in head.lower().splitlines()[1:-1])
        await reader.readexactly(int(lines[b"content-length"]))
    writer.close()


async def test_sigterm_answers_everybody_and_ends_soon(server: Server, client: httpx.AsyncClient, hand: Hand) -> None:
    async with _watched(client, hand) as (job_id, stream):
        calling = asyncio.create_task(client.post(GENERATE, content=BODY))
        waited_for = await hand.take()
        getting = asyncio.create_task(client.get(f"/api/videos/{job_id}?wait=280"))
        async with httpx.AsyncClient(base_url=server.url) as idle:
            assert (await idle.get("/readyz")).status_code == 200
            began = time.monotonic()
            assert await server.terminate() == 0
            took_s = time.monotonic() - began
        answers = await asyncio.gather(calling, getting)
        assert [answer.status_code for answer in answers] == [503, 503]
        assert [answer.json()["video_id"] for answer in answers] == [waited_for, job_id]
        assert {event.event async for event in stream} <= {"state", "progress"}
    assert took_s < 2


async def test_it_is_ready_soon(tmp_path: Path) -> None:
    began = time.monotonic()
    async with server_at(tmp_path):
        took_s = time.monotonic() - began
    assert took_s < 5, "1 s on a quiet machine; tests share theirs"


@asynccontextmanager
async def _watched(client: httpx.AsyncClient, hand: Hand) -> AsyncIterator[tuple[str, AsyncIterator[ServerSentEvent]]]:
    body = json.dumps({"prompt": "another prompt for the stream"})
    job_id = (await client.post(GENERATE, content=body, headers=ASYNC)).json()["video_id"]
    assert await hand.take() == job_id
    async with aconnect_sse(client, "GET", f"/api/videos/{job_id}/events") as source:
        stream = source.aiter_sse()
        await anext(stream)
        yield job_id, stream


def _head(*headers: str) -> bytes:
    said = () if any(line.startswith("Content-Type:") for line in headers) else ("Content-Type: application/json",)
    lines = (f"POST {GENERATE} HTTP/1.1", "Host: localhost", *said, *headers, "", "")
    return "\r\n".join(lines).encode()
