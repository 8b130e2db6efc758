"""`reelbus serve`, `up`, `worker` and `reconcile`: the commands that run the services.

`serve` runs the HTTP facade, by itself or as a child of `up`. `up` runs facade and worker on one data folder; when one
of them or `up` itself ends, all end. `worker` and `reconcile` replace this process by the worker's, so that signals and
the exit code are the worker's own.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Never

import click

from publisher.cli.configuration import address, bind_port, host_settings
from publisher.cli.errors import Command, NoVideo, OutOfReach
from publisher.cli.processes import (
    PARENT_GRACE_S,
    Child,
    Program,
    command,
    environment,
    open_child,
    open_parent_pipe,
)
from publisher.compose import exit_with_parent, open_logs, run_service
from publisher.facade.server import serve as serve_facade
from publisher.settings import PublisherSettings


def _check_open(_: click.Context, __: click.Parameter, fd: int | None) -> int | None:
    try:
        if fd is not None:
            os.fstat(fd)
    except (OSError, OverflowError) as error:
        raise click.BadParameter("must be an open file descriptor") from error
    return fd


def _check_listens(context: click.Context, parameter: click.Parameter, fd: int | None) -> int | None:
    if _check_open(context, parameter, fd) is not None:
        try:
            # A duplicate: a socket that is not ours stays open.
            with socket.fromfd(fd or 0, socket.AF_INET, socket.SOCK_STREAM) as duplicate:
                listens = duplicate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError:  # it is a file or a pipe
            listens = 0
        if not listens:
            raise click.BadParameter("must be a socket that listens")
    return fd


@click.command(cls=Command)
@click.option("--host", help="Address to listen on.  [default: REELBUS_HOST or 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes any free port.  [default: PORT or 8000]")
@click.option("--listen-fd", type=click.IntRange(3), callback=_check_listens, hidden=True)
@click.option("--ready-fd", type=click.IntRange(3), callback=_check_open, hidden=True)
@click.option("--parent-fd", type=click.IntRange(3), callback=_check_open, hidden=True)
def serve(
    host: str | None, port: int | None, listen_fd: int | None, ready_fd: int | None, parent_fd: int | None
) -> None:
    """Run the HTTP facade until Ctrl-C or SIGTERM.

    Jobs also need a worker: `reelbus worker`.
    """
    settings, listener = bind_port(host, port) if listen_fd is None else _take_port(host, listen_fd)
    if parent_fd is not None:
        exit_with_parent(parent_fd, grace_s=PARENT_GRACE_S)
    open_logs(settings)
    if not run_service(_serve(settings, ready_fd, listener), settings.event_loop):
        raise OutOfReach("the facade could not start; see the log above")


def _take_port(host: str | None, listen_fd: int) -> tuple[PublisherSettings, socket.socket]:
    """Return the open socket of the parent process, and the settings with its port. Raises like `host_settings`."""
    settings = host_settings(host)
    listener = socket.socket(fileno=listen_fd)
    listener.set_inheritable(False)  # a program that the facade starts must not keep the port open
    return settings.model_copy(update={"port": listener.getsockname()[1]}), listener


async def _serve(settings: PublisherSettings, ready_fd: int | None, listener: socket.socket | None) -> bool:
    """Run the facade until it ends, and return True if it ever listened."""
    listened = False

    def ready() -> None:
        nonlocal listened
        listened = True
        url = address(settings)
        if ready_fd is None:
            click.echo(f"Listening on {url}", err=True)
        else:
            os.write(ready_fd, f"{url}\n".encode())
            os.close(ready_fd)

    await serve_facade(settings, ready=ready, listener=listener)
    return listened


_EXAMPLE = """curl -sS {url}/api/videos/generate -H 'content-type: application/json' -d '{body}'"""
_BODY = '{"prompt": "A red bicycle turns slowly on white", "duration_seconds": 3}'
_FACADE = Program(name="facade", module="publisher", arguments=["serve"])
_WORKER = Program(name="worker", module="subscriber")


@click.command(cls=Command)
@click.option("--host", help="Address to listen on.  [default: REELBUS_HOST or 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes any free port.  [default: PORT or 8000]")
def up(host: str | None, port: int | None) -> None:
    """Run facade and worker together until Ctrl-C or SIGTERM.

    One line on stdout says when both are ready. If one of them ends by itself, the other is stopped too.
    """
    settings, listener = bind_port(host, port)
    # Both children read these: the worker's completions contain the facade's address.
    os.environ["PORT"] = str(settings.port)
    os.environ["REELBUS_HOST"] = settings.host
    exited = asyncio.run(_up(settings, listener))
    if exited is not None:
        status = exited.status or 0
        how = f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
        raise NoVideo(f"the {exited.name} ended by itself {how}; the rest is stopped")


async def _up(settings: PublisherSettings, listener: socket.socket | None) -> Child | None:
    """Run both children until a signal comes, and return None, or until one child ends by itself, and return it.

    The facade gets `listener`, and this process closes it: a port that the facade has closed must refuse its callers.
    """
    program = _FACADE
    if listener:
        fd = listener.fileno()
        program = replace(program, arguments=[*program.arguments, "--listen-fd", str(fd)], fds=(fd,))
    stop = asyncio.Event()
    children: list[Child] = []
    _stop_on_signals(stop, children)
    with open_parent_pipe() as parent_fd:
        async with (
            open_child(program, parent_fd=parent_fd) as facade,
            open_child(_WORKER, parent_fd=parent_fd) as worker,
        ):
            if listener:
                listener.close()
            children += [facade, worker]
            exited = await _watch(children, stop, settings)
            for child in children:
                child.terminate()
    return exited


def _stop_on_signals(stop: asyncio.Event, children: Sequence[Child]) -> None:
    """Stop on the first signal; kill the children on the second."""

    def on_signal() -> None:
        if stop.is_set():
            for child in children:
                child.kill()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        under_nohup = number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
        if not under_nohup:
            loop.add_signal_handler(number, on_signal)


async def _watch(children: Sequence[Child], stop: asyncio.Event, settings: PublisherSettings) -> Child | None:
    """Return the child that ended by itself, or None after a signal."""

    async def announce() -> None:
        if all([await child.ready() for child in children]):
            url = address(settings)
            console = f"console: {url}/console   " if settings.console else ""
            click.echo(f"Ready at {url}   {console}try: {_EXAMPLE.format(url=url, body=_BODY)}")
            sys.stdout.flush()

    exits = {asyncio.create_task(child.wait()): child for child in children}
    stopping = asyncio.create_task(stop.wait())
    announcing = asyncio.create_task(announce())
    await asyncio.wait({*exits, stopping}, return_when=asyncio.FIRST_COMPLETED)
    exited = next((child for task, child in exits.items() if task.done()), None)
    for task in (*exits, stopping, announcing):
        task.cancel()
    await asyncio.wait({*exits, stopping, announcing})
    return None if stop.is_set() else exited


_PASS_THROUGH = {"ignore_unknown_options": True, "help_option_names": []}


@click.command(context_settings=_PASS_THROUGH, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def worker(arguments: tuple[str, ...]) -> None:
    """Run a worker until Ctrl-C or SIGTERM."""
    exec_worker(*arguments)


@click.command(context_settings=_PASS_THROUGH, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def reconcile(arguments: tuple[str, ...]) -> None:
    """Check every job that is stuck, once."""
    exec_worker("reconcile", *arguments)


@click.command(context_settings=_PASS_THROUGH, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def evaluator(arguments: tuple[str, ...]) -> None:
    """Score videos against their prompts until Ctrl-C or SIGTERM."""
    _exec("subscriber.evaluation", *arguments)


def exec_worker(*arguments: str) -> Never:
    """Replace this process by the worker's, which checks the arguments."""
    _exec("subscriber", *arguments)


def _exec(module: str, *arguments: str) -> Never:
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(sys.executable, command(module, *arguments), environment())
    except (OSError, ValueError) as error:  # an argument is too long, or has a NUL
        raise click.UsageError(f"the arguments can't be handed to a program: {error}") from error
