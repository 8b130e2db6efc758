"""A house of real processes, and both clients behind one interface."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from reelbus_client import AsyncReelbus, FilmNews, News, Reelbus
from tests.e2e.conftest import house
from tests.gcp.emulated import emulators, project

__all__ = ["emulators", "house", "project"]


class Client:
    """The sync client in a thread, or the async one: `await client.call("generate", {…})`."""

    def __init__(self, client: Reelbus | AsyncReelbus) -> None:
        self.client = client

    async def call(self, name: str, *args: Any, **options: Any) -> Any:
        method = getattr(self.client, name)
        if isinstance(self.client, AsyncReelbus):
            return await method(*args, **options)
        return await asyncio.to_thread(method, *args, **options)

    async def follow(self, video_id: str, found: list[News]) -> None:
        """Append all that the event stream says."""
        if isinstance(self.client, AsyncReelbus):
            async for news in self.client.follow(video_id):
                found.append(news)
        else:
            await asyncio.to_thread(found.extend, self.client.follow(video_id))

    async def follow_film(self, film_id: str, found: list[FilmNews]) -> None:
        """Append all that the event stream of a film says."""
        if isinstance(self.client, AsyncReelbus):
            async for news in self.client.follow_film(film_id):
                found.append(news)
        else:
            await asyncio.to_thread(found.extend, self.client.follow_film(film_id))


class Kind:
    """Which of the two clients a test uses."""

    def __init__(self, name: str) -> None:
        self.name = name

    @asynccontextmanager
    async def open(self, url: str, **options: Any) -> AsyncIterator[Client]:
        if self.name == "async":
            async with AsyncReelbus(url, **options) as client:
                yield Client(client)
        else:
            with Reelbus(url, **options) as sync:
                yield Client(sync)


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return Kind(request.param)
