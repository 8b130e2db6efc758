"""The page Films: a list whose filters stand in the address, and that follows what changes."""

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from typing import Any

from starlette.responses import Response

from publisher.console.live import digest_of_page, open_stream
from publisher.console.rendering import digest_of, render, render_part
from publisher.facade.call import Call
from publisher.facade.errors import public_outline
from publisher.facade.middleware import access_of
from publisher.facade.shared_looks import SLOWEST
from publisher.films.listing import FilmFilter, FilmListing, list_films
from schemas.domain.film import FilmState
from schemas.errors import Invalid, Unavailable

STREAM = "console"
"""The name by which the streams of films wait. No job has it, and a facade that stops ends all waits."""
_FILTERS = ("state", "project_id", "caller", "cursor")
_WORDS_AT_MOST = 320
_ON_A_PAGE = 50


async def show_films(call: Call) -> Response:
    """Show the list."""
    access = access_of(call)
    access.check("read", "operate")
    filters, problem = _filters_of(call), ""
    try:
        listing = await _read(call, filters)
    except Invalid as error:
        listing, problem = FilmListing(films=[]), str(error)
    return await render(
        call,
        "films.html",
        status=400 if problem else 200,
        filters={**dict.fromkeys(_FILTERS, ""), **filters},
        states=list(FilmState),
        problem=problem,
        digest=digest_of_page(_keys_of(listing)),
        **_context_of(call, listing),
    )


async def stream_films(call: Call) -> Response:
    """Stream the changes of the list. Raises `TooManyWaiters`."""
    access_of(call).check("read", "operate")
    with ExitStack() as stack:
        waiter = stack.enter_context(call.state["waiters"].register(STREAM))
        return open_stream(call, _LiveFilms(call), waiter, stack.pop_all())


async def _read(call: Call, filters: Mapping[str, str]) -> FilmListing:
    access = access_of(call)
    given = {name: value for name, value in filters.items() if name != "caller"}
    if access.is_operator and "caller" in filters:
        given["films_of"] = filters["caller"]
    listing = await list_films(call.state["ctx"], FilmFilter(**given, limit=_ON_A_PAGE), access)
    return listing.model_copy(update={"films": list(map(public_outline, listing.films))})


def _filters_of(call: Call) -> dict[str, str]:
    given = {name: call.query_params.get(name, "").strip()[:_WORDS_AT_MOST] for name in _FILTERS}
    return {name: value for name, value in given.items() if value}


def _keys_of(listing: FilmListing) -> dict[str, str]:
    """Return the key of the rows, but not of the addresses of files: signed ones are new each time."""
    return {"film-rows": digest_of(*(film.model_dump_json(exclude={"video_url"}) for film in listing.films))}


def _context_of(call: Call, listing: FilmListing) -> dict[str, Any]:
    return {
        "films": listing.films,
        "next_cursor": listing.next_cursor,
        "is_operator": access_of(call).is_operator,
    }


class Pause:
    """How long a stream waits between two looks: longer while nothing changes."""

    def __init__(self, look_every_s: float) -> None:
        self._look_every_s = look_every_s
        self._seen: Mapping[str, str] | None = None
        self.seconds = look_every_s

    def note(self, keys: Mapping[str, str]) -> Mapping[str, str]:
        """Return the keys of a look, after which the pause is set."""
        longer_s = min(2 * self.seconds, SLOWEST * self._look_every_s)
        self.seconds = longer_s if keys == self._seen else self._look_every_s
        self._seen = keys
        return keys


class _LiveFilms:
    """The list for one stream."""

    ended = False

    def __init__(self, call: Call) -> None:
        self._call = call
        self._listing = FilmListing(films=[])
        self._pause = Pause(call.state["settings"].events_look_every_s)

    @property
    def pause_s(self) -> float:
        return self._pause.seconds

    async def look(self, news_at: float | None) -> Mapping[str, str]:
        del news_at
        try:
            self._listing = await _read(self._call, _filters_of(self._call))
        except (Invalid, Unavailable):  # the page shows what it showed
            return self._pause.note(_keys_of(self._listing))
        return self._pause.note(_keys_of(self._listing))

    def render(self, changed: Collection[str], *, is_first: bool) -> str:
        del changed, is_first
        return render_part(self._call, "film_rows.html", live=True, **_context_of(self._call, self._listing))
