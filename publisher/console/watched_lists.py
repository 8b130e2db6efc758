"""The lists of jobs that streams follow: one read of the store serves all streams with the same filters and rights.

A list is read again after `look_every_s` at first, and less often while nothing changes.
"""

import asyncio
from dataclasses import dataclass
from functools import cached_property

from publisher.access import Access
from publisher.console.rendering import digest_of
from publisher.context import PublisherContext
from publisher.facade.errors import public_view
from publisher.facade.shared_looks import SLOWEST, SharedLooks
from publisher.jobs import JobFilter, list_jobs
from schemas.domain.projections import JobView
from schemas.errors import Invalid, Unavailable

ROWS = 50
Filters = tuple[tuple[str, str], ...]
"""The names and values of the filters, in their order."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """One page of the list, and the keys of its parts."""

    views: list[JobView]
    next_cursor: str | None
    problem: str = ""
    """Why nothing can be listed: a filter is invalid."""

    @cached_property
    def keys(self) -> dict[str, str]:
        """Return the key of each row, by the id of its element, and one for their order."""
        rows = {f"job-{view.video_id}": _key_of(view) for view in self.views}
        return {"rows": digest_of(*rows), **rows}


def _key_of(view: JobView) -> str:
    """Return what a row shows, but not the addresses of files: signed ones are new each time."""
    return digest_of(view.model_dump_json(exclude={"video_url", "poster_url", "history"}))


async def read_rows(ctx: PublisherContext, access: Access, filters: Filters) -> Rows:
    """Return the rows; none, with the reason, for an invalid filter. Raises `Unavailable`."""
    given = {name: value for name, value in filters if name != "caller"}
    if access.is_operator and (caller := dict(filters).get("caller")):
        given["jobs_of"] = caller
    try:
        listing = await list_jobs(ctx, JobFilter(**given, limit=ROWS), caller=access.jobs_of)
    except Invalid as error:
        return Rows(views=[], next_cursor=None, problem=str(error))
    return Rows(views=[public_view(view) for view in listing.videos], next_cursor=listing.next_cursor)


class WatchedList:
    """What the streams of one list share: its newest rows."""

    def __init__(self, ctx: PublisherContext, access: Access, filters: Filters, look_every_s: float) -> None:
        self._ctx = ctx
        self._access = access
        self._filters = filters
        self._look_every_s = look_every_s
        self._reading = asyncio.Lock()
        self._rows = Rows(views=[], next_cursor=None)
        self._began_at: float | None = None
        """When the last read began, and None before the first one."""
        self.pause_s = look_every_s
        """How long the rows are shared."""

    async def look(self, news_at: float | None = None) -> Rows:
        """Return the rows, read again if they are older than the pause or were read before `news_at`.

        If the store is out of reach, the last rows are returned.
        """
        async with self._reading:
            now, began_at = self._ctx.clock.boot(), self._began_at
            if began_at is None or now - began_at >= self.pause_s or (news_at is not None and news_at >= began_at):
                self._began_at = now
                await self._read()
            return self._rows

    async def _read(self) -> None:
        try:
            rows = await read_rows(self._ctx, self._access, self._filters)
        except Unavailable:
            return
        is_changed = rows.keys != self._rows.keys
        self.pause_s = self._look_every_s if is_changed else min(2 * self.pause_s, SLOWEST * self._look_every_s)
        self._rows = rows


class WatchedLists(SharedLooks[tuple[Access, Filters], WatchedList]):
    """The lists that have streams in this process, by the rights of their visitors and their filters."""

    def __init__(self, ctx: PublisherContext, *, look_every_s: float) -> None:
        super().__init__(lambda subject: WatchedList(ctx, *subject, look_every_s), key_of=lambda subject: subject)
