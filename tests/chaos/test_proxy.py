"""The proxy passes everything on until it is cut; then lines break, and nobody is let in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.chaos.proxy import HOST, Proxy


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """In front of a server that says everything twice, and ends at a goodbye."""

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (line := await reader.readline()) not in (b"", b"bye\n"):
            writer.write(line * 2)
        writer.close()

    server = await asyncio.start_server(twice, HOST, 0)
    async with server, Proxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


async def test_what_is_said_is_passed_on_both_ways_to_the_last_byte_and_so_is_the_end(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection(HOST, proxy.port)
    writer.write(b"hello\n" * 20_000 + b"bye\n")
    assert await reader.read() == b"hello\n" * 40_000
    writer.close()


async def test_a_cut_breaks_lines_and_lets_nobody_in_until_it_is_mended(proxy: Proxy) -> None:
    port = proxy.port
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"hello\n")
    assert await reader.readexactly(12) == b"hello\nhello\n"
    await proxy.cut()
    with suppress(ConnectionResetError):  # or a plain end, where nothing was under way
        assert await reader.read() == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(HOST, port)
    await proxy.mend()
    again, writer_again = await asyncio.open_connection(HOST, port)
    writer_again.write(b"there\n")
    assert await again.readline() == b"there\n"
    for each in (writer, writer_again):
        each.close()
