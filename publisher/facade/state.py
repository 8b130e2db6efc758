"""What the routes share, opened once by the lifespan."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypedDict

from starlette.requests import Request

from publisher.desk import Desk
from publisher.facade.gate import Gate
from publisher.facade.intake import Intake
from publisher.facade.links import Links
from publisher.facade.twins import Twins
from publisher.facade.uploads import Uploads
from publisher.settings import PublisherSettings
from publisher.waiting import Waiters


class State(TypedDict):
    """Held in `request.state`."""

    settings: PublisherSettings
    desk: Desk
    intake: Intake
    waiters: Waiters
    twins: Twins
    uploads: Uploads
    check_disk: Callable[[], Awaitable[None]]
    gate: Gate
    links: Links | None
    """Signs the addresses of files, where callers are asked who they are and the files are ours to serve."""


Call: TypeAlias = Request[State]
"""A request to this facade."""
