"""`HttpClient` calls a facade. After a dropped connection or a restart of the facade it finds its job by the id.

In order: the facade's errors as our own, the event stream, the API key, calls and ids in addresses, the client.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError
from pydantic import BaseModel, ValidationError

from publisher.batches.request import BatchRequest
from publisher.batches.views import BatchPlan, BatchView
from publisher.cli.output import JobUpdate, to_update
from publisher.jobs import JobFilter, Listing
from schemas.domain.projections import JobView
from schemas.domain.states import JobState
from schemas.errors import Conflict, Gone, Invalid, NotFound, ReelbusError, Unavailable
from schemas.wire.request import VideoRequest

_PREFIXES = ("Invalid request: ", "Not found: ", "Conflict: ", "Gone: ")


class _Body(BaseModel):
    detail: str
    video_id: str | None = None


def check(response: httpx.Response) -> None:
    """Raise the error that the facade answered, if it did. The body must have been read."""
    if not response.is_success:
        raise _error(response)


def names_job(response: httpx.Response, job_id: str) -> bool:
    """Return True if the answer names the job. A call that may not wait is refused, although its job exists."""
    body = _body(response)
    return body is not None and body.video_id == job_id


def _error(response: httpx.Response) -> ReelbusError:
    body = _body(response)
    words = body.detail if body else f"{response.url} answers {response.status_code}, and not as reelbus does"
    for prefix in _PREFIXES:
        words = words.removeprefix(prefix)
    match response.status_code:
        case 404 if body:
            return NotFound(words)
        case 410:
            return Gone(words)
        case 409:
            return Conflict(words)
        case 401 if body:
            return Invalid(f"REELBUS_API_KEY must be a key that the facade accepts; it answers: {words}")
        case 400 | 402 | 403 | 413 | 415 | 421 | 422 if body:
            return Invalid(words)
        case _:
            return Unavailable(words, retry_after_s=_retry_after_s(response))


def _body(response: httpx.Response) -> _Body | None:
    try:
        return _Body.model_validate_json(response.content)
    except ValidationError:
        return None


def _retry_after_s(response: httpx.Response) -> float:
    given = response.headers.get("retry-after", "")
    return float(given[:9]) if given.isascii() and given.isdecimal() else 2.0


_SILENCE_S = 45.0
"""A heartbeat comes every 15 s. If three of them are missing, the facade is gone."""


class _Reported(BaseModel):
    """The fields that `state` and `progress` events share."""

    state: JobState
    progress: float = 0.0
    queue_position: int | None = None
    waiting_for: str | None = None
    notice: str | None = None


async def events(client: httpx.AsyncClient, path: str) -> AsyncGenerator[JobUpdate, None]:
    """Yield updates until the stream ends, perhaps before the job. Raises `NotFound` and `Unavailable`."""
    timeout = httpx.Timeout(10.0, read=_SILENCE_S)
    try:
        async with client.stream("GET", path, headers={"Accept": "text/event-stream"}, timeout=timeout) as response:
            if not response.is_success:
                await response.aread()
            check(response)
            async for event in EventSource(response).aiter_sse():
                if update := _to_job_update(event):
                    yield update
    except httpx.HTTPError as error:
        raise _away(error, retry_after_s=5.0) from error


def _to_job_update(event: ServerSentEvent) -> JobUpdate | None:
    """Return the update of an event; None if a newer facade sent an event that is not known here."""
    try:
        if event.event == "done":
            return to_update(JobView.model_validate_json(event.data))
        received = _Reported.model_validate(json.loads(event.data))
    except ValueError:
        return None
    return JobUpdate(**received.model_dump())


_VISIBLE = re.compile(r"[!-~]{1,4096}")


class ApiKeyAuth(httpx.Auth):
    """Sends the key to one facade only: a video may be stored elsewhere, for example in a bucket."""

    def __init__(self, url: str, key: str) -> None:
        if not _VISIBLE.fullmatch(key):
            raise Invalid("REELBUS_API_KEY must be 1 to 4096 visible characters", field="REELBUS_API_KEY")
        self._origin = _origin(httpx.URL(url))
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the key if the request goes to the facade."""
        if _origin(request.url) == self._origin:
            request.headers["Authorization"] = f"Bearer {self._key}"
        yield request


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


