"""The evaluator's composition root: the only module that opens `infra/gcp/evaluation`, which is heavy."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from infra.adapters import Adapters, google_installed
from infra.clock import SystemClock
from infra.embedded.folder import make_data_folder
from infra.event_loop import freeze_loaded, run_service
from infra.gcp.settings import trace_project
from infra.logs import configure_logs
from infra.parent import exit_with_parent
from infra.telemetry.opening import open_telemetry
from subscriber.evaluation.context import EvaluatorContext
from subscriber.evaluation.settings import EvaluatorSettings
from subscriber.scratch import open_scratch_dir, prepare_scratch

if TYPE_CHECKING:
    from infra.telemetry.process import Telemetry

__all__ = ["exit_with_parent", "freeze_loaded", "open_context", "open_logs", "run_service"]


def open_logs(settings: EvaluatorSettings) -> None:
    """Send log lines to standard error from now on."""
    configure_logs(settings.log_level, project=trace_project(settings.bus_url, settings.jobs_url, settings.evaluation))


@asynccontextmanager
async def open_context(settings: EvaluatorSettings) -> AsyncIterator[EvaluatorContext]:
    """Open every port of an evaluator. They close in reverse order. Raises `Invalid` and `Unavailable`."""
    address = settings.evaluation_address
    with google_installed():
        from infra.gcp.evaluation.scorer import open_scorer
    await asyncio.to_thread(make_data_folder, settings.data_dir)
    await asyncio.to_thread(prepare_scratch, settings.scratch_dir)
    async with Adapters() as adapters:
        with (
            open_telemetry("evaluator", host=settings.host, metrics_port=settings.metrics_port) as telemetry,
            open_scratch_dir(settings.scratch_dir) as scratch,
        ):
            videos = await adapters.videos(settings.videos_url, base_url=settings.facade_url, scratch=scratch)
            scorer = await open_scorer(
                address,
                videos=videos,
                videos_url=settings.videos_url,
                scratch=scratch,
                base_url=settings.evaluation_base_url,
                call_s=settings.evaluation_timeout_s,
            )
            adapters.close_at_exit(scorer.aclose)
            ctx = EvaluatorContext(
                bus=await adapters.bus(settings.bus_url, ack_deadline_s=settings.ack_deadline_s),
                jobs=await adapters.jobs(settings.jobs_url),
                videos=videos,
                budgets=await adapters.budgets(settings.jobs_url),
                scorer=scorer,
                clock=SystemClock(),
                scratch=scratch,
                metric=settings.evaluation_metric,
                share_of=settings.share_of,
                per_day=settings.evaluations_per_day,
                call_at_most=settings.call_at_most,
                pause_s=settings.evaluation_pause_s,
                price_usd=settings.evaluation_price_usd,
            )
            try:
                yield _trace(ctx, settings, telemetry) if telemetry else ctx
            finally:
                if telemetry:
                    await telemetry.settle()


def _trace(ctx: EvaluatorContext, settings: EvaluatorSettings, telemetry: "Telemetry") -> EvaluatorContext:
    """Return the context with the telemetry around its ports."""
    return replace(
        ctx,
        bus=telemetry.trace_bus(ctx.bus, settings.bus_url),
        jobs=telemetry.trace_jobs(ctx.jobs, settings.jobs_url),
        videos=telemetry.trace_videos(ctx.videos),
        budgets=telemetry.trace_budgets(ctx.budgets, ctx.jobs, settings.jobs_url),
    )
