"""One handler per job per process: a later delivery of the same job joins the one under way and settles with it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from schemas.job import Job
from subscriber.carrying import Carrier


@dataclass(slots=True)
class Registry:
    """Who carries which job in this process, `slots` of them at once."""

    slots: asyncio.Semaphore
    closed: bool = False
    _carrying: dict[str, asyncio.Task[Job]] = field(default_factory=dict)
    _carriers: dict[str, Carrier] = field(default_factory=dict)

    def carry(self, job: Job, carrier: Callable[[Job], Carrier]) -> Awaitable[Job]:
        """The ended job, by the handler under way or by a new one. Cancelling one who waits does not stop the handler;
        `hand_back` does. Raises `CancelledError` once this process takes no more jobs."""
        task = self._carrying.get(job.job_id)
        if task is None:
            if self.closed:
                raise asyncio.CancelledError
            self._carriers[job.job_id] = made = carrier(job)
            task = self._carrying[job.job_id] = asyncio.create_task(self._until_ended(job.job_id, made))
        return asyncio.shield(task)

    def nudge(self, job_id: str) -> None:
        """Whoever carries it here reads its record at once."""
        if carrier := self._carriers.get(job_id):
            carrier.nudge()

    def holds(self, job_id: str) -> bool:
        """True while this process carries the job, or keeps it for a slot."""
        return job_id in self._carrying

    @property
    def size(self) -> int:
        """How many jobs are carried right now, or wait for a slot."""
        return len(self._carrying)

    async def hand_back(self) -> None:
        """Stops every handler, and takes no new job. One that waits for the answer of a paid call gets it first."""
        self.closed = True
        for task in self._carrying.values():
            task.cancel()
        if self._carrying:
            await asyncio.wait(tuple(self._carrying.values()))

    async def _until_ended(self, job_id: str, carrier: Carrier) -> Job:
        try:
            async with self.slots:
                if self.closed:
                    raise asyncio.CancelledError
                return await carrier.carry()
        finally:
            del self._carrying[job_id], self._carriers[job_id]