A = TypeVar("A")
M = TypeVar("M", bound=BaseModel)


async def send(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response:
    """Send one request, and return its answer. Raises `Unavailable` if the facade does not answer."""
    try:
        return await client.request(method, path, **more)
    except httpx.HTTPError as error:
        raise _away(error) from error


def parse(model: type[M], response: httpx.Response) -> M:
    """Return the answer as this model. Raises what `check` raises, and `Unavailable` for another server's answer."""
    check(response)
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        raise Unavailable(f"{response.url} does not answer as reelbus does") from error


def to_segment(id: str, *, of: str = "job") -> str:
    """Return the id as a part of an address. An id that no job or dead letter can have would name another address.

    Raises `NotFound` for such an id.
    """
    if not re.fullmatch(r"[A-Za-z0-9_.=-]{1,256}", id) or not id.strip("."):
        raise NotFound(f"there is no {of} {id}")
    return id


_SUBMIT_TRIES = 5
_PAUSE_AT_MOST_S = 30.0
"""A facade that asks for a longer pause is not called again: the user decides when to come back."""
_WAIT_S = 20
_TIMEOUT = httpx.Timeout(30.0, connect=10.0, read=_WAIT_S + 15.0)
_AWAY_AT_MOST_S = 120.0
"""A restart of a facade takes less."""


class HttpClient:
    """Implements `JobClient` by calls of a facade."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def submit(self, request: VideoRequest) -> None:
        """Create the job. The request has its id, so that the call can be repeated if its answer is lost.

        Raises `Unavailable` if the facade refuses it several times, or asks for a pause above `_PAUSE_AT_MOST_S`.
        """
        body = request.model_dump(mode="json", exclude_unset=True)

        async def submit_once() -> None:
            response = await self._call("POST", "/generate", json=body, headers={"Prefer": "respond-async"})
            if not names_job(response, request.job_id):
                check(response)

        await self._repeat(submit_once)

    async def _repeat(self, call: Callable[[], Awaitable[A]]) -> A:
        """Return what the call returns. It may be repeated: it names what it orders."""
        for tries_left in reversed(range(_SUBMIT_TRIES)):
            try:
                return await call()
            except Unavailable as error:
                if not tries_left or isinstance(error.__cause__, httpx.ConnectError):
                    raise
                if error.retry_after_s > _PAUSE_AT_MOST_S:
                    words = f"{error}; the facade asks for a pause of {error.retry_after_s:,.0f} s before the next try"
                    raise Unavailable(words, retry_after_s=error.retry_after_s) from error
                await asyncio.sleep(error.retry_after_s)
        raise AssertionError("the last try returns or raises")

    async def follow(self, job_id: str) -> AsyncGenerator[JobUpdate, None]:
        """Yield the updates of the event stream. If it breaks off, wait by a call, and open the stream again."""
        loop = asyncio.get_running_loop()
        received_at = loop.time()
        while True:
            try:
                async with aclosing(self._follow_once(job_id)) as updates:
                    async for update in updates:
                        received_at = loop.time()
                        if update:
                            yield update
                        if update and update.end:
                            return
            except Unavailable as error:
                if loop.time() - received_at > _AWAY_AT_MOST_S:
                    raise
                await asyncio.sleep(min(error.retry_after_s, 2.0))

    async def status(self, job_id: str) -> JobView:
        """Call `GET /api/videos/{id}`."""
        return parse(JobView, await self._call("GET", f"/{to_segment(job_id)}"))

    async def list(self, filters: JobFilter) -> Listing:
        """Call `GET /api/videos`."""
        given = {**asdict(filters), "caller": filters.jobs_of, "jobs_of": None}
        query = {name: value for name, value in given.items() if value is not None}
        return parse(Listing, await self._call("GET", "", params=query))

    async def cancel(self, job_id: str) -> JobView:
        """Call `DELETE /api/videos/{id}`."""
        return parse(JobView, await self._call("DELETE", f"/{to_segment(job_id)}"))

    async def plan_batch(self, asked: BatchRequest) -> BatchPlan:
        """Call `POST /api/videos/batch/plan`."""
        return parse(BatchPlan, await self._call("POST", "/batch/plan", json=_body_of(asked)))

    async def order_batch(self, asked: BatchRequest) -> BatchView:
        """Call `POST /api/videos/batch`. The batch has its id, so that the call can be repeated."""
        body = _body_of(asked)

        async def order_once() -> BatchView:
            return parse(BatchView, await self._call("POST", "/batch", json=body))

        return await self._repeat(order_once)

    async def show_batch(self, batch_id: str) -> BatchView:
        """Call `GET /api/videos/batch/{id}`."""
        return parse(BatchView, await self._call("GET", f"/batch/{to_segment(batch_id, of='batch')}"))

    async def fetch(self, view: JobView, to: Path) -> None:
        """Download the video from the address that the facade answered."""
        if view.video_url is None:
            raise NotFound(f"job {view.video_id} has no video")
        await self.download(view.video_url, to)

    async def download(self, url: str, to: Path) -> None:
        """Download a file from the address that the facade answered."""
        try:
            async with self._client.stream("GET", url, follow_redirects=True) as response:
                if not response.is_success:
                    raise Unavailable(f"{url} answers {response.status_code}")
                with to.open("wb") as file:
                    async for part in response.aiter_bytes():
                        file.write(part)
        except httpx.HTTPError as error:
            raise _away(error) from error

    async def _follow_once(self, job_id: str) -> AsyncGenerator[JobUpdate | None, None]:
        """Yield None at the end of a stream that had events, because they show that the facade is running."""
        received = False
        try:
            async with aclosing(events(self._client, f"/api/videos/{to_segment(job_id)}/events")) as stream:
                async for update in stream:
                    received = True
                    yield update
        except (Unavailable, SSEError):
            pass  # a proxy may not pass streams on
        if received:
            yield None
        try:
            response = await self._call("GET", f"/{to_segment(job_id)}", params={"wait": _WAIT_S})
            yield to_update(parse(JobView, response))
        except Invalid:  # this facade lets no caller wait for so long
            await asyncio.sleep(1.0)
            yield to_update(await self.status(job_id))

    async def call(self, model: type[M], method: str, path: str, **more: Any) -> M:
        """Call another path of the facade, and return its answer. Raises its errors."""
        return parse(model, await send(self._client, method, path, **more))

    async def _call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await send(self._client, method, f"/api/videos{path}", **more)


@asynccontextmanager
async def open_connection(url: str, *, api_key: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """Open a connection to the facade. Raises `Invalid` for an address or a key that can't be sent."""
    try:
        client = httpx.AsyncClient(base_url=url, timeout=_TIMEOUT, auth=ApiKeyAuth(url, api_key) if api_key else None)
    except httpx.InvalidURL as error:
        raise Invalid(f"url must be an address, not {url!r}: {error}", field="url") from error
    async with client:
        yield client


@asynccontextmanager
async def open_http_client(url: str, *, api_key: str = "") -> AsyncIterator[HttpClient]:
    """Open a client of the facade. Raises `Invalid` as `open_connection` does."""
    async with open_connection(url, api_key=api_key) as connection:
        yield HttpClient(connection)


def _body_of(asked: BatchRequest) -> dict[str, Any]:
    """Return the batch as it is sent: its requests have no ids."""
    body = asked.model_dump(mode="json", exclude_unset=True)
    for request in body["requests"]:
        del request["job_id"]
    return body


def _away(error: httpx.HTTPError, *, retry_after_s: float = 1.0) -> Unavailable:
    url = error.request.url
    address = f"{url.scheme}://{url.netloc.decode()}"  # without the user's name and password
    return Unavailable(
        f"the facade does not answer at {address}: {str(error) or type(error).__name__}", retry_after_s=retry_after_s
    )
