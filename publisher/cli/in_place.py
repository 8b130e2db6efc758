"""The whole pipeline for one command: the stores, and a worker beside this process for as long as it is needed."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

from publisher.cli.child import Child, Program, running
from publisher.cli.configuration import configuration
from publisher.cli.desk_door import DeskDoor
from publisher.cli.lifeline import lifeline
from publisher.compose import open_desk
from schemas.errors import Unavailable

_WORKER = Program(name="worker", module="subscriber")
_TAIL_BYTES = 600


@asynccontextmanager
async def in_place() -> AsyncIterator[DeskDoor]:
    """A door behind which somebody works. Raises `Unavailable` where the worker does not start."""
    with lifeline() as line, tempfile.TemporaryFile() as said:
        async with open_desk(configuration()) as desk, running(_WORKER, lifeline=line, output=said) as worker:
            if await worker.ready() is None:
                await worker.ended()
            _check(worker, said)
            yield DeskDoor(desk, lambda: _check(worker, said))


def _check(worker: Child, said: IO[bytes]) -> None:
    if worker.status is not None:
        raise Unavailable(f"the worker ended by itself with status {worker.status}; it said: {_last_words(said)}")


def _last_words(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read()[-_TAIL_BYTES:].decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing"
