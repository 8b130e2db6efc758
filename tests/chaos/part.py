"""One process of the house: started, watched, hurt, and started again when it is gone."""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.journal import Journal
from tests.support.processes import Streamed, fork_streamed

READY_WITHIN_S = 60
_LINE_BYTES = 1 << 22
_OUT_OF_REACH = 4
"""Exit status of a process that could not open what it needs; whoever runs it starts it again."""
_RESTART_S = 0.2
_FULL_AT_BYTES = 4096
_LIFELINE, _HELD = os.pipe()
"""The other end is held by this process alone: when it is gone, however that came, its parts go too."""


@dataclass
class Part:
    """A worker, a facade."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    journal: Journal
    is_forked: bool = False
    """By the fork server; a start of its own loads for seconds, in which the process can be hurt."""
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _process: asyncio.subprocess.Process | Streamed | None = None
    _ends_by_us: bool = False
    _is_over: bool = False

    async def keep(self) -> None:
        """Starts it, and again whenever it is gone, until it is to stop."""
        while not self._is_over:
            await self._once()

    def kill(self) -> bool:
        """SIGKILL for it and whatever it started. False where there is nothing to kill."""
        if not self._is_there():
            return False
        self._ends_by_us = True
        self.ready.clear()
        self._signal(signal.SIGKILL)
        return True

    def stop(self) -> int:
        """SIGSTOP; gives what `resume` wants."""
        self._signal(signal.SIGSTOP)
        return self.pid

    def resume(self, pid: int) -> None:
        """SIGCONT, if it is still the same process."""
        if pid == self.pid:
            self._signal(signal.SIGCONT)

    def fill_disk(self) -> int:
        """From now on it can't make a file larger than a page; gives what `empty_disk` wants."""
        self._limit(_FULL_AT_BYTES)
        return self.pid

    def empty_disk(self, pid: int) -> None:
        """There is room again."""
        if pid == self.pid:
            self._limit(None)

    async def end(self) -> None:
        """SIGTERM; a drain that takes half a minute is a crash.

        It may come up first: a start has not yet learned to end well, and one that was killed a moment ago is no news.
        """
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await self.ready.wait()
        except TimeoutError:
            self.journal.crashes.append(f"{self.name}: not up again within {READY_WITHIN_S} s")
        self._ends_by_us = self._is_over = True
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        if self._process is None:
            return
        try:
            async with asyncio.timeout(30):
                status = await self._process.wait()
        except TimeoutError:
            status = -1
            self._signal(signal.SIGKILL)
        if status:
            self.journal.crashes.append(f"{self.name}: ended with status {status} when asked to stop")

    async def _once(self) -> None:
        self._ends_by_us = False
        reading, writing = os.pipe()
        command = (*self.command, "--ready-fd", str(writing), "--parent-fd", str(_LIFELINE))
        self._process = await self._start(command, (writing, _LIFELINE))
        os.close(writing)
        waiting = asyncio.create_task(self._until_ready(reading))
        await self._listen(self._process)
        status = await self._process.wait()
        await waiting
        self.ready.clear()
        await self._judge(status)

    async def _start(self, command: Sequence[str], fds: Sequence[int]) -> asyncio.subprocess.Process | Streamed:
        if self.is_forked:
            return await fork_streamed(
                *command, env=self.environment, cwd=self.folder, pass_fds=fds, stderr=asyncio.subprocess.PIPE
            )
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", *command),
            env=dict(self.environment),
            cwd=self.folder,
            pass_fds=fds,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_LINE_BYTES,
        )

    async def _until_ready(self, reading: int) -> None:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(reading))
        if await reader.readline():
            self.ready.set()
        transport.close()

    async def _listen(self, process: asyncio.subprocess.Process | Streamed) -> None:
        assert process.stderr
        async for line in process.stderr:
            self.journal.hear(f"{self.name}-{process.pid}", line.decode(errors="replace").rstrip())

    async def _judge(self, status: int) -> None:
        if self._ends_by_us:
            return
        await asyncio.sleep(_RESTART_S)
        if status == _OUT_OF_REACH:
            self.journal.done["starts given up, a service out of reach"] += 1
        else:
            self.journal.crashes.append(f"{self.name}: ended by itself with status {status}")

    @property
    def pid(self) -> int:
        """Of the present life; 0 before the first."""
        return self._process.pid if self._process else 0

    def _is_there(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def _signal(self, number: signal.Signals) -> None:
        if self._is_there():
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _limit(self, size: int | None) -> None:
        if self._is_there():
            with suppress(ProcessLookupError):
                hardest = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)[1]
                resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (hardest if size is None else size, hardest))
