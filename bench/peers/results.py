"""Wait for results that another process publishes; a slow read of each makes up for a lost one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

READ_EVERY_S = 30.0

Read = Callable[[str], Awaitable[str | None]]
"""Returns the stored result of a job, or None while it has none."""


class Results:
    """The callers that wait, by job id."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._futures: dict[str, asyncio.Future[str]] = {}

    @contextmanager
    def register(self, job_id: str) -> Iterator[None]:
        """Take part from before the job is published, so that its result can't be missed."""
        self._futures[job_id] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            del self._futures[job_id]

    def set(self, job_id: str, result: str) -> None:
        """Hand a result to its caller, if one waits."""
        future = self._futures.get(job_id)
        if future and not future.done():
            future.set_result(result)

    async def wait(self, job_id: str) -> str:
        """Return the result."""
        future = self._futures[job_id]
        while True:
            try:
                async with asyncio.timeout(READ_EVERY_S):
                    return await asyncio.shield(future)
            except TimeoutError:
                if found := await self._read(job_id):
                    self.set(job_id, found)
