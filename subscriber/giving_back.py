"""Frees what an ended job reserved of the budgets and never spent."""

import logging

from schemas.errors import Conflict, NotFound, Unavailable
from schemas.event import ReservationsReturned
from schemas.job import Job
from subscriber.workshop import Workshop

log = logging.getLogger(__name__)


async def give_back_unused(shop: Workshop, job: Job) -> None:
    """Whoever takes it off the record gives it back, so that it is freed once. Never raises: nobody waits for it."""
    if not (job.ended and job.unused):
        return
    try:
        known = await shop.read(job.job_id)
        if known.ended and known.unused:
            await shop.write(known, ReservationsReturned(at=shop.clock.now()))
            shop.guard.collect(known.unused)
    except (Conflict, NotFound, Unavailable) as error:
        about = {"action": "reservation_kept", "job_id": job.job_id, "reason": str(error)}
        log.info("an unused reservation stays for now", extra=about)
