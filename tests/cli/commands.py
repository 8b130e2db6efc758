"""Runs a command inside the test's own process."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from click.testing import CliRunner, Result

from publisher.cli import reelbus
from publisher.compose import open_context
from publisher.context import PublisherContext
from publisher.settings import PublisherSettings
from publisher.submit import submit
from schemas.wire.request import VideoRequest

T = TypeVar("T")
PROMPT = "A red bicycle turns slowly on white"


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell with its own data folder, and no worker anywhere."""

    data_dir: Path

    def __call__(self, *arguments: str, stdin: str | bytes | None = None, **variables: str) -> Result:
        """What the command says, on both streams, and its exit code."""
        environment = {"REELBUS_DATA_DIR": str(self.data_dir), **variables}
        return CliRunner().invoke(reelbus, arguments, input=stdin, env=environment)

    def with_desk(self, use: Callable[[PublisherContext], Awaitable[T]]) -> T:
        """Something done behind the command line's back."""

        async def opened() -> T:
            async with open_context(PublisherSettings(data_dir=self.data_dir)) as desk:
                return await use(desk)

        return asyncio.run(opened())

    def queued(self, job_id: str, project_id: str | None = None, *, caller: str | None = None, **fields: object) -> str:
        """A job that waits for a worker."""
        given = {"job_id": job_id, "prompt": PROMPT, "project_id": project_id, **fields}
        request = VideoRequest.model_validate(given)
        return self.with_desk(lambda desk: submit(desk, request, caller=caller)).job_id


def complaint(result: Result) -> str:
    """The one line on stderr; nothing else may be there, and nothing on stdout."""
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line
