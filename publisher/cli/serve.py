"""`reelbus serve`: the HTTP facade, by itself or as a child of `reelbus up`."""

import asyncio
import os

import click

from publisher.cli.configuration import address, listening
from publisher.cli.exits import OutOfReach, Verb
from publisher.cli.lifeline import hold
from publisher.compose import open_logs
from publisher.facade.server import serve as serve_facade
from publisher.settings import PublisherSettings


@click.command(cls=Verb)
@click.option("--host", help="Address to listen on.  [default: REELBUS_HOST or 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one.  [default: PORT or 8000]")
@click.option("--ready-fd", type=int, hidden=True)
@click.option("--parent-fd", type=int, hidden=True)
def serve(host: str | None, port: int | None, ready_fd: int | None, parent_fd: int | None) -> None:
    """Run the HTTP facade until Ctrl-C or SIGTERM.

    A worker is needed beside it: `reelbus worker`.
    """
    if parent_fd is not None:
        hold(parent_fd)
    settings = listening(host, port)
    open_logs(settings.log_level)
    if not asyncio.run(_serve(settings, ready_fd)):
        raise OutOfReach("The facade could not start; the log above says why")


async def _serve(settings: PublisherSettings, ready_fd: int | None) -> bool:
    """Whether it ever listened."""
    listened = False

    def ready() -> None:
        nonlocal listened
        listened = True
        _tell(address(settings), ready_fd)

    await serve_facade(settings, ready=ready)
    return listened


def _tell(url: str, ready_fd: int | None) -> None:
    if ready_fd is None:
        click.echo(f"Listening on {url}", err=True)
        return
    os.write(ready_fd, f"{url}\n".encode())
    os.close(ready_fd)
