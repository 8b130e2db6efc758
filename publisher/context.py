"""What the use cases need of the world, in one value.

How one job stands, as callers see it.
"""

from dataclasses import dataclass

from publisher.worker_watch import WorkerWatch
from schemas.domain.job import Job
from schemas.domain.projections import JobView, view_of
from schemas.domain.states import JobState
from schemas.errors import NotFound
from schemas.ports import Bus, Clock, JobStore, VideoStore
from schemas.wire.caller_names import shown_id, stored_id


@dataclass(frozen=True, kw_only=True, slots=True)
class PublisherContext:
    """The publisher's open ports. Only `publisher.compose` makes one from settings."""

    bus: Bus
    jobs: JobStore
    videos: VideoStore
    clock: Clock
    workers: WorkerWatch | None = None
    """Tells how long no worker was seen."""


async def find(desk: PublisherContext, job_id: str, *, caller: str | None = None) -> Job:
    """Return the record. A `caller` names it by its own id, or by the stored one that messages and files show.

    Raises `NotFound`, also if the job is another caller's: in the same words, after the same reads.
    """
    for stored in dict.fromkeys((stored_id(caller, job_id), job_id)):
        job = await desk.jobs.get(stored)
        if job and (caller is None or job.caller == caller):
            return job
    raise NotFound(f"there is no job {job_id}")


async def place_of(desk: PublisherContext, job_id: str, caller: str | None) -> str:
    """Return the id under which this caller's job is stored, or will be.

    The release before stored a caller's id as it was: a call that began there comes back to its job, and is not paid
    again.
    """
    try:
        return (await find(desk, job_id, caller=caller)).job_id
    except NotFound:
        return stored_id(caller, job_id)


async def status(desk: PublisherContext, job_id: str, *, caller: str | None = None) -> JobView:
    """The view of a job. Raises `NotFound`, as `find` does."""
    return await view(desk, await find(desk, job_id, caller=caller), caller=caller)


async def view(desk: PublisherContext, job: Job, *, caller: str | None = None) -> JobView:
    """The view of a record at hand, with its place in the queue where the store can tell."""
    ahead = await desk.jobs.ahead_of(job) if job.state is JobState.QUEUED else None
    return await outline(desk, job, caller=caller, queue_position=None if ahead is None else ahead + 1)


async def outline(
    desk: PublisherContext, job: Job, *, caller: str | None = None, queue_position: int | None = None
) -> JobView:
    """The view without a look at the queue. A `caller` sees its own id; without one it is the stored id.

    Addresses are made now: a signed one would die in the record.
    """
    result = None if job.erased_at else job.result
    silence = await desk.workers.silence() if desk.workers and not job.has_ended else None
    return view_of(
        job,
        notice=silence.words if silence else None,
        worker_seen_at=silence.since if silence else None,
        video_id=shown_id(caller, job.job_id),
        video_url=await desk.videos.url_for(result.gcs_path) if result else None,
        poster_url=await desk.videos.url_for(result.poster_path) if result and result.poster_path else None,
        queue_position=queue_position,
    )
