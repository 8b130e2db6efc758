"""`GET /api/videos/{video_id}/events`: server-sent events with every state of a job, in order, until it ends."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from publisher.access import find_for
from publisher.context import outline
from publisher.facade.call import Call
from publisher.facade.errors import error_response, public_view
from publisher.facade.middleware import access_of
from publisher.facade.responses import status_url
from publisher.facade.watched_jobs import WatchedJob
from publisher.waiting import Draining, TooManyWaiters, Waiter
from schemas.domain.job import Transition
from schemas.domain.projections import JobView
from schemas.domain.states import JobState
from schemas.wire.caller_names import to_shown_id
from schemas.wire.types import isoformat, parse_moment

_SEND_AT_MOST_S = 30
_RENDERED = 0.95
"""The progress of a job whose clips all exist."""
_DONE = "/done"
"""The end of the id of a `done` event. The rest is the moment at which the job ended."""


async def events(call: Call) -> Response:
    """Answer with a stream of `state` and `progress` events, and one `done` at the end.

    204 if `Last-Event-ID` names `done`: an `EventSource` connects again after each end, until a server answers so.
    """
    access = access_of(call)
    access.check("read", "operate")
    job = await find_for(call.state["ctx"], access, call.path_params["video_id"])
    if job.ended and call.headers.get("last-event-id") == _id_of_done(job.history[-1].at):
        return Response(status_code=204)
    with ExitStack() as stack:
        try:
            waiter = stack.enter_context(call.state["waiters"].register(job.job_id))
        except TooManyWaiters as error:
            video_id = to_shown_id(access.jobs_of, job.job_id)
            return error_response(error, video_id=video_id, status_url=status_url(call, video_id))
        watched = stack.enter_context(call.state["watched_jobs"].watch(job))
        return EventStream(_stream_events(call, watched, waiter), call.state["settings"].heartbeat_s, stack.pop_all())


class EventStream(EventSourceResponse):
    """A response that leaves the `held` context at its end, also if the stream never began."""

    def __init__(self, events: AsyncIterator[ServerSentEvent], heartbeat_s: float, held: ExitStack) -> None:
        super().__init__(
            events,
            ping=heartbeat_s,
            ping_message_factory=lambda: ServerSentEvent(comment="still here", sep="\n"),
            send_timeout=_SEND_AT_MOST_S,
            sep="\n",
        )
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            await super().__call__(scope, receive, send)


async def _stream_events(call: Call, watched: WatchedJob, waiter: Waiter) -> AsyncIterator[ServerSentEvent]:
    ctx, caller = call.state["ctx"], access_of(call).jobs_of
    history = _EventHistory(_moment_of(call.headers.get("last-event-id")))
    # The record was read before the waiter was registered: count that moment as news, so that no end is missed.
    news_at: float | None = ctx.clock.boot()
    while True:
        job, position = await watched.look(news_at)
        view = public_view(await outline(ctx, job, caller=caller, queue_position=position))
        for event in history.new_events(view):
            yield event
        if job.ended:
            yield ServerSentEvent(
                event="done", data=view.model_dump_json(), id=_id_of_done(view.history[-1].at), sep="\n"
            )
            return
        try:
            news_at = await waiter.wait(call.state["settings"].events_look_every_s)
        except Draining:
            return


class _EventHistory:
    """The events that one listener has received."""

    def __init__(self, received_until: datetime | None) -> None:
        self._received_until = received_until
        self._sent: set[Transition] = set()
        self._highest = 0.0
        self._progress: tuple[float, int | None, str | None, str | None] | None = None

    def new_events(self, view: JobView) -> Iterator[ServerSentEvent]:
        """Yield the events that the listener has not received."""
        for step in view.history:
            if step in self._sent or (self._received_until and step.at <= self._received_until):
                continue
            self._sent.add(step)
            if step is view.history[-1]:
                self._highest = max(self._highest, view.progress)
            elif step.state is JobState.STORING:  # a later record shows this state, without the progress of that time
                self._highest = max(self._highest, _RENDERED)
            at = isoformat(step.at)
            data = {"video_id": view.video_id, "state": step.state, "at": at, "progress": self._highest}
            yield build_event("state", data, id=at)
        progress_now = (view.progress, view.queue_position, view.waiting_for, view.notice)
        if progress_now != self._progress and not view.state.ended:
            self._progress = progress_now
            self._highest = max(self._highest, view.progress)
            data = {name: getattr(view, name) for name in ("state", "queue_position", "waiting_for")}
            data["progress"] = self._highest  # it never goes back
            yield build_event("progress", {**data, "notice": view.notice} if view.notice else data)


def build_event(event: str, data: dict[str, Any], *, id: str | None = None) -> ServerSentEvent:
    """Return the event with its data as JSON."""
    return ServerSentEvent(event=event, data=json.dumps(data), id=id, sep="\n")


def _id_of_done(ended_at: datetime) -> str:
    return isoformat(ended_at) + _DONE


def _moment_of(last_event_id: str | None) -> datetime | None:
    """Return when the listener was cut off; None for an id that is not ours: then all events are sent."""
    try:
        received = (last_event_id or "").removesuffix(_DONE)  # `done` of the time before a replay
        return parse_moment(received) if received else None
    except ValidationError:
        return None
