"""Workers and facades as processes, forked from one that has imported everything: a start takes 0.1 s instead of 2.

They are the real thing in every other way: a process and an environment of their own, killed by a signal.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_context = get_context("forkserver")
_context.set_forkserver_preload(["__main__", "tests.crash.preload"])
STOPPED_WITHIN_S = 60
TURN: ContextVar[asyncio.Semaphore] = ContextVar("turn")
"""Entered while a process starts, which takes a processor for itself. Houses side by side share a semaphore."""
_statuses = threading.Lock()
"""A start reads the status of whoever has ended meanwhile; read by two at once, one of them finds none."""


@dataclass(frozen=True)
class Part:
    """One process. It stops by itself when we are gone: we hold the other end of its lifeline."""

    process: ForkServerProcess
    lifeline: Connection
    ready: str
    """What it said once it was ready; nothing where it died before that."""
    status: "asyncio.Future[int]"
    """Set once it is gone."""

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return not self.status.done()

    async def gone(self) -> int:
        """Its exit status, once it is there; a signal's number with a minus."""
        status = await asyncio.shield(self.status)
        self.lifeline.close()
        return status

    async def stop(self) -> int:
        """SIGTERM; its exit status. One that does not listen is killed."""
        self.signal(signal.SIGTERM)
        await asyncio.wait([self.status], timeout=STOPPED_WITHIN_S)
        self.signal(signal.SIGKILL)
        return await self.gone()

    def signal(self, number: signal.Signals) -> None:
        """Nothing where it is gone already."""
        if self.alive and self.process.pid:
            with suppress(ProcessLookupError):  # gone this very moment
                os.kill(self.process.pid, number)


async def start(kind: str, arguments: list[str], environment: Mapping[str, str], folder: Path) -> Part:
    """A worker or a facade that is ready, or dead already."""
    ready, ready_there = _context.Pipe(duplex=False)
    lifeline_there, lifeline = _context.Pipe(duplex=False)
    process = _context.Process(
        target=_be, args=(kind, arguments, dict(environment), folder, ready_there, lifeline_there), daemon=True
    )
    async with TURN.get(nullcontext()):
        await asyncio.to_thread(_start, process)
        status = _status_of(process)
        ready_there.close()
        lifeline_there.close()
        with ready:
            said = await asyncio.to_thread(_line, ready.fileno())
    return Part(process, lifeline, said, status)


def _start(process: ForkServerProcess) -> None:
    with _statuses:
        process.start()


def _status_of(process: ForkServerProcess) -> "asyncio.Future[int]":
    """The fork server writes it as soon as it is known; to be read once."""
    loop = asyncio.get_running_loop()
    status: asyncio.Future[int] = loop.create_future()

    def ended() -> None:
        loop.remove_reader(process.sentinel)
        with _statuses:
            process.join()
        if not status.done():
            status.set_result(process.exitcode or 0)

    loop.add_reader(process.sentinel, ended)
    return status


def _line(fd: int) -> str:
    """What it says, until it says no more."""
    said = b""
    while part := os.read(fd, 1024):
        said += part
    return said.decode().strip()


def _be(
    kind: str, arguments: list[str], environment: dict[str, str], folder: Path, ready: Connection, lifeline: Connection
) -> None:
    """In the new process."""
    from tests.crash.launch import run

    vars(current_process())["_config"]["daemon"] = False  # a worker has children of its own
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    with (folder / "log").open("ab") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    fds = {"--ready-fd": os.dup(ready.fileno()), "--parent-fd": os.dup(lifeline.fileno())}
    ready.close()
    lifeline.close()
    run(kind, [*arguments, *(str(word) for pair in fds.items() for word in pair)])
