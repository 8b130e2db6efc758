"""Processes of ours for the tests: started by the fork server, or by the interpreter where the start itself matters."""

import asyncio
import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_SAID_AT_MOST = 1000
_SERVED_WITHIN_S = 60
_UNREAD_AT_MOST = 10_000_000
"""Below it a pipe is read to its end although the test reads none of it."""


class Process:
    """A process that the fork server started: `python -m MODULE …`, leader of a session of its own."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._status: int | None = None
        self._waiting: list[asyncio.Future[None]] = []
        """Done once the status is known, whichever call reads it."""
        news = self._hear()
        if "pid" not in news:
            raise RuntimeError("the fork server ended before it started the process")
        self.pid: int = news["pid"]

    @property
    def returncode(self) -> int | None:
        """Its exit status, a signal's number with a minus; None while it runs."""
        if self._status is None and select.select([self._connection], [], [], 0)[0]:
            self._end()
        return self._status

    def poll(self) -> int | None:
        """The same."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended. Raises `TimeoutError`."""
        if self._status is None and not select.select([self._connection], [], [], timeout)[0]:
            raise TimeoutError(f"process {self.pid} still runs after {timeout} s")
        return self._end()

    async def ended(self) -> int:
        """Its exit status, once it has ended."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[None] = loop.create_future()
        if self.returncode is None:
            self._waiting.append(told)
            loop.add_reader(self._connection, self._end)
            try:
                await told
            finally:
                self._waiting.remove(told)
                if not self._waiting:
                    loop.remove_reader(self._connection)
                    self._close()
        return self._end()

    def send_signal(self, number: int) -> None:
        """To this process alone. Nothing happens if it has ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _end(self) -> int:
        if self._status is None:
            self._status = int(self._hear()["status"])
            for told in self._waiting:
                _resolve(told)
            self._close()
        return self._status

    def _close(self) -> None:
        """Keep the connection while an event loop watches it."""
        if self._status is not None and not self._waiting:
            self._connection.close()

    def _hear(self) -> dict[str, int]:
        news: dict[str, int] = json.loads(self._connection.recv(_SAID_AT_MOST) or '{"status": -9}')
        return news


def fork(
    module: str,
    *arguments: str,
    env: Mapping[str, str],
    cwd: Path,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    pass_fds: Sequence[int] = (),
) -> Process:
    """`python -m MODULE …` in this folder with this environment alone. A stream that is not given is `/dev/null`."""
    connection = _connect()
    nowhere = os.open(os.devnull, os.O_RDWR)
    try:
        streams = [nowhere if fd is None else fd for fd in (stdin, stdout, stderr)]
        order = {
            "module": module,
            "arguments": list(arguments),
            "environment": dict(env),
            "folder": str(cwd),
            "fds": [0, 1, 2, *pass_fds],
        }
        socket.send_fds(connection, [json.dumps(order).encode()], [*streams, *pass_fds])
    finally:
        os.close(nowhere)
    return Process(connection)


def _connect() -> socket.socket:
    _keep_server()
    return _connected()


def _connected() -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(_SERVED_WITHIN_S)
    connection.connect(f"\0{_server_name()}")
    connection.settimeout(None)
    return connection


@cache
def _server_name() -> str:
    return f"reelbus-tests-{os.environ.get('PYTEST_XDIST_TESTRUNUID') or os.getpid()}"


@cache
def _keep_server() -> socket.socket:
    """The connection that keeps the server up until this process ends. The first one of a run starts the server."""
    command = [sys.executable, "-m", "tests.support.fork_server", _server_name()]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("REELBUS_", "GOOGLE_"))}
    subprocess.run(command, cwd=ROOT, env=clean, check=True)
    connection = _connected()
    atexit.register(connection.close)
    return connection


class Streamed:
    """A process with streams of asyncio's, as `asyncio.create_subprocess_exec` gives one."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.stdin: asyncio.StreamWriter | None = None
        self.stdout: asyncio.StreamReader | None = None
        self.stderr: asyncio.StreamReader | None = None
        self.closed: list[asyncio.Future[None]] = []
        """Done once the pipe that the process writes into is closed."""
        self.pid, self.send_signal, self.kill = process.pid, process.send_signal, process.kill

    @property
    def returncode(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Its exit status, once it has ended and its pipes are closed."""
        status = await self._process.ended()
        if self.stdin:
            self.stdin.close()
        await asyncio.gather(*self.closed)
        return status

    async def communicate(self) -> tuple[bytes, bytes]:
        """The rest of what it writes to either stream, once it has ended."""
        if self.stdin:
            self.stdin.close()
        out, err = [await stream.read() if stream else b"" for stream in (self.stdout, self.stderr)]
        await self.wait()
        return out, err


class _Reading(asyncio.StreamReaderProtocol):
    """Says when the pipe is closed."""

    def __init__(self, reader: asyncio.StreamReader, closed: "asyncio.Future[None]") -> None:
        super().__init__(reader)
        self._told = closed

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        _resolve(self._told)


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


async def fork_streamed(
    module: str,
    *arguments: str,
    env: Mapping[str, str],
    cwd: Path,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    pass_fds: Sequence[int] = (),
) -> Streamed:
    """The same as `fork`. A stream that is `PIPE` is one of asyncio's; `STDOUT` sends stderr where stdout goes."""
    loop = asyncio.get_running_loop()
    ours: dict[str, int] = {}
    theirs: dict[str, Any] = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
    for name, given in theirs.items():
        if given == subprocess.PIPE:
            reading, writing = os.pipe()
            ours[name], theirs[name] = (writing, reading) if name == "stdin" else (reading, writing)
    opened = [fd for name in ours if (fd := theirs[name]) is not None]
    if stderr == subprocess.STDOUT:
        theirs["stderr"] = theirs["stdout"]
    try:
        process = Streamed(
            await asyncio.to_thread(partial(fork, module, *arguments, env=env, cwd=cwd, pass_fds=pass_fds, **theirs))
        )
    finally:
        for fd in opened:
            os.close(fd)
    for name, fd in ours.items():
        if name == "stdin":
            pipe = os.fdopen(fd, "wb", 0)
            transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, pipe)
            process.stdin = asyncio.StreamWriter(transport, protocol, None, loop)
            continue
        reader, closed = asyncio.StreamReader(_UNREAD_AT_MOST), loop.create_future()
        await loop.connect_read_pipe(lambda r=reader, c=closed: _Reading(r, c), os.fdopen(fd, "rb", 0))  # type: ignore[misc]
        process.closed.append(closed)
        setattr(process, name, reader)
    return process
