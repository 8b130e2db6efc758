"""The event stream of a job or a film: each event once, in order, although facades restart."""

import json
from typing import Generic, TypeVar

import httpx
from httpx_sse import ServerSentEvent

from reelbus_client.errors import ReelbusError, refusal_of
from reelbus_client.steps import Patience, Pause
from reelbus_client.transport import answer_of, error_of
from reelbus_client.video import FilmNews, News

AGAIN_S = 0.5
STREAM_ERRORS = (httpx.TransportError, ReelbusError)
LAST = "done"
"""The last event of a stream."""
N = TypeVar("N", News, FilmNews)


class EventCursor(Generic[N]):
    """Where a reader is in the stream, and how long it bears with a facade that does not answer."""

    def __init__(self, path: str, news: type[N], kinds: tuple[str, ...], away_at_most_s: float) -> None:
        """Read events of these kinds: a newer facade may send others."""
        self.path = path
        self._news: type[N] = news
        self._kinds = kinds
        self._patience = Patience(away_at_most_s)
        self._last_id = ""
        self._has_heard = False

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the next request."""
        return {"accept": "text/event-stream", **({"last-event-id": self._last_id} if self._last_id else {})}

    def begin(self) -> None:
        """Note that a facade answers."""
        self._patience.reset()
        self._has_heard = True

    def read(self, event: ServerSentEvent) -> N | None:
        """Return what an event says; None for one that this version does not know."""
        self._patience.reset()
        self._last_id = event.id or self._last_id
        if event.event not in self._kinds:
            return None
        data = json.loads(event.data)
        more = {"view": data} if event.event == LAST else {}
        return self._news.model_validate({**data, **more, "event": event.event})

    def refuse(self, response: httpx.Response) -> ReelbusError:
        """Return the error of an answer that is no stream. Its body was read."""
        answer = answer_of(response)
        return refusal_of(answer.status, answer.reason, answer.json(), answer.retry_after_s, None)

    def pause_after(self, error: ReelbusError | httpx.TransportError) -> Pause:
        """Return the pause before the next request. Raises an error that is final."""
        failure = error if isinstance(error, ReelbusError) else error_of(error, None)
        is_lost = failure.code == "unreachable" and self._has_heard
        if not is_lost and not (failure.status or 0) >= 502:
            raise failure
        return self._patience.pause(failure)


def job_cursor(video_id: str, away_at_most_s: float) -> EventCursor[News]:
    """Return the cursor of a job's stream."""
    return EventCursor(f"/api/videos/{video_id}/events", News, ("state", "progress", LAST), away_at_most_s)


def film_cursor(film_id: str, away_at_most_s: float) -> EventCursor[FilmNews]:
    """Return the cursor of a film's stream."""
    return EventCursor(f"/api/films/{film_id}/events", FilmNews, ("state", "scene", LAST), away_at_most_s)
