"""`python -m subscriber.evaluation`: the evaluator's process. `reelbus evaluator` calls it."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from schemas.ports import EVALUATORS
from subscriber.evaluation.settings import EvaluatorSettings
from subscriber.exits import exit_on_error

if TYPE_CHECKING:
    from subscriber.evaluation.context import EvaluatorContext

PARENT_GRACE_S = 30
"""If its parent has ended and the evaluator can't drain in this time, it is killed."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--ready-fd", type=int, hidden=True)
@click.option("--parent-fd", type=int, hidden=True)
@click.option("--show-settings", is_flag=True, hidden=True, help="For `reelbus doctor`: show them as JSON, and end.")
def main(ready_fd: int | None, parent_fd: int | None, show_settings: bool) -> None:
    """Score finished videos against their prompts, where their requests or a setting ask for it. SIGTERM drains."""
    from subscriber.evaluation.compose import open_logs, run_service

    with exit_on_error("evaluator"):
        settings = EvaluatorSettings()
        if show_settings:
            click.echo(json.dumps(settings.outline))
            return
        open_logs(settings)
        run_service(_run(settings, ready_fd, parent_fd), settings.event_loop)


async def _run(settings: EvaluatorSettings, ready_fd: int | None, parent_fd: int | None) -> None:
    from subscriber.evaluation.compose import exit_with_parent, freeze_loaded, open_context
    from subscriber.evaluation.evaluator import Evaluator

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if parent_fd is not None:
        exit_with_parent(parent_fd, grace_s=PARENT_GRACE_S)

    async with open_context(settings) as ctx, _open_health(ctx, settings) as show_ready:

        def report_ready() -> None:
            freeze_loaded()
            show_ready()
            click.echo("reelbus evaluator: ready", err=True)
            if ready_fd is not None:
                os.write(ready_fd, b"ready\n")
                os.close(ready_fd)

        await Evaluator(ctx).run(stop, ready=report_ready)


@asynccontextmanager
async def _open_health(ctx: "EvaluatorContext", settings: EvaluatorSettings) -> AsyncIterator[Callable[[], None]]:
    """Serve the probes if the settings name a port. The server is not loaded otherwise."""
    if not settings.health_port:
        yield lambda: None
        return
    from subscriber.health import open_health

    host, port = settings.host, settings.health_port
    async with open_health(ctx, host, port, stopping=ctx.stopping, subscription=EVALUATORS) as health:
        yield health.show_ready


if __name__ == "__main__":
    main(prog_name="reelbus evaluator")
