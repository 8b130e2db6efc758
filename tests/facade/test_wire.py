"""What no client would send: bodies that trickle, and heads that mean harm, byte by byte on the wire."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.facade.process import server_at

_HEAD = b"POST /api/videos/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


async def test_a_body_that_trickles_is_given_up(tmp_path: Path) -> None:
    async with server_at(tmp_path, body_within_s=0.3) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.settings.port)
        writer.write(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        trickle = asyncio.create_task(_trickle(writer))
        answer = await reader.readuntil(b"}")
        trickle.cancel()
        await reader.read()  # until the facade closes the connection
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"The body must arrive within 0.3 s" in answer
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/api/videos")).json()["videos"] == []


async def _trickle(writer: asyncio.StreamWriter) -> None:
    """A byte now and then, for ever."""
    while True:
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Length: 99999999999999999999", b"413"),
        (b"Content-Length: 28000001", b"413"),
        (b"Content-Length: -1", b"400"),
        (b"Content-Length: 1_0", b"400"),
        (b"Content-Length: 2\r\nContent-Length: 3", b"400"),
        (b"Idempotency-Key: a\rX-Evil: 1\r\nContent-Length: 0", b"400"),
        (b"traceparent: a\0b\r\nContent-Length: 0", b"400"),
        (b"X-Long: " + b"x" * 100_000, b"431"),
    ],
)
async def test_heads_that_mean_harm(tmp_path: Path, head: bytes, status: bytes) -> None:
    async with server_at(tmp_path) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.settings.port)
        writer.write(_HEAD + head + b"\r\n\r\n")
        answer = await reader.readline()
        writer.close()
        assert answer.split()[1] == status
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://localhost/api/videos?limit=1", b"200"),
        (b"HTTP://127.0.0.1:8000/api/videos/", b"200"),
        (b"http://localhost", b"200"),
        (b"http://evil.example/api/videos", b"421"),
        (b"http://localhost@evil.example/api/videos", b"421"),
        (b"http:///api/videos", b"421"),
        (b"ftp://localhost/api/videos", b"404"),
    ],
)
async def test_a_whole_url_as_the_target_counts_instead_of_the_host(
    tmp_path: Path, target: bytes, status: bytes
) -> None:
    async with server_at(tmp_path) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.settings.port)
        writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 " + status)
        writer.close()
