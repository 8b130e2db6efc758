"""Receivers of webhooks on this machine, as bad as those of others can be."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Receiver:
    """An HTTP server that writes down what it gets, and answers what it is told to."""

    answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n"
    """All bytes of an answer; empty: it hangs."""
    first: list[bytes] = field(default_factory=list)
    """The answers to the first requests, each of which is given once."""
    drip_s: float = 0
    """The pause between two bytes."""
    port: int = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    most_open: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=secret-1"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]

    async def until(self, count: int) -> None:
        """Wait until it got so many requests."""
        async with asyncio.timeout(60):
            while len(self.got) < count:
                self.arrived.clear()
                await self.arrived.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.got.append(({":request": head[0], **headers}, body))
            self.arrived.set()
            answer = self.first.pop(0) if self.first else self.answer
            if not answer:
                await reader.read()
            for at in range(0, len(answer), 1 if self.drip_s else len(answer) or 1):
                writer.write(answer[at : at + (1 if self.drip_s else len(answer))])
                await writer.drain()
                await asyncio.sleep(self.drip_s)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def receiving(receiver: Receiver, **how: Any) -> AsyncIterator[Receiver]:
    """Run the receiver on a free port."""
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, **how)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
