"""`reelbus serve`: the HTTP facade, by itself or as a child of `reelbus up`.

`reelbus up`: facade and worker on one data folder. Whatever ends one of them, or this process, ends all.

Commands of the worker's side: this process becomes it, so that signals and the exit code are its own.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from typing import Never

import click

from publisher.cli.configuration import address, bind_settings
from publisher.cli.errors import Command, NoVideo, OutOfReach
from publisher.cli.processes import (
    Child,
    Program,
    command,
    environment,
    exit_with_parent,
    open_children,
    open_parent_pipe,
)
from publisher.compose import open_logs
from publisher.facade.server import serve as serve_facade
from publisher.settings import PublisherSettings


@click.command(cls=Command)
@click.option("--host", help="Address to listen on.  [default: REELBUS_HOST or 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one.  [default: PORT or 8000]")
@click.option("--ready-fd", type=int, hidden=True)
@click.option("--parent-fd", type=int, hidden=True)
def serve(host: str | None, port: int | None, ready_fd: int | None, parent_fd: int | None) -> None:
    """Run the HTTP facade until Ctrl-C or SIGTERM.

    A worker is needed beside it: `reelbus worker`.
    """
    if parent_fd is not None:
        exit_with_parent(parent_fd)
    settings = bind_settings(host, port)
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


_EXAMPLE = """curl -sS {url}/api/videos/generate -H 'content-type: application/json' -d '{body}'"""
_BODY = '{"prompt": "A red bicycle turns slowly on white", "duration_seconds": 3}'
_WORKER = Program(name="worker", module="subscriber")


@click.command(cls=Command)
@click.option("--host", help="Address to listen on.  [default: REELBUS_HOST or 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one.  [default: PORT or 8000]")
def up(host: str | None, port: int | None) -> None:
    """Run facade and worker together until Ctrl-C or SIGTERM.

    One line on stdout says when both are ready. If one of them ends by itself, the other is stopped too.
    """
    settings = bind_settings(host, port)
    # Both children read it: the worker's completions carry the facade's address.
    os.environ["PORT"] = str(settings.port)
    os.environ["REELBUS_HOST"] = settings.host
    deserter = asyncio.run(_up(settings))
    if deserter is not None:
        raise NoVideo(f"the {deserter.name} ended by itself {_how(deserter)}; the rest is stopped")


async def _up(settings: PublisherSettings) -> Child | None:
    facade = Program(name="facade", module="publisher", arguments=["serve"])
    stop = asyncio.Event()
    crew: list[Child] = []
    _on_signals(partial(_end, stop, crew))
    with open_parent_pipe() as line:
        async with open_children(facade, lifeline=line) as first, open_children(_WORKER, lifeline=line) as second:
            crew += [first, second]
            deserter = await _watch(crew, stop, settings)
            for child in crew:
                child.ask_to_end()
    return deserter


async def _watch(crew: Sequence[Child], stop: asyncio.Event, settings: PublisherSettings) -> Child | None:
    """The child that ended by itself, or None once somebody asked for the end."""
    ends = {asyncio.create_task(child.exited()): child for child in crew}
    stopping = asyncio.create_task(stop.wait())
    announcing = asyncio.create_task(_announce(crew, settings))
    await asyncio.wait({*ends, stopping}, return_when=asyncio.FIRST_COMPLETED)
    over = next((child for task, child in ends.items() if task.done()), None)
    for task in (*ends, stopping, announcing):
        task.cancel()
    await asyncio.wait({*ends, stopping, announcing})
    return None if stop.is_set() else over


async def _announce(crew: Sequence[Child], settings: PublisherSettings) -> None:
    said = [await child.ready() for child in crew]
    if not all(said):
        return
    url = address(settings)
    click.echo(f"Ready at {url}   try: {_EXAMPLE.format(url=url, body=_BODY)}")
    sys.stdout.flush()


def _on_signals(end: "partial[None]") -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        under_nohup = number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
        if not under_nohup:
            loop.add_signal_handler(number, end)


def _end(stop: asyncio.Event, crew: Sequence[Child]) -> None:
    """The first time in good order, the second time at once."""
    if stop.is_set():
        for child in crew:
            child.kill()
    stop.set()


def _how(child: Child) -> str:
    status = child.status or 0
    return f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"


_AS_THEY_ARE = {"ignore_unknown_options": True, "help_option_names": []}


@click.command(context_settings=_AS_THEY_ARE, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def worker(arguments: tuple[str, ...]) -> None:
    """Run a worker until Ctrl-C or SIGTERM."""
    exec_worker("subscriber", *arguments)


@click.command(context_settings=_AS_THEY_ARE, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def reconcile(arguments: tuple[str, ...]) -> None:
    """Look once at every job that got stuck."""
    exec_worker("subscriber", "reconcile", *arguments)


def exec_worker(module: str, *arguments: str) -> Never:
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, command(module, *arguments), environment())
