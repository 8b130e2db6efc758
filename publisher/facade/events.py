"""`GET /api/videos/{video_id}/events`: every state that the job passes, in order, until it ends."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from publisher.context import find, view
from publisher.facade.call import Call
from publisher.facade.errors import error_response, public_view
from publisher.facade.middleware import caller_of
from publisher.facade.responses import status_url
from publisher.waiting import Draining, TooManyWaiters, Waiter
from schemas.domain.job import Job, Transition
from schemas.domain.projections import JobView
from schemas.domain.states import JobState
from schemas.errors import ReelbusError
from schemas.wire.caller_names import shown_id
from schemas.wire.types import Moment, isoformat

logger = logging.getLogger(__name__)
_SEND_AT_MOST_S = 30
_MADE = 0.95
"""How far a job is whose clips are all there."""
_DONE = "/done"
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


async def events(call: Call) -> Response:
    """A stream of `state` and `progress` events and, at the end, one `done`.

    204 for a listener that heard `done`: an `EventSource` comes again whenever a stream ends, until it is told to stop.
    """
    caller = caller_of(call)
    job = await find(call.state["ctx"], call.path_params["video_id"], caller=caller)
    if job.ended and call.headers.get("last-event-id") == _done_id(job.history[-1].at):
        return Response(status_code=204)
    with ExitStack() as stack:
        try:
            place = stack.enter_context(call.state["waiters"].register(job.job_id))
        except TooManyWaiters as error:
            video_id = shown_id(caller, job.job_id)
            return error_response(error, video_id=video_id, status_url=status_url(call, video_id))
        return _Stream(_event_stream(call, job, place), call.state["settings"].heartbeat_s, stack.pop_all())


class _Stream(EventSourceResponse):
    """The stream, which gives its place up at its end, and also where it never began."""

    def __init__(self, events: AsyncIterator[ServerSentEvent], heartbeat_s: float, held: ExitStack) -> None:
        super().__init__(
            events, ping=heartbeat_s, ping_message_factory=_heartbeat, send_timeout=_SEND_AT_MOST_S, sep="\n"
        )
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            await super().__call__(scope, receive, send)


async def _event_stream(call: Call, job: Job, place: Waiter) -> AsyncIterator[ServerSentEvent]:
    caller = caller_of(call)
    story = _EventHistory(_moment(call.headers.get("last-event-id")))
    newest: Job | None = job
    while newest is None or not newest.ended:
        if newest is not None:
            for event in story.new_events(await view(call.state["ctx"], newest, caller=caller)):
                yield event
        try:
            newest = await _look_again(call, place, job.job_id)
        except Draining:
            return
    last = public_view(await view(call.state["ctx"], newest, caller=caller))
    for event in story.new_events(last):
        yield event
    yield ServerSentEvent(event="done", data=last.model_dump_json(), id=_done_id(last.history[-1].at), sep="\n")


async def _look_again(call: Call, place: Waiter, job_id: str) -> Job | None:
    await place.wait(call.state["settings"].events_look_every_s)
    try:
        return await find(call.state["ctx"], job_id)
    except ReelbusError:
        logger.warning("event stream sees nothing", extra={"action": "events_no_look", "job_id": job_id})
        return None


class _EventHistory:
    """What one listener has heard already."""

    def __init__(self, heard_until: datetime | None) -> None:
        self._heard_until = heard_until
        self._told: set[Transition] = set()
        self._highest = 0.0
        self._progress: tuple[float, int | None, str | None, str | None] | None = None

    def new_events(self, seen: JobView) -> Iterator[ServerSentEvent]:
        """Events that the listener does not know yet."""
        for step in seen.history:
            if step in self._told or (self._heard_until and step.at <= self._heard_until):
                continue
            self._told.add(step)
            if step is seen.history[-1]:
                self._highest = max(self._highest, seen.progress)
            elif step.state is JobState.STORING:  # the record tells of it only once it is over
                self._highest = max(self._highest, _MADE)
            at = isoformat(step.at)
            data = {"video_id": seen.video_id, "state": step.state, "at": at, "progress": self._highest}
            yield _event("state", data, id=at)
        progress_now = (seen.progress, seen.queue_position, seen.waiting_for, seen.notice)
        if progress_now != self._progress and not seen.state.ended:
            self._progress = progress_now
            self._highest = max(self._highest, seen.progress)
            data = {name: getattr(seen, name) for name in ("state", "progress", "queue_position", "waiting_for")}
            yield _event("progress", {**data, "notice": seen.notice} if seen.notice else data)


def _event(event: str, data: dict[str, Any], *, id: str | None = None) -> ServerSentEvent:
    return ServerSentEvent(event=event, data=json.dumps(data), id=id, sep="\n")


def _done_id(ended_at: datetime) -> str:
    return isoformat(ended_at) + _DONE


def _heartbeat() -> ServerSentEvent:
    return ServerSentEvent(comment="still here", sep="\n")


def _moment(last_event_id: str | None) -> datetime | None:
    """Where the listener was cut off; a foreign id tells nothing, and the story begins anew."""
    try:
        heard = (last_event_id or "").removesuffix(_DONE)  # of an earlier life, where the job was replayed since
        return _MOMENT.validate_python(heard, strict=False) if heard else None
    except ValidationError:
        return None
