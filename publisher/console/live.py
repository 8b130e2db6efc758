"""Live updates: one stream of server-sent events for each page, which sends the parts of the page that have changed.

Each part has a key, and is sent when its key has changed. The id of an event is a digest of all keys: a page that
connects again with its last id is sent nothing if it still shows the present, and all parts otherwise. A page names the
digest of what it was rendered from when it connects first, so that no change in between is missed.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import ExitStack
from typing import Protocol

from sse_starlette import ServerSentEvent
from starlette.responses import Response

from publisher.console.rendering import digest_of
from publisher.facade.call import Call
from publisher.facade.events import EventStream
from publisher.waiting import Draining, Waiter


class LivePage(Protocol):
    """A page as of now. `look` reads it again."""

    async def look(self, news_at: float | None) -> Mapping[str, str]:
        """Return the keys of all parts, by name. `news_at` is when news came, by the clock's `boot`."""

    def render(self, changed: Collection[str], *, is_first: bool) -> str:
        """Return the HTML of these parts, as of the last look. With `is_first`, the page may show any older version."""

    @property
    def ended(self) -> bool:
        """True if nothing will change any more."""

    @property
    def pause_s(self) -> float:
        """How long to wait until the next look, unless news comes."""


def digest_of_page(keys: Mapping[str, str]) -> str:
    """Return the id of a page with these parts."""
    return digest_of(*(f"{name}={key}" for name, key in keys.items()))


def open_stream(call: Call, page: LivePage, waiter: Waiter, held: ExitStack) -> Response:
    """Return the stream of a page. It leaves the `held` context at its end."""
    return EventStream(_stream_changes(call, page, waiter), call.state["settings"].heartbeat_s, held)


async def _stream_changes(call: Call, page: LivePage, waiter: Waiter) -> AsyncIterator[ServerSentEvent]:
    seen = call.headers.get("last-event-id") or call.query_params.get("seen", "")
    sent: Mapping[str, str] | None = None
    # The page was rendered before the waiter was registered: count that moment as news, so that no change is missed.
    news_at: float | None = call.state["ctx"].clock.boot()
    while True:
        keys = await page.look(news_at)
        id = digest_of_page(keys)
        if sent is not None or id != seen:
            changed = [name for name, key in keys.items() if (sent or {}).get(name) != key]
            if changed and (html := page.render(changed, is_first=sent is None)):
                yield ServerSentEvent(data=html, id=id, sep="\n")
        sent = keys
        if page.ended:
            yield ServerSentEvent(event="done", data="", id=id, sep="\n")
            return
        try:
            news_at = await waiter.wait(page.pause_s)
        except Draining:
            return
