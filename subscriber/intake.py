"""From a message to the job it speaks of: known, new, or none."""

from schemas.claim_check import Claim, keep_image, open_image
from schemas.errors import AlreadyExists, IdReused
from schemas.job import Job, new_job
from schemas.referrers import take_back
from schemas.request import VideoRequest
from subscriber.workshop import Workshop


async def job_for(shop: Workshop, request: VideoRequest, *, traceparent: str | None) -> Job:
    """The job of a request, created where a publisher sent it straight to the bus.

    Raises `Invalid` for an image that is none, and `IdReused` where the id stands for another request.
    """
    known = await shop.jobs.get(request.job_id)
    if known and known.fingerprint == request.fingerprint():
        return known  # whatever was allowed of its image then: it is taken, and perhaps paid
    claim = await open_image(request, shop.videos, from_bus=True)
    job = known or await _created(shop, claim, traceparent)
    refused = job.fingerprint != claim.request.fingerprint()
    if refused or job.erased_at:
        await take_back(claim.request, job, shop.jobs, shop.videos, shop.clock.now())
    if refused:
        raise IdReused(f"job_id {request.job_id} stands for another request already")
    return job


async def _created(shop: Workshop, claim: Claim, traceparent: str | None) -> Job:
    await keep_image(claim, shop.videos)
    try:
        return await shop.jobs.create(new_job(claim.request, shop.clock.now(), traceparent=traceparent))
    except AlreadyExists:
        return await shop.read(claim.request.job_id)
