"""The event stream of a job: each event once, in order, although facades restart."""

import json

import httpx
from httpx_sse import ServerSentEvent

from reelbus_client.errors import ReelbusError, refusal_of
from reelbus_client.steps import Patience, Pause
from reelbus_client.transport import answer_of, error_of
from reelbus_client.video import News

AGAIN_S = 0.5
STREAM_ERRORS = (httpx.TransportError, ReelbusError)
_KINDS = ("state", "progress", "done")
"""A newer facade may send others."""


class EventCursor:
    """Where a reader is in the stream, and how long it bears with a facade that does not answer."""

    def __init__(self, video_id: str, away_at_most_s: float) -> None:
        self.path = f"/api/videos/{video_id}/events"
        self._video_id = video_id
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

    def read(self, event: ServerSentEvent) -> News | None:
        """Return what an event says; None for one that this version does not know."""
        self._patience.reset()
        self._last_id = event.id or self._last_id
        if event.event not in _KINDS:
            return None
        data = json.loads(event.data)
        more = {"view": data} if event.event == "done" else {}
        return News.model_validate({**data, **more, "event": event.event})

    def refuse(self, response: httpx.Response) -> ReelbusError:
        """Return the error of an answer that is no stream. Its body was read."""
        answer = answer_of(response)
        return refusal_of(answer.status, answer.reason, answer.json(), answer.retry_after_s, self._video_id)

    def pause_after(self, error: ReelbusError | httpx.TransportError) -> Pause:
        """Return the pause before the next request. Raises an error that is final."""
        failure = error if isinstance(error, ReelbusError) else error_of(error, self._video_id)
        is_lost = failure.code == "unreachable" and self._has_heard
        if not is_lost and not (failure.status or 0) >= 502:
            raise failure
        return self._patience.pause(failure)
