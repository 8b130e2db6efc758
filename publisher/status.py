"""How one job stands, as callers see it."""

from publisher.desk import Desk
from schemas.errors import NotFound
from schemas.job import Job
from schemas.state import JobState
from schemas.view import JobView, view_of


async def find(desk: Desk, job_id: str, *, caller: str | None = None) -> Job:
    """The record. Raises `NotFound`: for a `caller` also where the job is somebody else's."""
    job = await desk.jobs.get(job_id)
    if job is None or (caller is not None and job.caller != caller):
        raise NotFound(f"there is no job {job_id}")
    return job


async def status(desk: Desk, job_id: str, *, caller: str | None = None) -> JobView:
    """The view of a job. Raises `NotFound`, as `find` does."""
    return await view(desk, await find(desk, job_id, caller=caller))


async def view(desk: Desk, job: Job) -> JobView:
    """The view of a record at hand, with its place in the queue where the store can tell."""
    ahead = await desk.jobs.ahead_of(job) if job.state is JobState.QUEUED else None
    return await outline(desk, job, queue_position=None if ahead is None else ahead + 1)


async def outline(desk: Desk, job: Job, *, queue_position: int | None = None) -> JobView:
    """The view without a look at the queue. Addresses are made now: a signed one would die in the record."""
    result = None if job.erased_at else job.result
    return view_of(
        job,
        video_url=await desk.videos.url_for(result.gcs_path) if result else None,
        poster_url=await desk.videos.url_for(result.poster_path) if result and result.poster_path else None,
        queue_position=queue_position,
    )
