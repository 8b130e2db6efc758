"""The worker's composition root: the only module of the subscriber that opens `infra`."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.adapters import Adapters
from infra.clock import SystemClock
from infra.embedded.folder import make_data_folder
from infra.event_loop import freeze_loaded, run_service
from infra.gcp.settings import trace_project
from infra.logs import configure_logs
from infra.parent import exit_with_parent
from infra.telemetry.opening import open_telemetry
from infra.webhooks.poster import HttpPoster
from infra.webhooks.secrets import open_secrets
from infra.webhooks.signing_keys import open_signing_keys
from schemas.errors import Unavailable
from schemas.former import former_names
from schemas.ports import FILM_WORKERS, WEBHOOKS
from subscriber.budget_guard import BudgetGuard
from subscriber.checks import VideoChecks
from subscriber.context import WorkerContext
from subscriber.courier.courier import Courier, CourierContext
from subscriber.films.director import Director
from subscriber.films.scenes import FilmContext
from subscriber.rate_limit import SubmitRateLimiter
from subscriber.scratch import delete_stale, open_scratch_dir, prepare_scratch
from subscriber.settings import WorkerSettings

if TYPE_CHECKING:
    from infra.telemetry.process import Telemetry

__all__ = [
    "exit_with_parent",
    "freeze_loaded",
    "open_context",
    "open_courier",
    "open_director",
    "open_logs",
    "run_service",
]

logger = logging.getLogger(__name__)


def open_logs(settings: WorkerSettings) -> None:
    """Send log lines to standard error from now on."""
    project = trace_project(settings.bus_url, settings.jobs_url, settings.provider_url)
    configure_logs(settings.log_level, project=project)


@asynccontextmanager
async def open_context(settings: WorkerSettings) -> AsyncIterator[WorkerContext]:
    """Open every port of a worker by its address. They close in reverse order."""
    async with AsyncExitStack() as stack:
        telemetry = stack.enter_context(
            open_telemetry("worker", host=settings.host, metrics_port=settings.metrics_port)
        )
        scratch = await stack.enter_async_context(_open_scratch(settings))
        adapters = await stack.enter_async_context(Adapters())
        guard = await stack.enter_async_context(_open_budget_guard(adapters, settings, telemetry))
        videos = await adapters.videos(
            settings.videos_url,
            base_url=settings.facade_url,
            reference_buckets=settings.reference_buckets,
            scratch=scratch,
            check=True,
        )
        ctx = WorkerContext(
            bus=await adapters.bus(settings.bus_url, ack_deadline_s=settings.ack_deadline_s),
            jobs=await adapters.jobs(settings.jobs_url),
            videos=videos,
            model=await adapters.model(settings.provider_url, videos=videos, scratch=scratch, settings=settings),
            editor=await adapters.editor(),
            clock=SystemClock(),
            owner=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
            scratch=scratch,
            rate_limiter=SubmitRateLimiter(SystemClock(), settings.submits_per_minute / settings.workers),
            guard=guard,
            heartbeats=await adapters.heartbeats(settings.jobs_url),
            parked=await adapters.jobs_parked(settings.jobs_url),
            deliveries=await adapters.deliveries(settings.jobs_url),
            checks=None if settings.checks == "off" else await _open_checks(adapters, settings),
            films=await adapters.films(settings.jobs_url),
            film_editor=await adapters.film_editor(),
            film_exporter=await adapters.film_exporter(),
            provenance=await adapters.provenance(settings),
            deadlines=settings.deadlines,
            search_every_s=settings.search_every_s,
            cancel_look_s=settings.cancel_look_s,
        )
        if telemetry:
            stack.push_async_callback(telemetry.settle)
            ctx = _trace(ctx, settings, telemetry)
        yield ctx


async def _open_checks(adapters: Adapters, settings: WorkerSettings) -> VideoChecks:
    return VideoChecks(
        checker=await adapters.checker(),
        rules=settings.check_rules,
        within_s=settings.check_within_s,
        in_record=settings.checks == "record",
    )


@asynccontextmanager
async def open_director(
    ctx: WorkerContext, settings: WorkerSettings, wake_courier: Callable[[], None]
) -> AsyncIterator[None]:
    """Run a director of films beside the worker. It ends before the ports close."""
    if ctx.films is None or ctx.film_editor is None:
        yield
        return
    try:  # before the worker takes its first request: messages from before do not reach a subscription
        await ctx.bus.check(FILM_WORKERS)
    except Unavailable as error:
        extra = {"action": "director_waits", "reason": str(error)}
        logger.warning("films wait for their subscription; `reelbus setup` makes it", extra=extra)
    director = Director(
        FilmContext(
            bus=ctx.bus,
            jobs=ctx.jobs,
            videos=ctx.videos,
            films=ctx.films,
            film_editor=ctx.film_editor,
            film_exporter=ctx.film_exporter,
            clock=ctx.clock,
            scratch=ctx.scratch,
            provenance=ctx.provenance,
            deliveries=ctx.deliveries,
            endpoints=settings.endpoints,
            facade_url=settings.facade_url,
            wake_courier=wake_courier,
        )
    )
    async with _run_beside(director.run()):
        yield


@asynccontextmanager
async def open_courier(ctx: WorkerContext, settings: WorkerSettings) -> AsyncIterator[Callable[[], None]]:
    """Run a courier beside the worker, and yield what wakes it. It ends before the ports close."""
    webhook_secrets = open_secrets(settings)
    if not webhook_secrets.exist or ctx.deliveries is None:
        logger.info("no webhooks: REELBUS_WEBHOOK_SECRETS is not set", extra={"action": "courier_off"})
        yield lambda: None
        return
    try:  # before the worker takes its first request: completions from before are not delivered to a subscription
        await ctx.bus.check(WEBHOOKS)
    except Unavailable as error:
        extra = {"action": "courier_waits", "reason": str(error)}
        logger.warning("webhooks wait for their subscription; `reelbus setup` makes it", extra=extra)
    async with aclosing(HttpPoster(settings.webhook_policy)) as poster:
        courier = Courier(
            CourierContext(
                bus=ctx.bus,
                jobs=ctx.jobs,
                films=ctx.films,
                deliveries=ctx.deliveries,
                poster=poster,
                clock=ctx.clock,
                secrets_of=webhook_secrets.of,
                keys=open_signing_keys(settings),
                endpoints=settings.endpoints,
                endpoint_secrets_of=webhook_secrets.of_endpoint,
                facade_url=settings.facade_url,
            )
        )
        async with _run_beside(courier.run()):
            yield courier.wake


@asynccontextmanager
async def _run_beside(loop: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a loop as a task, and cancel it when the context ends."""
    running = asyncio.create_task(loop)
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _trace(ctx: WorkerContext, settings: WorkerSettings, telemetry: "Telemetry") -> WorkerContext:
    """Return the context with the telemetry around its ports."""
    return replace(
        ctx,
        bus=telemetry.trace_bus(ctx.bus, settings.bus_url),
        jobs=telemetry.trace_jobs(ctx.jobs, settings.jobs_url),
        videos=telemetry.trace_videos(ctx.videos),
        model=telemetry.trace_model(ctx.model, settings.provider_url),
        editor=telemetry.trace_editor(ctx.editor),
    )


