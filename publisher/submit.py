"""Takes a request in: image to the store, record, message. In that order, so that nothing is ever promised and lost."""

import logging

from publisher.desk import Desk
from schemas.claim_check import claim_image
from schemas.errors import AlreadyExists, IdReused, Unavailable
from schemas.job import Job, new_job
from schemas.message import encode_request
from schemas.ports import REQUESTS
from schemas.referrers import drop_reference
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
    request = await claim_image(request, desk.videos)
    job = new_job(request, desk.clock.now(), traceparent=traceparent, caller=caller)
    try:
        created = await desk.jobs.create(job)
        await desk.bus.publish(REQUESTS, encode_request(request, at=job.created_at, traceparent=traceparent))
    except AlreadyExists:
        return await _known(desk, job)
    except Unavailable as error:
        logger.warning("submit is uncertain", extra={"action": "submit_uncertain", "job_id": job.job_id})
        raise SubmitUncertain(job.job_id, error) from error
    logger.info("request published", extra={"action": "submit_published", "job_id": job.job_id})
    return created


async def _known(desk: Desk, job: Job) -> Job:
    known = await desk.jobs.get(job.job_id)
    others = known is not None and job.caller is not None and known.caller != job.caller
    if known is None or others or known.fingerprint != job.fingerprint:
        raise IdReused(f"job_id {job.job_id} stands for another request already; a new request needs a new id")
    if known.erased_at:
        await drop_reference(job.request, desk.jobs, desk.videos, desk.clock.now())  # it came along once more
        raise gone(known)
    logger.info("request known", extra={"action": "submit_known", "job_id": job.job_id})
    return known
