"""The state that all calls share, and the functions that notice that a caller disconnects."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TypeAlias, TypedDict

from starlette.requests import Request

from publisher.context import PublisherContext
from publisher.facade.auth import Authenticator, UrlSigner
from publisher.facade.coalescing import Coalescer
from publisher.facade.request_body import AdmissionControl, Uploads
from publisher.facade.watched_films import WatchedFilms
from publisher.facade.watched_jobs import WatchedJobs
from publisher.settings import PublisherSettings
from publisher.spend_report import SpendReports
from publisher.waiting import Waiters
from schemas.errors import ReelbusError

if TYPE_CHECKING:
    from publisher.mcp.endpoint import McpEndpoint


class State(TypedDict):
    """The contents of `request.state`; `publisher.facade.app` opens it."""

    settings: PublisherSettings
    ctx: PublisherContext
    admission: AdmissionControl
    waiters: Waiters
    watched_jobs: WatchedJobs
    watched_films: WatchedFilms
    coalescer: Coalescer
    uploads: Uploads
    spend_reports: SpendReports
    check_disk: Callable[[], Awaitable[None]]
    authenticator: Authenticator
    mcp: "McpEndpoint"
    url_signer: UrlSigner | None
    """Signs the addresses of files; None if callers need no key, or if another server serves the files."""


Call: TypeAlias = Request[State]
"""A request to this facade."""


class ClientDisconnected(ReelbusError):
    """The caller disconnected. Its job goes on: it may be paid already, and the caller may call again."""


async def wait_for_disconnect(call: Call) -> NoReturn:
    """Wait until the caller disconnects, then raise `ClientDisconnected`. The body must have been read before."""
    while (await call.receive())["type"] != "http.disconnect":
        pass
    raise ClientDisconnected


async def check_connected(call: Call) -> None:
    """Raise `ClientDisconnected` if the caller has disconnected; do not wait."""
    with suppress(TimeoutError):
        async with asyncio.timeout(0):
            await wait_for_disconnect(call)
