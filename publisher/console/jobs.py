"""The page Jobs: a list whose filters stand in the address, and whose rows change in place."""

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from starlette.responses import RedirectResponse, Response

from publisher.console.live import digest_of_page, open_stream
from publisher.console.rendering import console_of, digest_of, render, render_part
from publisher.facade.call import Call
from publisher.facade.errors import public_view
from publisher.facade.middleware import access_of
from publisher.facade.watched_jobs import SLOWEST
from publisher.jobs import JobFilter, list_jobs
from schemas.domain.projections import JobView
from schemas.domain.states import JobState
from schemas.errors import Invalid, Unavailable

ROWS = 50
_FILTERS = ("q", "state", "project_id", "model", "caller", "cursor")
_STREAM = "console"
"""The name by which the streams of lists wait. No job has it, and a facade that stops ends all waits."""
_WORDS_AT_MOST = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """One page of the list, and the keys of its parts."""

    views: list[JobView]
    next_cursor: str | None
    problem: str = ""
    """Why nothing can be listed: a filter is invalid."""

    @property
    def keys(self) -> dict[str, str]:
        """Return the key of each row, by the id of its element, and one for their order."""
        rows = {f"job-{view.video_id}": _key_of(view) for view in self.views}
        return {"rows": digest_of(*rows), **rows}


def _key_of(view: JobView) -> str:
    """Return what a row shows, but not the addresses of files: signed ones are new each time."""
    return digest_of(view.model_dump_json(exclude={"video_url", "poster_url", "history"}))


async def home(call: Call) -> Response:
    """Lead to the list."""
    return RedirectResponse(console_of(call).url("/jobs"), status_code=303)


async def show_jobs(call: Call) -> Response:
    """Show the list."""
    access_of(call).check("read", "operate")
    filters = _filters_of(call)
    rows = await _read_rows(call, filters)
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
    access_of(call).check("read", "operate")
    with ExitStack() as stack:
        waiter = stack.enter_context(call.state["waiters"].register(_STREAM))
        return open_stream(call, _LiveJobs(call, _filters_of(call)), waiter, stack.pop_all())


def _filters_of(call: Call) -> dict[str, str]:
    given = {name: call.query_params.get(name, "").strip()[:_WORDS_AT_MOST] for name in _FILTERS}
    return {name: value for name, value in given.items() if value}


async def _read_rows(call: Call, filters: dict[str, str]) -> Rows:
    """Return the rows; none, with the reason, for an invalid filter."""
    access, given = access_of(call), {name: value for name, value in filters.items() if name != "caller"}
    if access.is_operator and "caller" in filters:
        given["jobs_of"] = filters["caller"]
    try:
        listing = await list_jobs(call.state["ctx"], JobFilter(**given, limit=ROWS), caller=access.jobs_of)
    except Invalid as error:
        return Rows(views=[], next_cursor=None, problem=str(error))
    return Rows(views=[public_view(view) for view in listing.videos], next_cursor=listing.next_cursor)


def _context_of(call: Call, rows: Rows) -> dict[str, Any]:
    return {"views": rows.views, "next_cursor": rows.next_cursor, "is_operator": access_of(call).is_operator}


class _LiveJobs:
    """The list for one stream."""

    def __init__(self, call: Call, filters: dict[str, str]) -> None:
        self._call = call
        self._filters = filters
        self._rows = Rows(views=[], next_cursor=None)
        self._states: dict[str, JobState] = {}
        self._ends: list[JobView] = []
        """The jobs that ended since the look before."""
        self._look_every_s = call.state["settings"].events_look_every_s
        self.pause_s = self._look_every_s
        self.ended = False

    async def look(self, news_at: float | None) -> Mapping[str, str]:
        del news_at  # a list has no news of its own
        try:
            rows = await _read_rows(self._call, self._filters)
        except Unavailable:  # the page shows what it has
            return self._rows.keys
        is_changed = rows.keys != self._rows.keys
        self.pause_s = self._look_every_s if is_changed else min(2 * self.pause_s, SLOWEST * self._look_every_s)
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
