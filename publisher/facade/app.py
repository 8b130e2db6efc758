"""The ASGI application: its routes, its middleware, and the state that opens and closes with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect

from publisher.compose import link_secret, open_context, open_disk_check, open_token_check
from publisher.console.app import ROUTES as CONSOLE_ROUTES
from publisher.console.app import ConsoleMiddleware, build_console
from publisher.facade import (
    agents,
    asyncapi,
    batch,
    docs_page,
    events,
    files,
    film_events,
    films,
    generate,
    money,
    openapi,
    operator,
    routes,
    variants,
    webhooks,
)
from publisher.facade.auth import Authenticator, SignedUrlVideoStore, UrlSigner
from publisher.facade.call import State
from publisher.facade.coalescing import Coalescer
from publisher.facade.cors import cors_middleware
from publisher.facade.errors import on_error
from publisher.facade.hosts import AllowedHosts, HostCheck
from publisher.facade.lingering import LingeringClose
from publisher.facade.middleware import (
    AuthMiddleware,
    ErrorMiddleware,
    PublicPath,
    SecurityHeaders,
    TraceMiddleware,
    public_path,
)
from publisher.facade.openai_videos import content as openai_content
from publisher.facade.openai_videos import routes as openai_routes
from publisher.facade.openai_videos.errors import OpenAIErrors
from publisher.facade.request_body import AdmissionControl, BodyLimit, ContentType, Uploads
from publisher.facade.request_headers import (
    BATCH_ID,
    DELIVERY_ID,
    ENDPOINT,
    FILM_ID,
    LETTER_ID,
    SCENE_NAME,
    VIDEO_ID,
    ExactRoute,
)
from publisher.facade.watched_films import WatchedFilms
from publisher.facade.watched_jobs import WatchedJobs
from publisher.mcp.endpoint import McpEndpoint
from publisher.mcp.tools import ToolHost
from publisher.settings import PublisherSettings
from publisher.spend_report import SpendReports
from publisher.waiting import Waiters
from schemas.errors import ReelbusError

ROUTES = [
    ExactRoute("/api/videos/generate", generate.generate, methods=["POST"]),
    ExactRoute("/api/videos/plan", money.plan, methods=["POST"]),
    ExactRoute("/api/videos/batch", batch.order, methods=["POST"]),
    ExactRoute("/api/videos/batch/plan", batch.plan, methods=["POST"]),
    ExactRoute(f"/api/videos/batch/{BATCH_ID}", batch.show),
    ExactRoute("/api/videos/health", routes.health),
    ExactRoute("/api/videos", routes.list_all),
    ExactRoute(f"/api/videos/{VIDEO_ID}", routes.one, methods=["GET", "DELETE"]),
    ExactRoute(f"/api/videos/{VIDEO_ID}/events", events.events),
    ExactRoute(f"/api/videos/{VIDEO_ID}/file", variants.video_file),
    ExactRoute(f"/api/videos/{VIDEO_ID}/replay", operator.replay, methods=["GET", "POST"]),
    ExactRoute(f"/api/videos/{VIDEO_ID}/resolve", operator.resolve, methods=["GET", "POST"]),
    ExactRoute(f"/api/videos/{VIDEO_ID}/erase", operator.erase, methods=["GET", "POST"]),
    ExactRoute("/api/films", films.list_or_order, methods=["GET", "POST"]),
    ExactRoute("/api/films/plan", films.plan, methods=["POST"]),
    ExactRoute(f"/api/films/{FILM_ID}", films.one, methods=["GET", "DELETE"]),
    ExactRoute(f"/api/films/{FILM_ID}/events", film_events.events),
    ExactRoute(f"/api/films/{FILM_ID}/erase", films.erase, methods=["GET", "POST"]),
    ExactRoute(f"/api/films/{FILM_ID}/scenes/{SCENE_NAME}/retake", films.retake, methods=["POST"]),
    ExactRoute("/api/spend", money.spend),
    ExactRoute("/api/dead-letters", operator.dead_letters),
    ExactRoute(f"/api/dead-letters/{LETTER_ID}", operator.dead_letter, methods=["GET", "DELETE"]),
    ExactRoute(f"/api/dead-letters/{LETTER_ID}/replay", operator.replay_letter, methods=["POST"]),
    ExactRoute("/api/trouble", operator.trouble),
    ExactRoute("/api/health/workers", operator.health),
    ExactRoute("/v1/videos", openai_routes.videos, methods=["GET", "POST"]),
    ExactRoute(f"/v1/videos/{VIDEO_ID}", openai_routes.video, methods=["GET", "DELETE"]),
    ExactRoute(f"/v1/videos/{VIDEO_ID}/content", openai_content.content),
    ExactRoute("/api/webhooks/deliveries", webhooks.deliveries),
    ExactRoute(f"/api/webhooks/deliveries/{DELIVERY_ID}/replay", webhooks.replay, methods=["POST"]),
    ExactRoute("/api/webhooks/disabled", webhooks.show_disabled),
    ExactRoute(f"/api/webhooks/endpoints/{ENDPOINT}/enable", webhooks.enable, methods=["POST"]),
    ExactRoute("/api/webhooks/test", webhooks.test, methods=["POST"]),
    ExactRoute("/api/webhooks/secret", webhooks.secret),
    ExactRoute(webhooks.KEYS_PATH, webhooks.public_keys),
    ExactRoute("/mcp", agents.mcp, methods=["POST"]),
    ExactRoute("/videos/{gcs_path:path}", files.file),
    ExactRoute("/livez", routes.livez),
    ExactRoute("/readyz", routes.readyz),
    ExactRoute("/openapi.json", openapi.openapi_json),
    ExactRoute("/asyncapi.json", asyncapi.asyncapi_json),
    ExactRoute(docs_page.PATH, docs_page.docs),
    ExactRoute("/", openapi.root),
]


@asynccontextmanager
async def open_state(settings: PublisherSettings) -> AsyncIterator[State]:
    """Open the state that all calls share, and close it in the end."""
    async with open_context(settings, check=True) as ctx, open_token_check(settings) as check_token:
        secret = await link_secret(settings) if settings.knows_callers else None
        url_signer = UrlSigner(secret, ctx.clock, link_s=settings.link_s) if secret else None
        linked = replace(ctx, videos=SignedUrlVideoStore(ctx.videos, url_signer)) if url_signer else ctx
        async with Waiters(linked, look_every_s=settings.look_every_s, max_waits=settings.max_waits) as waiters:
            if ctx.telemetry:
                ctx.telemetry.watch_waits(lambda: waiters.waiting)
            admission = AdmissionControl(settings.intake_at_once)
            host = ToolHost(ctx=linked, waiters=waiters, admission=admission, max_cost_usd=settings.mcp_max_cost_usd)
            async with McpEndpoint(host) as mcp:
                yield State(
                    settings=settings,
                    ctx=linked,
                    admission=admission,
                    waiters=waiters,
                    watched_jobs=WatchedJobs(linked, look_every_s=settings.events_look_every_s),
                    watched_films=WatchedFilms(linked, look_every_s=settings.events_look_every_s),
                    coalescer=Coalescer(),
                    uploads=Uploads(settings),
                    spend_reports=SpendReports(linked),
                    check_disk=open_disk_check(settings),
                    authenticator=Authenticator(settings, check_token),
                    mcp=mcp,
                    url_signer=url_signer,
                )


def build_app(state: State) -> Starlette:
    """Return the ASGI application over an open state."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[State]:
        yield state

    telemetry = state["ctx"].telemetry
    templates = {route.endpoint: route.path for route in (*ROUTES, *CONSOLE_ROUTES)}
    console = [Middleware(ConsoleMiddleware, console=build_console(state))] if state["settings"].console else []
    app = Starlette(
        routes=ROUTES,
        middleware=[
            Middleware(PublicPath, prefix=public_path(state["settings"])),
            *([Middleware(telemetry.trace_calls, routes=templates)] if telemetry else []),
            Middleware(TraceMiddleware),
            Middleware(SecurityHeaders),
            *cors_middleware(state["settings"]),
            Middleware(LingeringClose),
            Middleware(OpenAIErrors),
            Middleware(ErrorMiddleware),
            Middleware(HostCheck, hosts=AllowedHosts(state["settings"]), check_origins=state["authenticator"].open),
            *console,
            Middleware(AuthMiddleware, authenticator=state["authenticator"]),
            Middleware(BodyLimit, limit_bytes=state["settings"].body_limit_bytes),
            Middleware(ContentType),
        ],
        exception_handlers={HTTPException: on_error, ClientDisconnect: on_error, ReelbusError: on_error},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app
