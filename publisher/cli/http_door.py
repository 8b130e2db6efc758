"""A running facade, by HTTP. A dropped connection or a facade that restarts is survived: the id finds the job again."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from httpx_sse import SSEError
from pydantic import BaseModel, ValidationError

from publisher.cli.door import Filters
from publisher.cli.event_stream import events
from publisher.cli.key_for import KeyFor
from publisher.cli.news import News, news_of
from publisher.cli.refusal import check, names_job
from publisher.listing import Listing
from schemas.errors import Invalid, NotFound, Unavailable
from schemas.request import VideoRequest
from schemas.view import JobView

M = TypeVar("M", bound=BaseModel)
_SUBMIT_TRIES = 5
_WAIT_S = 20
_TIMEOUT = httpx.Timeout(30.0, connect=10.0, read=_WAIT_S + 15.0)
_AWAY_AT_MOST_S = 120.0
"""A facade that is away for longer is not just being restarted."""


class HttpDoor:
    """The facade's calls."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def submit(self, request: VideoRequest) -> None:
        """The id was chosen before, so that the call can be repeated where its answer was lost."""
        body = request.model_dump(mode="json", exclude_unset=True)
        for tries_left in reversed(range(_SUBMIT_TRIES)):
            try:
                response = await self._call("POST", "/generate", json=body, headers={"Prefer": "respond-async"})
                if not names_job(response, request.job_id):
                    check(response)
                return
            except Unavailable as error:
                if not tries_left or isinstance(error.__cause__, httpx.ConnectError):
                    raise
                await asyncio.sleep(error.retry_after_s)

    async def follow(self, job_id: str) -> AsyncGenerator[News, None]:
        """The event stream; where that breaks off, a call that waits, and the stream again."""
        loop = asyncio.get_running_loop()
        heard_at = loop.time()
        while True:
            try:
                async with aclosing(self._look(job_id)) as look:
                    async for news in look:
                        heard_at = loop.time()
                        if news:
                            yield news
                        if news and news.end:
                            return
            except Unavailable as error:
                if loop.time() - heard_at > _AWAY_AT_MOST_S:
                    raise
                await asyncio.sleep(min(error.retry_after_s, 2.0))

    async def status(self, job_id: str) -> JobView:
        """`GET /api/videos/{id}`."""
        return _read(JobView, await self._call("GET", f"/{job_id}"))

    async def list(self, filters: Filters) -> Listing:
        """`GET /api/videos`."""
        given = {"state": filters.state, "project_id": filters.project_id, "cursor": filters.cursor}
        query = {name: value for name, value in given.items() if value is not None}
        return _read(Listing, await self._call("GET", "", params={**query, "limit": filters.limit}))

    async def cancel(self, job_id: str) -> JobView:
        """`DELETE /api/videos/{id}`."""
        return _read(JobView, await self._call("DELETE", f"/{job_id}"))

    async def fetch(self, view: JobView, to: Path) -> None:
        """From the address that the facade gives."""
        if view.video_url is None:
            raise NotFound(f"job {view.video_id} has no video")
        try:
            async with self._client.stream("GET", view.video_url, follow_redirects=True) as response:
                if not response.is_success:
                    raise Unavailable(f"{view.video_url} answers {response.status_code}")
                with to.open("wb") as file:
                    async for part in response.aiter_bytes():
                        file.write(part)
        except httpx.HTTPError as error:
            raise _away(error) from error

    async def _look(self, job_id: str) -> AsyncGenerator[News | None, None]:
        """Yield None at the end of a stream that was there: heartbeats alone also show that the facade is."""
        told = False
        try:
            async with aclosing(events(self._client, f"/api/videos/{job_id}/events")) as stream:
                async for news in stream:
                    told = True
                    yield news
        except (Unavailable, SSEError):
            pass  # a proxy may not let streams through
        if told:
            yield None
        yield news_of(await self._waited(job_id))

    async def _waited(self, job_id: str) -> JobView:
        try:
            return _read(JobView, await self._call("GET", f"/{job_id}", params={"wait": _WAIT_S}))
        except Invalid:  # this facade keeps nobody waiting for so long
            await asyncio.sleep(1.0)
            return await self.status(job_id)

    async def _call(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return await self._client.request(method, f"/api/videos{path}", **more)
        except httpx.HTTPError as error:
            raise _away(error) from error


@asynccontextmanager
async def http_door(url: str, *, api_key: str = "") -> AsyncIterator[HttpDoor]:
    """The facade at this address. Raises `Invalid` for an address or a key that can't be sent."""
    try:
        client = httpx.AsyncClient(base_url=url, timeout=_TIMEOUT, auth=KeyFor(url, api_key) if api_key else None)
    except httpx.InvalidURL as error:
        raise Invalid(f"url {url!r} is no address: {error}", field="url") from error
    async with client:
        yield HttpDoor(client)


def _away(error: httpx.HTTPError) -> Unavailable:
    return Unavailable(f"the facade does not answer: {str(error) or type(error).__name__}", retry_after_s=1.0)


def _read(model: type[M], response: httpx.Response) -> M:
    check(response)
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        raise Unavailable(f"{response.url} does not answer as reelbus would") from error
