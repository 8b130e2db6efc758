"""Puts the facade together: routes, middleware, and what opens and closes with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from publisher.compose import open_desk
from publisher.facade import discovery, events, files, generate, health, jobs
from publisher.facade.headers import SafeHeaders
from publisher.facade.limits import BodyLimit, ContentType
from publisher.facade.lingering import Lingering
from publisher.facade.refusals import on_error
from publisher.facade.state import State
from publisher.facade.trace import Trace
from publisher.facade.twins import Twins
from publisher.facade.unexpected import Unexpected
from publisher.facade.video_id import VIDEO_ID
from publisher.settings import PublisherSettings
from publisher.waiting import Waiters
from schemas.errors import ReelbusError

ROUTES = [
    Route("/api/videos/generate", generate.generate, methods=["POST"]),
    Route("/api/videos/health", health.health),
    Route("/api/videos", jobs.list_all),
    Route(f"/api/videos/{VIDEO_ID}", jobs.show, methods=["GET"]),
    Route(f"/api/videos/{VIDEO_ID}", jobs.delete, methods=["DELETE"]),
    Route(f"/api/videos/{VIDEO_ID}/events", events.events),
    Route("/videos/{gcs_path:path}", files.file),
    Route("/livez", health.livez),
    Route("/readyz", health.readyz),
    Route("/openapi.json", discovery.openapi_json),
    Route("/", discovery.root),
]


@asynccontextmanager
async def opened(settings: PublisherSettings) -> AsyncIterator[State]:
    """The facade's state for as long as it runs."""
    async with open_desk(settings) as desk:
        waiters = Waiters(desk, look_every_s=settings.look_every_s, max_waiting=settings.max_waiting)
        async with waiters:
            yield State(settings=settings, desk=desk, waiters=waiters, twins=Twins())


def facade(state: State) -> Starlette:
    """The ASGI application over an open state."""
    return Starlette(
        routes=ROUTES,
        middleware=[
            Middleware(Trace),
            Middleware(SafeHeaders),
            Middleware(Lingering),
            Middleware(Unexpected),
            Middleware(BodyLimit, limit_bytes=state["settings"].body_limit_bytes),
            Middleware(ContentType),
        ],
        exception_handlers={HTTPException: on_error, ClientDisconnect: on_error, ReelbusError: on_error},
        lifespan=partial(_lifespan, state),
    )


@asynccontextmanager
async def _lifespan(state: State, _: Starlette) -> AsyncIterator[State]:
    yield state
