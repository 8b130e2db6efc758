"""`reelbus mcp`: the tools for an agent that starts this program itself."""

import asyncio
import os
import signal

import click

from publisher.cli.clients import open_local_pipeline
from publisher.cli.configuration import configuration
from publisher.cli.errors import Command
from publisher.compose import open_context, open_logs
from publisher.interrupt import EXIT_CODE
from publisher.mcp import sdk_installed


@click.command("mcp", cls=Command)
@click.option("--worker", "with_worker", is_flag=True, help="Also run a worker, until the agent's program ends.")
def mcp(with_worker: bool) -> None:
    """Serve the tools for an agent on standard input and output.

    An agent's program starts this command; docs/mcp.md says how it is told so. It works on the stores of the settings.
    Without --worker a worker must run elsewhere, for example by `reelbus up`. The log is on standard error.
    """
    asyncio.run(_serve(with_worker))


async def _serve(with_worker: bool) -> None:
    with sdk_installed():
        from publisher.mcp.stdio import serve_stdio
    settings = configuration()
    open_logs(settings)
    # The SDK reads standard input in a thread that can't be stopped. All that is known is stored already.
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, os._exit, EXIT_CODE)
    if with_worker:
        async with open_local_pipeline() as client:
            await serve_stdio(settings, client.ctx)
    else:
        async with open_context(settings) as ctx:
            await serve_stdio(settings, ctx)
