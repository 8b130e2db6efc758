"""Who uses a stored image: many jobs may share one, and it goes with the last of them.

Beside each image lies one empty file for each job that names it, written before the image is and before the job is.
That order is what saves an image that is taken in while it is being deleted: whoever deletes looks at these files once
more afterwards, and puts the image back if one has come. If it came later than that, so did the image itself.
"""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from schemas.errors import NewerRecord, NotFound
from schemas.job import Job
from schemas.media_types import IMAGES
from schemas.names import referrer_name, stored_name
from schemas.ports import JobStore, StoredFile, VideoStore
from schemas.request import VideoRequest

JOB_FOLLOWS_WITHIN = timedelta(hours=1)
"""A job that does not exist so long after it named its image never will."""
_LOOKED_AT = 50
"""Referrers, the newest first."""
IMAGE_TYPES = {extension: IMAGES[extension] for extension in ("png", "jpg", "webp")}
"""By the extension of the stored name."""


async def refer(request: VideoRequest, videos: VideoStore) -> None:
    """Says that this job uses the image that it names, where that lies in our store."""
    image = stored_name(request.reference_image)
    if image:
        await videos.put(referrer_name(image, request.job_id), b"", content_type="text/plain")


async def is_used_by(caller: str, image: str, jobs: JobStore, videos: VideoStore) -> bool:
    """True if a job of this caller uses the image. An image that nobody uses takes as long as one of another caller."""
    files = sorted(await _referrers(image, videos), key=lambda file: file.stored_at, reverse=True)[:_LOOKED_AT]
    names = [file.name for file in files] or [referrer_name(image, "none")]
    found = await asyncio.gather(*(jobs.get(name.rpartition("/")[2]) for name in names))
    return any(job and job.caller == caller and not job.erased_at for job in found)


async def take_back(request: VideoRequest, known: Job, jobs: JobStore, videos: VideoStore, at: datetime) -> None:
    """Takes away what a request brought along that became no job, since its id stands for `known`."""
    if known.erased_at or known.request.reference_image != request.reference_image:
        await drop_reference(request, jobs, videos, at)


async def drop_reference(request: VideoRequest, jobs: JobStore, videos: VideoStore, at: datetime) -> bool:
    """The job does not use its image any more; deletes that unless another job uses it. False where that can't be told
    yet."""
    image = stored_name(request.reference_image)
    if image is None:
        return True
    await videos.delete(referrer_name(image, request.job_id))
    used = await _is_used(image, jobs, videos, at)
    return await _deleted(image, videos) if used is False else used is True


async def _is_used(image: str, jobs: JobStore, videos: VideoStore, at: datetime) -> bool | None:
    """None where it can't be told yet. Forgets whoever does not use it any more."""
    for file in await _referrers(image, videos):
        used = await _uses(file, jobs, at)
        if used is not False:
            return used
        await videos.delete(file.name)
    return False


async def _uses(file: StoredFile, jobs: JobStore, at: datetime) -> bool | None:
    """None where the job may be about to come."""
    try:
        other = await jobs.get(file.name.rpartition("/")[2])
    except NewerRecord:
        return True  # a newer version decides about that job and its image
    if other is None:
        return None if file.stored_at > at - JOB_FOLLOWS_WITHIN else False
    return other.erased_at is None


async def _deleted(image: str, videos: VideoStore) -> bool:
    """False where somebody named it meanwhile: then it is there."""
    try:
        content = await _content(image, videos)
    except NotFound:
        return True
    if await _referrers(image, videos):
        return False
    await videos.delete(image)
    if not await _referrers(image, videos):
        return True
    await videos.put(image, content, content_type=IMAGE_TYPES[image.rpartition(".")[2]])
    return False


async def _content(image: str, videos: VideoStore) -> bytes:
    """In memory: a copy on the disk could outlive this process."""
    with TemporaryDirectory(prefix="image-") as folder:
        copy = Path(folder, "image")
        await videos.fetch(image, copy)
        return await asyncio.to_thread(copy.read_bytes)


async def _referrers(image: str, videos: VideoStore) -> list[StoredFile]:
    return list(await videos.list(referrer_name(image, "")))
