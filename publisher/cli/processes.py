"""Run a process of reelbus as a child of this one. No child outlives this process: see `infra.parent`."""

import asyncio
import os
import signal
import sys
import sysconfig
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PARENT_GRACE_S = 45.0
_GRACE_S = 45.0
"""A submit may take 30 s, and killing a worker during it could lose what was paid."""
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """A module of reelbus and its arguments."""

    name: str
    """The name in messages."""
    module: str
    arguments: Sequence[str] = ()
    fds: Sequence[int] = ()
    """The open files that it gets from this process, by the same numbers."""


class Child:
    """A running program. It leads its own process group, so that it gets Ctrl-C only from this process."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process, ready_fd: int) -> None:
        self.name = program.name
        self._process = process
        self._ready_fd = ready_fd
        self._is_terminated = False

    @property
    def status(self) -> int | None:
        """The exit status; None while the child runs, negative if a signal ended it."""
        return self._process.returncode

    async def ready(self) -> str | None:
        """Return the line that the child writes when it is ready; None if it ended before. Call this once."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        pipe = os.fdopen(self._ready_fd, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        try:
            return (await reader.readline()).decode().strip() or None
        finally:
            transport.close()

    async def wait(self) -> int:
        """Wait until the child has ended, and return its exit status."""
        return await self._process.wait()

    def terminate(self) -> None:
        """Send SIGTERM once: the child returns its messages and ends."""
        if self.status is None and not self._is_terminated:
            self._is_terminated = True
            self._process.terminate()

    def kill(self) -> None:
        """Kill the child and every process that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """Terminate the child, and kill it and its own children after the grace period."""
        self.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await self.wait()
        self.kill()
        await self.wait()


@asynccontextmanager
async def open_child(program: Program, *, parent_fd: int, output: IO[bytes] | None = None) -> AsyncIterator[Child]:
    """Run the program for as long as the context lasts. It writes to stderr, or to `output`."""
    ready_fd, ready_write_fd = os.pipe()
    flags = ("--ready-fd", str(ready_write_fd), "--parent-fd", str(parent_fd))
    try:
        process = await asyncio.create_subprocess_exec(
            *command(program.module, *program.arguments, *flags),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output or sys.stderr.fileno(),
            stderr=output,
            env=environment(),
            pass_fds=(ready_write_fd, parent_fd, *program.fds),
            process_group=0,
        )
    finally:
        os.close(ready_write_fd)
    child = Child(program, process, ready_fd)
    try:
        yield child
    finally:
        await child.stop()


@contextmanager
def open_parent_pipe() -> Iterator[int]:
    """Open a pipe whose reading end the children get. It closes when the context or this process ends."""
    read_fd, write_fd = os.pipe()
    try:
        yield read_fd
    finally:
        os.close(write_fd)
        os.close(read_fd)


def command(module: str, *arguments: str) -> list[str]:
    """Return the command line of a module. `-P` keeps the current folder off the path: it may hold the same names."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """Return the environment for children. A checkout that is not installed is added to the path."""
    inherited = dict(os.environ)
    if str(_ROOT) != sysconfig.get_path("purelib"):
        inherited["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_ROOT), inherited.get("PYTHONPATH"))))
    return inherited
