"""What a worker does with one delivery, whatever it holds; each one is settled exactly once."""

import logging
from collections.abc import Awaitable
from dataclasses import dataclass

from schemas import event as ev
from schemas.cancel import CancelRequest
from schemas.change import change
from schemas.errors import IdReused, Invalid, NewerRecord, NotFound, OtherModel
from schemas.job import Job
from schemas.message import NewerVersion, claimed_job_id, decode_command
from schemas.ports import Delivery
from schemas.request import VideoRequest
from subscriber.announcement import announce, reject
from subscriber.carrying import Carrier
from subscriber.giving_back import give_back_unused
from subscriber.holding import hold
from subscriber.intake import job_for
from subscriber.registry import Registry
from subscriber.workshop import Workshop

log = logging.getLogger(__name__)

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
        except (NewerVersion, NewerRecord) as error:
            await hold(self.shop, delivery, error)
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
                await self._settle_with(ending, delivery)

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

    async def _settle_with(self, ending: Awaitable[None], delivery: Delivery) -> None:
        """A job that only a newer worker, or one of another provider, can go on with is left to that one."""
        try:
            await ending
        except (NewerRecord, OtherModel) as error:
            await hold(self.shop, delivery, error)
        else:
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
