"""Lets a job that ended without a video live again. What was paid and made is used; what is missing is paid for."""

import logging
from dataclasses import dataclass

from publisher.desk import Desk
from publisher.payment import Payment, Planner, describe, payments_of
from publisher.requests import publish_if_due, publish_request
from publisher.status import find
from schemas.change import change
from schemas.errors import Invalid, Unavailable
from schemas.event import Replayed
from schemas.job import QUEUED_AT_MOST, Job
from schemas.state import JobState

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """What a person agreed to pay for."""

    plan: Planner
    payments: tuple[Payment, ...] = ()

    def check(self, payments: tuple[Payment, ...]) -> None:
        """Raises `PaymentDue` if it is something else."""
        if payments != self.payments:
            raise PaymentDue(payments)


class PaymentDue(Invalid):
    """Nobody agreed to pay for this."""

    def __init__(self, payments: tuple[Payment, ...]) -> None:
        super().__init__(f"the replay would pay {describe(payments)}")
        self.payments = payments


async def replay(
    desk: Desk,
    job_id: str,
    *,
    traceparent: str | None = None,
    resubmit: int | None = None,
    agreed: Agreement | None = None,
) -> Job:
    """The job in its new life, with its request on the bus again. One that has not ended comes back unchanged.
    `resubmit` names a clip in doubt that is sent again although it may be paid twice.

    `agreed` says what a person agreed to pay for; without it nothing is asked.

    Raises `NotFound`, and `Invalid` for a job that has its video, was erased, or would pay for anything else. A crash
    half-way, or a bus that is out of reach, leaves a queued job, which the same call again publishes, or `reconcile`.
    """
    before = await find(desk, job_id)
    job = await change(desk.jobs, job_id, lambda newest: _revival(desk, newest, resubmit, agreed))
    is_replayed = job.life != before.life
    try:
        await (publish_request(desk, job, traceparent=traceparent) if is_replayed else publish_if_due(desk, job))
    except Unavailable:
        logger.warning("replay is left to reconcile", extra={"action": "replay_unsent", "job_id": job_id})
    if is_replayed:
        logger.info("job replayed", extra={"action": "job_replayed", "job_id": job_id, "life": job.life})
    return job


def revival(desk: Desk, job: Job, resubmit: int | None = None) -> Replayed | None:
    """What lets it live again; None for a job that has its video, has not ended, or was erased."""
    if not job.ended or job.erased_at or job.state is JobState.SUCCEEDED:
        return None
    now = desk.clock.now()
    return Replayed(at=now, deadline=now + QUEUED_AT_MOST, resubmit=resubmit)


def _revival(desk: Desk, job: Job, resubmit: int | None, agreed: Agreement | None) -> Replayed | None:
    if job.erased_at:
        raise Invalid(f"job {job.job_id} was erased with its prompt; a new video needs a new id", field="job_id")
    if job.state is JobState.SUCCEEDED:
        raise Invalid(f"job {job.job_id} has its video already; another one needs a new id", field="job_id")
    event = revival(desk, job, resubmit)
    if agreed:
        agreed.check(payments_of(job, event, agreed.plan))
    return event
