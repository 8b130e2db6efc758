"""The page Jobs: a list whose filters stand in the address, and whose rows change in place."""

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from typing import Any

from starlette.responses import RedirectResponse, Response

from publisher.console.live import digest_of_page, open_stream
from publisher.console.rendering import console_of, render, render_part
from publisher.console.watched_lists import Rows, WatchedList, read_rows
from publisher.facade.call import Call
from publisher.facade.middleware import access_of
from schemas.domain.projections import JobView
from schemas.domain.states import JobState

_FILTERS = ("q", "state", "project_id", "model", "caller", "cursor")
_STREAM = "console"
"""The name by which the streams of lists wait. No job has it, and a facade that stops ends all waits."""
_WORDS_AT_MOST = 200


async def home(call: Call) -> Response:
    """Lead to the list."""
    return RedirectResponse(console_of(call).url("/jobs"), status_code=303)


async def show_jobs(call: Call) -> Response:
    """Show the list."""
    access_of(call).check("read", "operate")
    filters = _filters_of(call)
    rows = await read_rows(call.state["ctx"], access_of(call), tuple(filters.items()))
    context = {
        **_context_of(call, rows),
        "filters": {**dict.fromkeys(_FILTERS, ""), **filters},
        "is_filtered": bool(filters.keys() - {"cursor"}),
        "states": list(JobState),
        "digest": digest_of_page(rows.keys),
        "problem": rows.problem,
    }
    return await render(call, "jobs.html", status=400 if rows.problem else 200, **context)


async def stream_jobs(call: Call) -> Response:
    """Stream the changes of a list. Raises `TooManyWaiters`."""
    access = access_of(call)
    access.check("read", "operate")
    with ExitStack() as stack:
        waiter = stack.enter_context(call.state["waiters"].register(_STREAM))
        watched = stack.enter_context(console_of(call).lists.watch((access, tuple(_filters_of(call).items()))))
        return open_stream(call, _LiveJobs(call, watched), waiter, stack.pop_all())


def _filters_of(call: Call) -> dict[str, str]:
    given = {name: call.query_params.get(name, "").strip()[:_WORDS_AT_MOST] for name in _FILTERS}
    return {name: value for name, value in given.items() if value}


def _context_of(call: Call, rows: Rows) -> dict[str, Any]:
    return {"views": rows.views, "next_cursor": rows.next_cursor, "is_operator": access_of(call).is_operator}


class _LiveJobs:
    """The list for one stream."""

    def __init__(self, call: Call, watched: WatchedList) -> None:
        self._call = call
        self._watched = watched
        self._rows = Rows(views=[], next_cursor=None)
        self._states: dict[str, JobState] = {}
        self._ends: list[JobView] = []
        """The jobs that ended since the look before."""
        self.ended = False

    @property
    def pause_s(self) -> float:
        """How long to wait until the next look."""
        return self._watched.pause_s

    async def look(self, news_at: float | None) -> Mapping[str, str]:
        rows = await self._watched.look(news_at)
        self._ends = [v for v in rows.views if v.state.ended and not self._states.get(v.video_id, v.state).ended]
        self._states = {view.video_id: view.state for view in rows.views}
        self._rows = rows
        return rows.keys

    def render(self, changed: Collection[str], *, is_first: bool) -> str:
        context = {**_context_of(self._call, self._rows), "live": True, "ends": [] if is_first else self._ends}
        views = self._rows.views
        if "rows" not in changed:
            context["views"] = [view for view in views if f"job-{view.video_id}" in changed]
        return render_part(self._call, "jobs_live.html", is_whole="rows" in changed, **context)