@asynccontextmanager
async def _open_budget_guard(
    adapters: Adapters, settings: WorkerSettings, telemetry: "Telemetry | None"
) -> AsyncIterator[BudgetGuard]:
    """Open the budget guard. It writes its last releases before the stores close."""
    if not settings.budgets:
        yield BudgetGuard()
        return
    budgets = await adapters.budgets(settings.jobs_url)
    if telemetry:
        budgets = telemetry.trace_budgets(budgets, await adapters.jobs(settings.jobs_url), settings.jobs_url)
    guard = BudgetGuard(settings.budgets, budgets)
    async with guard.flush_at_exit():
        yield guard


@asynccontextmanager
async def _open_scratch(settings: WorkerSettings) -> AsyncIterator[Path]:
    """Make this process's own folder. What killed workers left is deleted now, and as often as `reconcile` runs."""
    await asyncio.to_thread(_prepare_scratch, settings)
    async with _run_beside(_delete_stale_for_ever(settings.scratch_dir, settings.reconcile_every_s)):
        with open_scratch_dir(settings.scratch_dir) as folder:
            yield folder


def _prepare_scratch(settings: WorkerSettings) -> None:
    """Raise `Invalid` for a path that can't be a data folder, and `Unavailable` for one that can't be used now."""
    make_data_folder(settings.data_dir)
    prepare_scratch(settings.scratch_dir)


async def _delete_stale_for_ever(scratch: Path, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            if swept := await asyncio.to_thread(delete_stale, scratch, make=False):
                logger.info("deleted what a killed worker left", extra={"action": "scratch_swept", "count": swept})
        except Exception:  # the next round tries again
            logger.exception("the scratch folder can't be swept", extra={"action": "scratch_unswept"})


if not TYPE_CHECKING:  # for the type checker only what is here exists
    __getattr__ = former_names(__name__)
