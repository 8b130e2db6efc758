"""`GET /api/films/{film_id}/events`: server-sent events with the states of a film and of each scene, until it ends."""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack

from sse_starlette import ServerSentEvent
from starlette.responses import Response

from publisher.access import Access
from publisher.facade.call import Call
from publisher.facade.events import EventStream, build_event
from publisher.facade.films import public_film
from publisher.facade.middleware import access_of
from publisher.facade.watched_films import WatchedFilm
from publisher.films.orders import find_film
from publisher.films.view import NO_JOB_YET, view_film
from publisher.waiting import Draining, Waiter
from schemas.domain.film import Film, SceneJob
from schemas.domain.job import Job
from schemas.domain.projections import progress_of
from schemas.errors import ReelbusError
from schemas.wire.caller_names import to_shown_id

logger = logging.getLogger(__name__)

_DONE = "/done"
"""The end of the id of a `done` event. The rest is the id of the state at which the film ended."""


async def events(call: Call) -> Response:
    """Answer with a stream of `state` and `scene` events, and one `done` once the film has ended or is held.

    204 if `Last-Event-ID` names that `done`: an `EventSource` connects again after each end, until a server answers so.
    Raises `NotFound`, and `TooManyWaiters`.
    """
    access = access_of(call)
    access.check("read", "operate")
    film = await find_film(call.state["ctx"], call.path_params["film_id"], access)
    if film.state.ended and call.headers.get("last-event-id") == _id_of(film) + _DONE:
        return Response(status_code=204)
    with ExitStack() as stack:
        waiter = stack.enter_context(call.state["waiters"].register(f"films/{film.film_id}"))
        watched = stack.enter_context(call.state["watched_films"].watch(film))
        stream = _stream_events(call, watched, waiter)
        return EventStream(stream, call.state["settings"].heartbeat_s, stack.pop_all())


async def _stream_events(call: Call, watched: WatchedFilm, waiter: Waiter) -> AsyncIterator[ServerSentEvent]:
    ctx, access = call.state["ctx"], access_of(call)
    sent = _SentEvents(access, call.headers.get("last-event-id"))
    while True:
        film, jobs = await watched.look()
        for event in sent.new_events(film, jobs):
            yield event
        if film.state.ended:
            try:
                view = public_film(await view_film(ctx, film, access))
            except ReelbusError as error:  # a store is out of reach: the next look tries again
                extra = {"action": "events_no_look", "film_id": film.film_id, "reason": str(error)}
                logger.warning("event stream sees nothing", extra=extra)
            else:
                yield ServerSentEvent(event="done", data=view.model_dump_json(), id=_id_of(film) + _DONE, sep="\n")
                return
        try:
            await waiter.wait(call.state["settings"].events_look_every_s)
        except Draining:
            return


class _SentEvents:
    """What one listener has received."""

    def __init__(self, access: Access, last_event_id: str | None) -> None:
        self._access = access
        self._state_id = last_event_id
        self._revision: int | None = None
        self._scenes: dict[str, tuple[str, float]] = {}
        """State and highest progress by the name of the scene, in this revision."""

    def new_events(self, film: Film, jobs: Mapping[str, Job]) -> Iterator[ServerSentEvent]:
        """Yield the events that the listener has not received.

        A new listener, and one of an earlier revision, gets every scene: no event before is needed to show the film.
        """
        film_id, revision = to_shown_id(self._access.jobs_of, film.film_id), film.request.revision
        if self._revision != revision:
            self._revision, self._scenes = revision, {}
        if self._state_id != (state_id := _id_of(film)):
            self._state_id = state_id
            yield build_event("state", {"film_id": film_id, "revision": revision, "state": film.state}, id=state_id)
        for entry in film.scenes:
            yield from self._scene_events(entry, jobs.get(entry.job_id))

    def _scene_events(self, entry: SceneJob, job: Job | None) -> Iterator[ServerSentEvent]:
        before = self._scenes.get(entry.name)
        progress = max(progress_of(job) if job else 0.0, before[1] if before else 0.0)  # it never goes back
        now = (job.state.value if job else NO_JOB_YET, progress)
        if now != before:
            self._scenes[entry.name] = now
            video_id = to_shown_id(self._access.jobs_of, entry.job_id)
            data = {"revision": self._revision, "name": entry.name, "video_id": video_id}
            yield build_event("scene", {**data, "state": now[0], "progress": now[1]})


def _id_of(film: Film) -> str:
    """Return the id of the film's present state. A film that is held again has another one."""
    return f"{film.request.revision}.{film.state}.{film.holds}"
