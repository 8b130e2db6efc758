"""What the routes share, opened once by the lifespan; and how a route notices that its caller disconnects."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NoReturn, TypeAlias, TypedDict

from starlette.requests import Request

from publisher.context import PublisherContext
from publisher.facade.auth import Authenticator, UrlSigner
from publisher.facade.coalescing import Coalescer
from publisher.facade.request_body import AdmissionControl, Uploads
from publisher.facade.watched_jobs import WatchedJobs
from publisher.settings import PublisherSettings
from publisher.waiting import Waiters
from schemas.errors import ReelbusError


class State(TypedDict):
    """Held in `request.state`."""

    settings: PublisherSettings
    ctx: PublisherContext
    admission: AdmissionControl
    waiters: Waiters
    watched_jobs: WatchedJobs
    coalescer: Coalescer
    uploads: Uploads
    check_disk: Callable[[], Awaitable[None]]
    authenticator: Authenticator
    url_signer: UrlSigner | None
    """Signs the addresses of files, where callers are asked who they are and the files are ours to serve."""


Call: TypeAlias = Request[State]
"""A request to this facade."""


class ClientDisconnected(ReelbusError):
    """The caller is gone. Its job goes on: it may be paid already, and the caller may come back for it."""


async def wait_for_disconnect(call: Call) -> NoReturn:
    """Wait until the caller disconnects, then raise `ClientDisconnected`. The body must have been read before."""
    while (await call.receive())["type"] != "http.disconnect":
        pass
    raise ClientDisconnected


async def check_connected(call: Call) -> None:
    """Raise `ClientDisconnected` if the caller is gone already; do not wait."""
    with suppress(TimeoutError):
        async with asyncio.timeout(0):
            await wait_for_disconnect(call)
