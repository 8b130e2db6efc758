"""Takes a request in: image to the store, record, message. In that order, so that nothing is ever promised and lost."""

import logging

from publisher.desk import Desk
from schemas.claim_check import keep_image, open_image
from schemas.errors import AlreadyExists, IdReused, Unavailable
from schemas.job import Job, new_job
from schemas.message import encode_request
from schemas.ports import REQUESTS
from schemas.referrers import take_back
from schemas.request import VideoRequest
from schemas.tombstone import gone

logger = logging.getLogger(__name__)


class SubmitUncertain(Unavailable):
    """The stores were out of reach half-way: the job may exist, and then it runs later."""

    def __init__(self, job_id: str, cause: Unavailable) -> None:
        super().__init__(
            f"{cause}; the job may run later, ask for {job_id} before you send this again",
            retry_after_s=cause.retry_after_s,
        )
        self.job_id = job_id


async def submit(
    desk: Desk, request: VideoRequest, *, traceparent: str | None = None, caller: str | None = None
) -> Job:
    """The job for this request: a new one, or the one that its id stands for already, untouched.

    For a `caller` an id that anybody else's job has is taken, and no word says by what.

    Raises `Invalid` for an image that is none, `IdReused`, `Gone` where the job was erased, and `SubmitUncertain` (an
    `Unavailable`) where the store or the bus failed: a job that was stored but not published is published by
    `reconcile`.
    """
    claim = await open_image(request, desk.videos)
    request = claim.request
    job = new_job(request, desk.clock.now(), traceparent=traceparent, caller=caller)
    if claim.name and (known := await desk.jobs.get(job.job_id)):
        return await _known(desk, job, known)  # before the image is stored: it may be refused
    await keep_image(claim, desk.videos)
    try:
        created = await desk.jobs.create(job)
        await desk.bus.publish(REQUESTS, encode_request(request, at=job.created_at, traceparent=traceparent))
    except AlreadyExists:
        return await _known(desk, job, await desk.jobs.get(job.job_id))
    except Unavailable as error:
        logger.warning("submit is uncertain", extra={"action": "submit_uncertain", "job_id": job.job_id})
        raise SubmitUncertain(job.job_id, error) from error
    logger.info("request published", extra={"action": "submit_published", "job_id": job.job_id})
    return created


async def _known(desk: Desk, job: Job, known: Job | None) -> Job:
    """What the id stands for. A request that is refused leaves nothing, whoever stored its image."""
    others = known is not None and job.caller is not None and known.caller != job.caller
    refused = known is None or others or known.fingerprint != job.fingerprint
    if known and (refused or known.erased_at):
        await take_back(job.request, known, desk.jobs, desk.videos, desk.clock.now())
    if known is None or refused:
        raise IdReused(f"job_id {job.job_id} stands for another request already; a new request needs a new id or key")
    if known.erased_at:
        raise gone(known)
    logger.info("request known", extra={"action": "submit_known", "job_id": job.job_id})
    return known
