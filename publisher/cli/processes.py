"""A process of ours that runs beside this one, and never outlives it.

Ends a child when its parent is gone, however it went.

The parent holds the writing end of a pipe and never writes; the child reads. Even a parent that was killed lets go of
its end, and the child sees the end of the file.
"""

import asyncio
import os
import signal
import sys
import sysconfig
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_GRACE_S = 45.0
"""A submit under way may take 30 s, and killing it could lose what was paid."""
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """What to run."""

    name: str
    """What people call it."""
    module: str
    arguments: Sequence[str] = ()


class Child:
    """A running program. It leads its own process group, so that Ctrl-C reaches it through us alone."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process, ready_fd: int) -> None:
        self.name = program.name
        self._process = process
        self._ready_fd = ready_fd
        self._asked = False

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs, negative where a signal ended it."""
        return self._process.returncode

    async def ready(self) -> str | None:
        """What it says once it can work; None where it ended before. Ask once."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        pipe = os.fdopen(self._ready_fd, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        try:
            return (await reader.readline()).decode().strip() or None
        finally:
            transport.close()

    async def exited(self) -> int:
        """Its exit status, once it has one."""
        return await self._process.wait()

    def ask_to_end(self) -> None:
        """SIGTERM, once: it hands back what it holds and leaves."""
        if self.status is None and not self._asked:
            self._asked = True
            self._process.terminate()

    def kill(self) -> None:
        """Ends it and everything that it started, at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """Asks, waits for a while, then makes sure. Nothing that it started is left."""
        self.ask_to_end()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await self.exited()
        self.kill()
        await self.exited()


@asynccontextmanager
async def open_children(program: Program, *, lifeline: int, output: IO[bytes] | None = None) -> AsyncIterator[Child]:
    """The program for as long as the context lasts. Its output goes where ours goes, or to `output`."""
    ready_fd, said_fd = os.pipe()
    flags = ("--ready-fd", str(said_fd), "--parent-fd", str(lifeline))
    try:
        process = await asyncio.create_subprocess_exec(
            *command(program.module, *program.arguments, *flags),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output or sys.stderr.fileno(),
            stderr=output,
            env=environment(),
            pass_fds=(said_fd, lifeline),
            process_group=0,
        )
    finally:
        os.close(said_fd)
    child = Child(program, process, ready_fd)
    try:
        yield child
    finally:
        await child.stop()


def command(module: str, *arguments: str) -> list[str]:
    """Runs one of our modules. `-P`: a folder of the same name where the user stands is not ours."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """Ours, with a checkout that is not installed on the path."""
    inherited = dict(os.environ)
    if str(_ROOT) != sysconfig.get_path("purelib"):
        inherited["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_ROOT), inherited.get("PYTHONPATH"))))
    return inherited


_PARENT_GRACE_S = 45.0
"""A submit under way may take 30 s, and is not to be cut off."""


@contextmanager
def open_parent_pipe() -> Iterator[int]:
    """The end for the children. They must end before this does, or because of it."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(writing)
        os.close(reading)


def exit_with_parent(reading: int) -> None:
    """From now on this process gets SIGTERM once its parent is gone, and SIGKILL if it doesn't follow."""
    threading.Thread(target=_follow, args=(reading,), name="lifeline", daemon=True).start()


def _follow(reading: int) -> None:
    while os.read(reading, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PARENT_GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)
