"""A facade as its own process, on a free port, for what only a real server shows."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from publisher.settings import PublisherSettings
from tests.facade.doors import settings_for
from tests.support.ports import free_port
from tests.support.processes import ROOT, Streamed, fork_streamed


@dataclass(frozen=True, slots=True)
class Server:
    """A running facade. `settings` open the same folder from here."""

    settings: PublisherSettings
    process: Streamed
    log: asyncio.StreamReader

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.settings.port}"

    async def logged(self, action: str) -> None:
        """Until it logs that."""
        while True:
            line = await self.log.readline()
            assert line, f"the facade ended before {action}"
            if action.encode() in line:
                return

    async def terminate(self) -> int:
        """SIGTERM; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()


@asynccontextmanager
async def server_at(folder: Path, **settings: object) -> AsyncIterator[Server]:
    """A facade on this folder, ready to answer."""
    port = free_port()
    changes = {"data_dir": folder, **settings}
    process = await fork_streamed(
        "publisher.facade.server",
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PORT": str(port),
            **{f"REELBUS_{name.upper()}": str(value) for name, value in changes.items()},
        },
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    server = Server(settings_for(folder, port=port, **settings), process, process.stderr)
    try:
        await server.logged("facade_ready")
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
