"""Tells everybody downstream how a job ended. May be repeated: the event's id is the same each time."""

import logging
from dataclasses import replace

from schemas.ending import completion_of, defect_of, rejection
from schemas.errors import ReelbusError
from schemas.event import Announced
from schemas.fallback import fallback_attributes
from schemas.job import Job
from schemas.message import Message, encode_completion
from schemas.ports import COMPLETIONS
from subscriber.workshop import Workshop

log = logging.getLogger(__name__)


async def announce(shop: Workshop, job: Job) -> Job:
    """Publishes the completion of an ended job; the record is touched only where it still owed one."""
    url = await shop.videos.url_for(job.result.gcs_path) if job.result and not job.erased_at else None
    completion = completion_of(job, video_url=url)
    message = encode_completion(
        completion, at=shop.clock.now(), traceparent=job.traceparent, caller=job.caller, defect=defect_of(job)
    )
    message = replace(message, attributes={**message.attributes, **fallback_attributes(job)})
    await shop.bus.publish(COMPLETIONS, message)
    log.info("announced the end of a job", extra={"action": "announced", "job_id": job.job_id, "state": job.state})
    return await shop.write(job, Announced(at=shop.clock.now())) if job.completion_due else job


async def reject(
    shop: Workshop, message: Message, job_id: str | None, reason: ReelbusError, *, conflict: bool = False
) -> None:
    """Answers a message that is no job of ours; the one it may name is not touched."""
    completion = rejection(job_id, str(reason), field=getattr(reason, "field", None), conflict=conflict)
    log.warning("rejected a message", extra={"action": "rejected", "job_id": job_id, "reason": str(reason)})
    answer = encode_completion(completion, at=shop.clock.now(), traceparent=message.traceparent)
    await shop.bus.publish(COMPLETIONS, answer)
