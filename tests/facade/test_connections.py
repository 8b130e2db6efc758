"""What connections may cost: half-sent heads, idle ones, answers that are not read, bodies that don't end."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from publisher.facade.request_body import Overloaded, Uploads
from publisher.facade.server import LINES_AT_MOST, LogLimit
from tests.facade.doors import GENERATE, JSON, PROMPT, Door, door_to, settings_for
from tests.facade.process import Server, server_at

_HALF = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
_WHOLE = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
_POST = b"POST /api/videos/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


class _Line:
    """One connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = dict(line.lower().split(b": ", 1) for line in head.splitlines()[1:-1])
        return int(head.split()[1]), await self.reader.readexactly(int(lines[b"content-length"]))

    async def ended(self) -> bytes:
        """What came before the other side closed."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""


@asynccontextmanager
async def _line(server: Server, sent: bytes = b"") -> AsyncIterator[_Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.settings.port)
    try:
        writer.write(sent)
        yield _Line(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_what_sends_no_whole_head_is_closed(tmp_path: Path) -> None:
    async with server_at(tmp_path, head_within_s=0.2) as server:
        for sent in (b"", b"GET", _HALF, _WHOLE, _WHOLE + _HALF):
            async with _line(server, sent) as line:
                if sent.startswith(_WHOLE):
                    assert await line.answer() == (200, b'{"status":"alive"}')
                assert await line.ended() == b""


async def test_a_head_that_trickles_is_closed(tmp_path: Path) -> None:
    async with server_at(tmp_path, head_within_s=0.3) as server, _line(server, _HALF) as line:

        async def trickle() -> None:
            while True:
                line.writer.write(b"x")
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        assert await line.ended() == b""
        trickling.cancel()


async def test_a_body_that_is_not_read_keeps_no_connection(tmp_path: Path) -> None:
    """Refused by its head; what the caller goes on sending is thrown away for a while, and no longer."""
    async with server_at(tmp_path, head_within_s=0.3) as server:
        head = b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
        async with _line(server, head) as line:

            async def trickle() -> None:
                while True:
                    line.writer.write(b"x")
                    await asyncio.sleep(0.02)

            trickling = asyncio.create_task(trickle())
            assert (await line.ended()).startswith(b"HTTP/1.1 404 ")
            trickling.cancel()


async def test_half_heads_give_way_to_those_who_ask(tmp_path: Path) -> None:
    async with server_at(tmp_path, max_connections=5, head_within_s=60) as server, AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(_line(server, _HALF)) for _ in range(20)]
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/livez")).status_code == 200
        assert await lines[0].ended() == b""


async def test_where_all_are_at_work_a_new_one_is_told(tmp_path: Path) -> None:
    async with server_at(tmp_path, max_connections=3) as server:
        async with httpx.AsyncClient(base_url=server.url, headers=JSON) as client:
            job = (await client.post(GENERATE, json={"prompt": PROMPT}, headers={"Prefer": "respond-async"})).json()
        watch = f"GET /api/videos/{job['video_id']}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        async with _line(server, watch) as one, _line(server, watch) as two, _line(server, watch) as three:
            for line in (one, two, three):
                assert (await line.reader.readline()).startswith(b"HTTP/1.1 200 ")
            async with _line(server, _WHOLE) as more:
                status, body = await more.answer()
                assert (status, b'"too_many_connections"' in body) == (503, True)
                assert await more.ended() == b""
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/livez")).status_code == 200


async def test_an_answer_that_is_not_read_is_given_up(tmp_path: Path) -> None:
    film = tmp_path / "videos/generated-videos/long.mp4"
    async with server_at(tmp_path, send_within_s=2) as server:
        film.parent.mkdir(exist_ok=True)
        film.write_bytes(bytes(30_000_000))
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.connect(("127.0.0.1", server.settings.port))
            line.sendall(b"GET /videos/generated-videos/long.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await server.logged("connection_stalled")
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert len((await client.get("/videos/generated-videos/long.mp4")).content) == 30_000_000


_CHUNKED = _POST + b"Transfer-Encoding: chunked\r\n\r\n"
_UNCLEAR = [
    (_POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (_POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    (_POST.replace(b"1.1", b"1.0", 1) + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (_POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    (_POST + b"Content-Length: 2\n\r\n{}", 400),
    (_POST + b"X: y\nContent-Length: 2\r\n\r\n{}", 400),
    (_POST + b"Content-Length: 2\r\n\n{}", 400),
    (b"GET /livez HTTP/1.1\nHost: localhost\n\n", 400),
    (_POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y\n\n", 400),
    (_POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 2000, 400),
    (b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 300 + b"\r\n", 431),
    (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    (_POST + b"X: y\r\n Content-Length: 2\r\n\r\n{}", 400),
    (_POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    (_CHUNKED + b"2\r\n{}\r\n0\r\nX: y\r\n\tz\r\n\r\n", 400),
    (b"GET /livez HTTP/1.1\rHost: localhost\r\r", 400),
    (_POST + b"X: y\rContent-Length: 2\r\n\r\n{}", 400),
    (_POST + b"X: y\0\r\nContent-Length: 2\r\n\r\n{}", 400),
    (_POST + b"Content-Length : 2\r\n\r\n{}", 400),
    (_POST + b"Content-Length: +2\r\n\r\n{}", 400),
    (_POST + b"Content-Length: 2, 3\r\n\r\n{}", 400),
    (_POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    (_POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    (_POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    (_CHUNKED + b"2\n{}\r\n0\r\n\r\n", 400),
    (_CHUNKED + b"2\r\n{}\n0\r\n\r\n", 400),
    (_CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n", 400),
    (_CHUNKED + b"1" + b"0" * 20 + b"2\r\n{}\r\n0\r\n\r\n", 400),
    (b"GET  /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /livez HTTP/1.1\r\n\r\n", 400),
    (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /livez\r\n\r\n", 400),
    (b"GET /livez HTTP/0.9\r\nHost: localhost\r\n\r\n", 505),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
]


async def test_what_two_servers_could_read_in_two_ways_is_refused(tmp_path: Path) -> None:
    async with server_at(tmp_path) as server:
        for request, status in _UNCLEAR:
            async with _line(server, request + _WHOLE) as line:
                answer, body = await line.answer()
                assert (answer, b'"success":false' in body) == (status, True), request[:200]
                assert b"alive" not in await line.ended(), "and the connection is closed"
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get("/api/videos")).json()["videos"] == []


_CLEAR = [
    (_CHUNKED + b"1\r\n{\r\n2;x=y\r\n\n}\r\n0\r\nX: y\r\n\r\n", 400),
    (_CHUNKED + b'0002;x="y;z"\r\n{}\r\n0\r\nContent-Length: 500\r\n\r\n', 400),
    (_POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    (_POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}", 400),
    (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
    (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n", 200),
    (b"GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
    (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    (b"CONNECT /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
]
"""A POST without a prompt is a 400, once its body was read."""


async def test_each_pipelined_call_has_one_answer(tmp_path: Path) -> None:
    async with server_at(tmp_path) as server:
        for request, status in _CLEAR:
            async with _line(server, request + _WHOLE) as line:
                assert (await line.answer())[0] == status, request
                assert await line.answer() == (200, b'{"status":"alive"}'), request


async def test_a_body_that_was_announced_is_asked_for(tmp_path: Path) -> None:
    head = _POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    async with server_at(tmp_path) as server, _line(server, head) as line:
        assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.writer.write(b"{}" + _WHOLE)
        assert [(await line.answer())[0] for _ in range(2)] == [400, 200]


async def test_bodies_share_a_room_and_small_ones_need_none(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, body_limit_bytes=200_000, bodies_limit_bytes=200_000)
    async with door_to(settings) as door:
        held, more = asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(door.client.post(GENERATE, content=_slow(150_000, held, more)))
        await held.wait()
        second = asyncio.create_task(door.client.post(GENERATE, content=b" " * 150_000))
        small = await door.post({"Prefer": "respond-async"})
        assert small.status_code == 202
        assert not second.done()
        more.set()
        assert [(await each).status_code for each in (first, second)] == [400, 400]
        assert await _whole_room(door)


async def test_room_is_given_back_by_who_hangs_up(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, body_limit_bytes=200_000, bodies_limit_bytes=200_000)
    async with door_to(settings) as door:
        held, never = asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(door.client.post(GENERATE, content=_slow(150_000, held, never)))
        await held.wait()
        waiting = asyncio.create_task(door.client.post(GENERATE, content=b" " * 190_000))
        third = asyncio.create_task(door.client.post(GENERATE, content=b" " * 150_000))
        await asyncio.sleep(0)
        for gone in (waiting, first):
            gone.cancel()
        await asyncio.wait({first, waiting})
        assert (await third).status_code == 400
        assert await _whole_room(door)


async def test_no_room_is_a_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.facade.request_body.WITHIN_S", 0.01)
    uploads = Uploads(settings_for(tmp_path, body_limit_bytes=100, bodies_limit_bytes=100))
    await uploads.take(60)
    with pytest.raises(Overloaded, match="no job was made of this request"):
        await uploads.take(50)
    await uploads.take(40)


def test_one_event_fills_no_log() -> None:
    limit, written = LogLimit(), list[str]()
    for number in range(1000):
        record = logging.makeLogRecord({"name": "asyncio", "msg": f"out of files\nsocket {number}"})
        if limit.filter(record):
            written.append(record.getMessage())
    assert len(written) == LINES_AT_MOST
    assert limit.filter(logging.makeLogRecord({"name": "asyncio", "msg": "something else"}))


def test_every_answered_request_is_logged_and_a_flood_of_refused_ones_is_not() -> None:
    limit = LogLimit()
    record = {"name": "publisher.facade.middleware", "msg": "request answered"}
    written = {
        status: sum(limit.filter(logging.makeLogRecord({**record, "status": status})) for _ in range(100))
        for status in (200, 400, 429)
    }
    assert written == {200: 100, 400: LINES_AT_MOST, 429: LINES_AT_MOST}


async def _slow(size: int, held: asyncio.Event, more: asyncio.Event) -> AsyncIterator[bytes]:
    yield b" " * (size - 1)
    yield b" "
    held.set()
    await more.wait()


async def _whole_room(door: Door) -> bool:
    async with asyncio.timeout(5):
        await door.state["uploads"].take(200_000)
    return True
