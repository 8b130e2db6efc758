"""A job's event stream, as news."""

import json
from collections.abc import AsyncGenerator

import httpx
from httpx_sse import EventSource, ServerSentEvent
from pydantic import BaseModel

from publisher.cli.news import News, news_of
from publisher.cli.refusal import check
from schemas.errors import Unavailable
from schemas.state import JobState
from schemas.view import JobView

_SILENCE_S = 45.0
"""A heartbeat comes every 15 s; three of them missing means that nobody is there."""


class _Told(BaseModel):
    """What `state` and `progress` events have in common."""

    state: JobState
    progress: float = 0.0
    queue_position: int | None = None
    waiting_for: str | None = None
    notice: str | None = None


async def events(client: httpx.AsyncClient, path: str) -> AsyncGenerator[News, None]:
    """Until the stream ends, which may be before the job does. Raises `NotFound` and `Unavailable`."""
    timeout = httpx.Timeout(10.0, read=_SILENCE_S)
    try:
        async with client.stream("GET", path, headers={"Accept": "text/event-stream"}, timeout=timeout) as response:
            if not response.is_success:
                await response.aread()
            check(response)
            async for event in EventSource(response).aiter_sse():
                if news := _news(event):
                    yield news
    except httpx.HTTPError as error:
        raise Unavailable(f"the facade does not answer: {str(error) or type(error).__name__}") from error


def _news(event: ServerSentEvent) -> News | None:
    """An event of a newer facade that says something else is passed over."""
    try:
        if event.event == "done":
            return news_of(JobView.model_validate_json(event.data))
        told = _Told.model_validate(json.loads(event.data))
    except ValueError:
        return None
    return News(**told.model_dump())
