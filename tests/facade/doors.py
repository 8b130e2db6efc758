"""Opens a facade inside the test's own process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from publisher.context import PublisherContext
from publisher.facade.app import build_app, open_state
from publisher.facade.call import State
from publisher.settings import PublisherSettings

GENERATE = "/api/videos/generate"
PROMPT = "A beautiful sunset over mountains with birds flying"
ASYNC = {"Prefer": "respond-async"}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Door:
    """A facade, and a client that calls it."""

    client: httpx.AsyncClient
    state: State

    @property
    def desk(self) -> PublisherContext:
        """The facade's ports."""
        return self.state["ctx"]

    async def post(self, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """A generate call."""
        return await self.client.post(GENERATE, json={"prompt": PROMPT, **body}, headers=headers)

    async def queued(self, **body: Any) -> str:
        """A job, accepted and queued."""
        answer = await self.post(ASYNC, **body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["video_id"])


def settings_for(folder: Path, **changes: Any) -> PublisherSettings:
    """Settings on a temporary folder, not touched by the environment's `.env`."""
    return PublisherSettings(_env_file=None, data_dir=folder, **changes)


@asynccontextmanager
async def door_to(settings: PublisherSettings) -> AsyncIterator[Door]:
    """A facade with its state open."""
    async with open_state(settings) as state, door_over(state) as door:
        yield door


@asynccontextmanager
async def door_over(state: State) -> AsyncIterator[Door]:
    """A facade over a state at hand."""
    transport = httpx.ASGITransport(_stateful(build_app(state), state), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=JSON, timeout=30) as client:
        yield Door(client, state)


def _stateful(app: ASGIApp, state: State) -> ASGIApp:
    """A server hands the lifespan's state to each request; this transport does not."""

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": dict(state)}, receive, send)

    return with_state
