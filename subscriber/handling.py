"""What a worker does with one delivery, whatever it holds; each one is settled exactly once."""

import asyncio
import logging
from dataclasses import dataclass, field

from schemas import event as ev
from schemas.cancel import CancelRequest
from schemas.change import change
from schemas.errors import IdReused, Invalid, NotFound
from schemas.job import Job
from schemas.message import NewerVersion, claimed_job_id, decode_command
from schemas.ports import Delivery
from schemas.request import VideoRequest
from subscriber.announcement import announce, reject
from subscriber.carrying import Carrier
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
    """Handles deliveries of the request topic. `slots` bounds the jobs carried at once; cancels need none."""

    shop: Workshop
    slots: asyncio.Semaphore
    registry: Registry = field(default_factory=Registry)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, delivery: Delivery) -> None:
        """Settles the delivery of a request or a cancel."""
        try:
            await self._handle(delivery)
        except NewerVersion:
            log.warning("holding a message for a newer worker", extra={"action": "newer_version"})
            await delivery.nack(delay_s=NEWER_VERSION_DELAY_S)
        except (Invalid, IdReused) as error:
            conflict = isinstance(error, IdReused)
            await reject(self.shop, delivery.message, claimed_job_id(delivery.message), error, conflict=conflict)
            await delivery.bury(str(error))

    async def _handle(self, delivery: Delivery) -> None:
        match decode_command(delivery.message):
            case VideoRequest() as request:
                async with self.slots:
                    await self._request(delivery, request)
            case CancelRequest() as wish:
                await self._cancel(delivery, wish)

    async def finish(self, job: Job) -> None:
        """Carries the job to its end, and tells everybody."""
        await announce(self.shop, await self.registry.carry(job, lambda known: Carrier(self.shop, known)))

    async def _request(self, delivery: Delivery, request: VideoRequest) -> None:
        if self.stopping.is_set():
            await delivery.nack()
            return
        await self.finish(await job_for(self.shop, request, traceparent=delivery.message.traceparent))
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
