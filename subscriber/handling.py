"""What a worker does with one delivery, whatever it holds; each one is settled exactly once."""

import logging
from collections.abc import Awaitable
from dataclasses import dataclass

from schemas import event as ev
from schemas.cancel import CancelRequest
from schemas.change import change
from schemas.errors import IdReused, Invalid, NotFound
from schemas.job import Job
from schemas.message import NewerVersion, claimed_job_id, decode_command
from schemas.ports import MAX_DELIVERIES, REQUESTS, Delivery
from schemas.request import VideoRequest
from subscriber.announcement import announce, reject
from subscriber.carrying import Carrier
from subscriber.giving_back import give_back_unused
from subscriber.intake import job_for
from subscriber.registry import Registry
from subscriber.workshop import Workshop

log = logging.getLogger(__name__)

NEWER_VERSION_DELAY_S = 600.0
EARLY_CANCEL_DELAY_S = 5.0
EARLY_CANCEL_TRIES = 5
"""A cancel may overtake its request: it is tried this often before it counts as one for an unknown job."""


@dataclass(frozen=True, slots=True)
class Handler:
    """Handles deliveries of the request topic. The registry bounds the jobs carried at once; cancels need no slot."""

    shop: Workshop
    registry: Registry

    async def __call__(self, delivery: Delivery) -> None:
        """Settles the delivery of a request or a cancel."""
        try:
            command = decode_command(delivery.message)
            job = await self._job_of(delivery, command)
        except NewerVersion:
            await self._hold(delivery)
        except (Invalid, IdReused) as error:
            conflict = isinstance(error, IdReused)
            await reject(self.shop, delivery.message, claimed_job_id(delivery.message), error, conflict=conflict)
            await delivery.bury(str(error))
        else:
            if isinstance(command, CancelRequest):
                await self._cancel(delivery, command)
            elif job:
                ending = self.finish(job)
                del command, job  # a thousand of them for an hour: only the carrier's newest record is kept
                await ending
                await delivery.ack()

    def finish(self, job: Job) -> Awaitable[None]:
        """Carries the job to its end, and tells everybody. Keeps no record of its own meanwhile."""
        return self._told(self.registry.carry(job, lambda known: Carrier(self.shop, known)))

    async def _told(self, carried: Awaitable[Job]) -> None:
        ended = await carried
        await announce(self.shop, ended)
        await give_back_unused(self.shop, ended)

    async def _job_of(self, delivery: Delivery, command: VideoRequest | CancelRequest) -> Job | None:
        """The record is there before the job waits for its turn: a cancel finds it."""
        if isinstance(command, CancelRequest):
            return None
        return await job_for(self.shop, command, traceparent=delivery.message.traceparent)

    async def _hold(self, delivery: Delivery) -> None:
        """For a newer worker. A message that is about to be given up for its many deliveries begins afresh."""
        log.warning("holding a message for a newer worker", extra={"action": "newer_version"})
        if delivery.attempt < MAX_DELIVERIES - 1:
            await delivery.nack(delay_s=NEWER_VERSION_DELAY_S)
        else:
            await self.shop.bus.publish(REQUESTS, delivery.message)
            await delivery.ack()

    async def _cancel(self, delivery: Delivery, wish: CancelRequest) -> None:
        at = self.shop.clock.now()
        try:
            job = await change(self.shop.jobs, wish.job_id, lambda _: ev.CancelWished(at=at, reason=wish.reason))
        except NotFound as error:
            if delivery.attempt < EARLY_CANCEL_TRIES:
                await delivery.nack(delay_s=EARLY_CANCEL_DELAY_S)
            else:
                await reject(self.shop, delivery.message, wish.job_id, error)
                await delivery.ack()
            return
        self.registry.nudge(wish.job_id)
        if job.completion_due:
            await announce(self.shop, job)
        await delivery.ack()
