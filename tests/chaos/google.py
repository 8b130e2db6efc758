"""The wire-level Vertex AI of a chaos run, as a process of its own: bad weather, and books with every operation's name.

`python -m tests.chaos.google --bucket films --seed 7 [--folder …]`; the first line on stdout is its port.
"""

import argparse
import asyncio
import os
import secrets
import socket
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.chaos.facts import Paid
from tests.chaos.weather import Weather, is_charged
from tests.vertex.app import app_over
from tests.vertex.depot import BucketDepot, Depot, FolderDepot
from tests.vertex.script import Step
from tests.vertex.studio import Studio
from tests.vertex.work import Work

LONGEST_S = 3.0


class ChaosStudio(Studio):
    """Takes its steps from the weather, and writes down what each accepted operation was called."""

    def __init__(self, depot: Depot, weather: Weather) -> None:
        super().__init__(depot)
        self.weather = weather
        self.paid: list[Paid] = []

    def next_step(self) -> Step:
        return self.weather.next_step()

    def accept(self, work: Work, step: Step, name: str, path: str, body: dict[str, Any]) -> None:
        super().accept(work, step, name, path, body)
        prefix = work.storage_uri.removeprefix(f"gs://{self.depot.bucket}/")
        self.paid.append(Paid(name=name, prefix=prefix, charged=is_charged(step)))


class WholeFiles(FolderDepot):
    """As a bucket does it: a name is never seen half-written."""

    async def write(self, name: str, data: bytes) -> None:
        part = f".parts/{secrets.token_hex(8)}"
        await super().write(part, data)
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / part).rename(self.folder / name)


class _Protocol(H11Protocol):
    """Lets a handler get at its connection, to break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """Says where it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"{self.servers[0].sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()


def _app(studio: ChaosStudio) -> Starlette:
    app = app_over(studio)

    async def paid(_: Request) -> Response:
        return JSONResponse([asdict(each) for each in studio.paid])

    async def fair(_: Request) -> Response:
        studio.weather.fair = True
        return Response()

    app.router.routes += [Route("/_paid", paid), Route("/_fair", fair, methods=["POST"])]
    return app


async def _serve(asked: argparse.Namespace) -> None:
    host = os.environ.get("STORAGE_EMULATOR_HOST", "")
    depot = WholeFiles(asked.folder, asked.bucket) if asked.folder else BucketDepot(host, asked.bucket)
    studio = ChaosStudio(depot, Weather(asked.seed, longest_s=LONGEST_S))
    config = uvicorn.Config(
        _app(studio), port=0, http=_Protocol, ws="none", lifespan="off", log_config=None, access_log=False
    )
    serving = asyncio.create_task(_Server(config).serve())
    await asyncio.to_thread(sys.stdin.read)  # until whoever started it is gone
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await studio.end()


def main() -> None:
    """Serves until its standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--folder", type=Path, help="write here instead of to STORAGE_EMULATOR_HOST")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
