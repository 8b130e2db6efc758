"""Publish the request of a job, for the first time or again."""

from datetime import datetime

from schemas.domain.job import Job
from schemas.ports import Bus, topic_of
from schemas.wire.message import encode_request


async def publish_request(bus: Bus, job: Job, at: datetime, *, traceparent: str | None = None) -> None:
    """Publish the request on the topic of its lane, with the trace context given or else the job's.

    Raises `Unavailable`.
    """
    message = encode_request(job.request, at=at, traceparent=traceparent or job.traceparent)
    await bus.publish(topic_of(job.request), message)
