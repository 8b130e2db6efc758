"""Takes a request in: image to the store, record, message. In that order, so that nothing is ever promised and lost."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from publisher.desk import Desk
from publisher.requests import publish_if_due, publish_request
from publisher.status import place_of
from schemas.caller_names import shown_id
from schemas.claim_check import Claim, ImageOwner, keep_image, open_image
from schemas.errors import AlreadyExists, IdReused, Unavailable
from schemas.job import Job, new_job
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
    """Return the job for this request: a new one, or the one that its id stands for already, untouched.

    The ids of a `caller` are its own: another caller's job of the same id is another job.

    Raises `Invalid` for an image that is none, `IdReused`, `Gone` where the job was erased, and `SubmitUncertain` (an
    `Unavailable`) where the store or the bus failed: a job that was stored but not published is published by the same
    call again, or by `reconcile`.
    """
    if caller is not None:
        request = request.model_copy(update={"job_id": await place_of(desk, request.job_id, caller)})
    claim = await open_image(request, desk.videos, owner=ImageOwner(caller, desk.jobs) if caller is not None else None)
    if claim.name and (known := await desk.jobs.get(request.job_id)):
        return await _known(desk, claim, caller, known)  # before the image is stored: it may be refused
    await keep_image(claim, desk.videos)
    return await submit_claim(desk, claim, traceparent=traceparent, caller=caller)


async def submit_claim(desk: Desk, claim: Claim, *, traceparent: str | None, caller: str | None) -> Job:
    """Do the rest of `submit`: the image is stored, and the request has the id under which the job is stored."""
    request = claim.request
    job = new_job(request, desk.clock.now(), traceparent=traceparent, caller=caller)
    try:
        with _named(job.job_id, caller):
            created = await desk.jobs.create(job)
            await publish_request(desk, created)
    except AlreadyExists:
        return await _known(desk, claim, caller, await desk.jobs.get(job.job_id))
    logger.info("request published", extra={"action": "submit_published", "job_id": job.job_id})
    return created


@contextmanager
def _named(job_id: str, caller: str | None) -> Iterator[None]:
    """What is out of reach leaves a job behind, perhaps: the error names it."""
    try:
        yield
    except Unavailable as error:
        logger.warning("submit is uncertain", extra={"action": "submit_uncertain", "job_id": job_id})
        raise SubmitUncertain(shown_id(caller, job_id), error) from error


async def _known(desk: Desk, claim: Claim, caller: str | None, known: Job | None) -> Job:
    """What the id stands for. A request that becomes no job leaves no image behind."""
    request = claim.request
    refused = known is None or not claim.is_for(known) or (caller is not None and known.caller != caller)
    if known:
        await take_back(request, known, desk.jobs, desk.videos, desk.clock.now())
    if known is None or refused:
        words = f"job_id {shown_id(caller, request.job_id)} stands for another request already"
        raise IdReused(f"{words}; a new request needs a new id or key")
    if known.erased_at:
        raise gone(known, caller=caller)
    logger.info("request known", extra={"action": "submit_known", "job_id": known.job_id})
    with _named(known.job_id, caller):
        return await publish_if_due(desk, known)
