"""`python -m subscriber`: the worker process, and one pass of `reconcile`. The `reelbus` command calls these."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from subscriber.exits import exit_on_error
from subscriber.settings import WorkerSettings

if TYPE_CHECKING:
    from subscriber.context import WorkerContext

PARENT_GRACE_S = 60
"""If its parent has ended and the worker can't drain in this time, it is killed. A paid call takes 30 s at most."""


# The hidden options are for `reelbus up` and `reelbus generate`: the worker writes to one file descriptor when it is
# ready, and the other one is a pipe that closes when the command ends.
@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--ready-fd", type=int, hidden=True)
@click.option("--parent-fd", type=int, hidden=True)
@click.pass_context
def main(context: click.Context, ready_fd: int | None, parent_fd: int | None) -> None:
    """Take requests off the bus and run each job to its end. SIGTERM drains: finish or hand back, then exit 0."""
    if context.invoked_subcommand is None:
        from subscriber.compose import run_service

        _exit_with(lambda settings: run_service(_run_worker(settings, ready_fd, parent_fd), settings.event_loop))


@main.command("reconcile")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def reconcile_once(dry_run: bool, as_json: bool) -> None:
    """Check once all jobs that no worker moves: lost messages, completions that are due, late paid clips."""

    def run(settings: WorkerSettings) -> None:
        report = asyncio.run(_run_one_pass(settings, dry_run))
        words = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in report.items())
        click.echo(json.dumps(report) if as_json else words)

    _exit_with(run)


@main.command("settings", hidden=True)
def check_settings() -> None:
    """Read the settings, for `reelbus doctor`. Exit with 0 if a worker can start with them."""
    _exit_with(lambda settings: None)


def _exit_with(run: Callable[[WorkerSettings], object]) -> None:
    """Run with the settings, and exit with 0 if that succeeds."""
    from subscriber.compose import open_logs

    with exit_on_error("worker"):
        settings = WorkerSettings()
        open_logs(settings)
        run(settings)


async def _run_worker(settings: WorkerSettings, ready_fd: int | None, parent_fd: int | None) -> None:
    from subscriber.compose import exit_with_parent, freeze_loaded, open_context, open_courier, open_director
    from subscriber.worker import Worker

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if parent_fd is not None:
        exit_with_parent(parent_fd, grace_s=PARENT_GRACE_S)

    def report_ready() -> None:
        freeze_loaded()
        show_ready()
        if ready_fd is not None:
            os.write(ready_fd, b"ready\n")
            os.close(ready_fd)

    async with (
        open_context(settings) as ctx,
        _open_health(ctx, settings) as show_ready,
        open_courier(ctx, settings) as wake_courier,
        open_director(ctx, settings, wake_courier),
    ):
        worker = Worker(
            ctx=ctx,
            in_flight=settings.jobs_at_once,
            prefetch=settings.messages_beside,
            drain_s=settings.drain_s,
            reconcile_every_s=settings.reconcile_every_s,
            retention=settings.retention,
        )
        await worker.run(stop, ready=report_ready)


@asynccontextmanager
async def _open_health(ctx: "WorkerContext", settings: WorkerSettings) -> AsyncIterator[Callable[[], None]]:
    """Serve the probes if the settings name a port. The server is not loaded otherwise."""
    if not settings.health_port:
        yield lambda: None
        return
    from subscriber.health import open_health

    async with open_health(ctx, settings.host, settings.health_port, stopping=ctx.stopping) as health:
        yield health.show_ready


async def _run_one_pass(settings: WorkerSettings, dry_run: bool) -> dict[str, int]:
    from subscriber.compose import open_context
    from subscriber.reconcile import reconcile, retain
    from subscriber.retention import Retention

    # No reader can come to the port in time, and a worker beside may use it.
    async with open_context(settings.model_copy(update={"metrics_port": 0})) as ctx:
        report = await reconcile(ctx, dry_run=dry_run)
        retention = Retention(ctx, settings.retention)
        while not retention.is_idle:
            await retain(retention, report, dry_run=dry_run)
        return asdict(report)


if __name__ == "__main__":
    main(prog_name="reelbus worker")
