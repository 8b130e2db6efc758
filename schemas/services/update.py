"""The ways to change a stored record: `save_event` for a record in hand, `update_job` to read, decide and save."""

from collections.abc import Callable

from schemas.domain.events import Step
from schemas.domain.job import Job
from schemas.domain.state_machine import advance
from schemas.errors import Conflict, NotFound
from schemas.ports import JobStore

ATTEMPTS = 20


async def get_job(jobs: JobStore, job_id: str) -> Job:
    """Return the newest version of the record. Raises `NotFound`."""
    job = await jobs.get(job_id)
    if job is None:
        raise NotFound(f"there is no job {job_id}")
    return job


async def save_event(jobs: JobStore, job: Job, event: Step) -> Job:
    """Return the job after the event, stored.

    Raises `ImpossibleStep`, and `Conflict` if another process has changed the record.
    """
    return await jobs.save(advance(job, event))


async def update_job(jobs: JobStore, job_id: str, event_for: Callable[[Job], Step | None]) -> Job:
    """Return the job after the event that `event_for` returns for its newest version; None leaves it as it is.

    Raises `NotFound`, `ImpossibleStep`, and `Conflict` if another process was faster in all of `ATTEMPTS` attempts.
    """
    for _ in range(ATTEMPTS):
        job = await get_job(jobs, job_id)
        event = event_for(job)
        after = job if event is None else advance(job, event)
        if after is job:
            return job
        try:
            return await jobs.save(after)
        except Conflict:
            continue
    raise Conflict(f"job {job_id} changed too often: other processes were faster each time")
