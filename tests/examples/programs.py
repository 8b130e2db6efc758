"""Programs that are started as a person types them, and watched."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

_BIN = Path(sys.executable).parent
_LEADING = ("REELBUS_", "PYTHON_API", "PUSH_")


@dataclass
class Program:
    """One process, with what it said on stdout and stderr."""

    process: asyncio.subprocess.Process
    said: str = ""
    _read: int = 0

    async def until(self, pattern: str) -> re.Match[str]:
        """The next line that has it. Fails where the program ends without."""
        while True:
            line = await self._line()
            assert line, f"{pattern!r} never came:\n{self.said}"
            if found := re.search(pattern, line):
                return found

    async def ended(self) -> int:
        """Its exit status, once it has ended by itself and all it said is read."""
        while await self._line():
            pass
        return await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        await self.ended()

    async def _line(self) -> str:
        assert self.process.stdout
        line = (await self.process.stdout.readline()).decode()
        self.said += line
        return line


@dataclass(frozen=True)
class Place:
    """A folder in which commands are typed, and what was exported before."""

    folder: Path
    exported: dict[str, str] = field(default_factory=dict)

    def export(self, **variables: str) -> "Place":
        """The same folder with these."""
        return Place(self.folder, {**self.exported, **variables})

    @asynccontextmanager
    async def running(self, command: str) -> AsyncIterator[Program]:
        """A command of the shell, that is killed at the end if it goes on."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(_LEADING)}
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            f"exec {command}",
            cwd=self.folder,
            env={**clean, "PATH": f"{_BIN}:{clean['PATH']}", **self.exported},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        program = Program(process)
        try:
            yield program
        finally:
            if process.returncode is None:
                await program.kill()

    async def run(self, command: str, *, status: int = 0) -> str:
        """What a command says that ends by itself, with this exit status."""
        async with self.running(command) as program:
            assert await program.ended() == status, program.said
        return program.said
