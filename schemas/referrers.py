"""Who uses a stored image: many jobs may share one, and it goes with the last of them.

Beside each image lies one empty file for each job that names it, written before the image is and before the job is.
"""

from datetime import datetime, timedelta

from schemas.names import referrer_name, stored_name
from schemas.ports import JobStore, StoredFile, VideoStore
from schemas.request import VideoRequest

JOB_FOLLOWS_WITHIN = timedelta(hours=1)
"""A job that does not exist so long after it named its image never will."""


async def refer(request: VideoRequest, videos: VideoStore) -> None:
    """Says that this job uses the image that it names, where that lies in our store."""
    image = stored_name(request.reference_image)
    if image:
        await videos.put(referrer_name(image, request.job_id), b"", content_type="text/plain")


async def drop_reference(request: VideoRequest, jobs: JobStore, videos: VideoStore, at: datetime) -> bool:
    """Deletes the image of an erased job's request unless another job uses it. False where that can't be told yet."""
    image = stored_name(request.reference_image)
    if image is None:
        return True
    await videos.delete(referrer_name(image, request.job_id))
    for file in await videos.list(referrer_name(image, "")):
        used = await _is_used(file, jobs, at)
        if used is not False:
            return used is True
        await videos.delete(file.name)
    await videos.delete(image)
    return True


async def _is_used(file: StoredFile, jobs: JobStore, at: datetime) -> bool | None:
    """None where the job may be about to come."""
    other = await jobs.get(file.name.rpartition("/")[2])
    if other is None:
        return None if file.stored_at > at - JOB_FOLLOWS_WITHIN else False
    return other.erased_at is None
