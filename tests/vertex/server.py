"""A Vertex AI on a port of this machine, for google-genai itself to talk to.

In a test: `async with vertex_at(depot) as vertex`. For a demo, as a process of its own:
`python -m tests.vertex.server --port 8085 --bucket my-bucket`, with STORAGE_EMULATOR_HOST for where the bucket is.
"""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.vertex.app import app_over
from tests.vertex.depot import BucketDepot, Depot, FolderDepot
from tests.vertex.script import Books, Step
from tests.vertex.studio import Studio


@dataclass(frozen=True, slots=True)
class WireVertex:
    """A running one."""

    url: str
    studio: Studio

    @property
    def books(self) -> Books:
        """What came, and what was accepted."""
        return self.studio.books

    def then(self, *steps: Step) -> None:
        """What happens to the next submits."""
        self.studio.script.extend(steps)


class _Protocol(H11Protocol):
    """Lets a handler get at its connection, to break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """Leaves signals to the test runner, and stops at once: uvicorn itself takes two tenths of a second over it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    async def main_loop(self) -> None:
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def vertex_at(depot: Depot, *, port: int = 0, seconds: float = 0) -> AsyncIterator[WireVertex]:
    """Answers until the context ends."""
    studio = Studio(depot, seconds=seconds)
    server = _Server(
        uvicorn.Config(
            app_over(studio),
            port=port,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
        )
    )
    serving = asyncio.create_task(server.serve())
    try:
        yield WireVertex(f"http://127.0.0.1:{await _port(server, serving)}", studio)
    finally:
        server.stopping.set()
        await serving
        await studio.end()


async def _port(server: uvicorn.Server, serving: asyncio.Task[None]) -> int:
    while not server.started:
        if serving.done():
            raise OSError("the wire-level Vertex AI could not open its port")
        await asyncio.sleep(0.005)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


async def _serve(asked: argparse.Namespace) -> None:
    host = os.environ.get("STORAGE_EMULATOR_HOST", "")
    depot = FolderDepot(asked.folder, asked.bucket) if asked.folder else BucketDepot(host, asked.bucket)
    async with vertex_at(depot, port=asked.port, seconds=asked.seconds) as vertex:
        sys.stdout.write(f"{vertex.url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    """Serves until it is killed; the first line on stdout is the address, written once it answers."""
    parser = argparse.ArgumentParser(description="A Vertex AI for tests and demos: real films, no bill.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--folder", type=Path, help="write here instead of to STORAGE_EMULATOR_HOST")
    parser.add_argument("--seconds", type=float, default=0, help="how long a film takes")
    asked = parser.parse_args()
    if not asked.folder and not os.environ.get("STORAGE_EMULATOR_HOST"):
        parser.error("give --folder, or set STORAGE_EMULATOR_HOST")
    try:
        asyncio.run(_serve(asked))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
