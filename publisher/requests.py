"""Publishes the requests of jobs, and once more those that did not leave.

A request that the bus did not take leaves a job whose check is due. `reconcile` publishes it then, and so does the same
call again, at once. Both claim the job first by moving its next check on: a backlog of jobs whose requests wait on the
bus is not published again, however often their callers repeat their calls.
"""

import logging
from contextlib import suppress

from publisher.desk import Desk
from schemas.advance import advance
from schemas.change import change
from schemas.errors import Conflict, ReelbusError, Unavailable
from schemas.event import Checked, Unsent
from schemas.job import Job
from schemas.message import encode_request
from schemas.ports import REQUESTS
from schemas.state import JobState

logger = logging.getLogger(__name__)


async def publish_request(desk: Desk, job: Job, *, traceparent: str | None = None) -> None:
    """Publish the request of a job. Raises `Unavailable`, and notes in the record that it may not have left."""
    message = encode_request(job.request, at=desk.clock.now(), traceparent=traceparent or job.traceparent)
    try:
        await desk.bus.publish(REQUESTS, message)
    except Unavailable:
        with suppress(ReelbusError):  # `reconcile` looks at each job in any case, only later
            await change(desk.jobs, job.job_id, lambda newest: _unsent(desk, newest))
        raise


async def publish_if_due(desk: Desk, job: Job) -> Job:
    """Return the job, and publish its request again if it waits for a worker and its check is due.

    Raises `Unavailable`.
    """
    now = desk.clock.now()
    # What is being submitted has a worker, or a window in which no other one may take it up.
    if job.ended or job.state is JobState.SUBMITTING or job.next_check_at is None or job.next_check_at > now:
        return job
    try:
        job = await desk.jobs.save(advance(job, Checked(at=now)))
    except Conflict:  # a worker has it, or another call published it
        return await desk.jobs.get(job.job_id) or job
    await publish_request(desk, job)
    logger.info("published a request again", extra={"action": "republished", "job_id": job.job_id})
    return job


def _unsent(desk: Desk, job: Job) -> Unsent | None:
    return Unsent(at=desk.clock.now()) if not job.ended else None
