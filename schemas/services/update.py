"""Read, decide, compare-and-set, and again where somebody was faster: the one way to change a record from outside."""

from collections.abc import Callable

from schemas.domain.events import Step
from schemas.domain.job import Job
from schemas.domain.state_machine import advance
from schemas.errors import Conflict, NotFound
from schemas.ports import JobStore

ATTEMPTS = 20


async def update_job(jobs: JobStore, job_id: str, event_for: Callable[[Job], Step | None]) -> Job:
    """The job after the event that `event_for` names for its newest version; None leaves it as it is.

    Raises `NotFound`, `ImpossibleStep`, and `Conflict` where it lost the race twenty times over.
    """
    for _ in range(ATTEMPTS):
        job = await jobs.get(job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        event = event_for(job)
        after = job if event is None else advance(job, event)
        if after is job:
            return job
        try:
            return await jobs.save(after)
        except Conflict:
            continue
    raise Conflict(f"job {job_id} is changed too often by others")
