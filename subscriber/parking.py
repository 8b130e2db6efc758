"""Park jobs whose key holds enough messages, and publish the parked ones again when it is their turn.

No step of this can lose a job, wherever the worker is killed:

1. Park: the row is stored, then the record says what the job waits for, then the message is settled.
2. Bring back: the request is published again, then the row is removed, unless the job was parked again meanwhile.

A kill in between leaves a message or a row too many. A second message joins the job's runner, or is settled with it.
A row of a job that has started or ended is removed when its turn comes. Two workers may bring the same job back. A row
of a record that this worker can't read stays: a worker of the newer version brings that job back.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from schemas.domain import events as ev
from schemas.domain.job import WAITS_FOR_TURN, Job
from schemas.errors import Conflict, NewerRecord, Unavailable
from schemas.ports import ParkedJob, ParkedJobs
from schemas.services.publish import publish_request
from schemas.services.update import save_event, update_job
from schemas.wire.types import Priority
from subscriber.context import WorkerContext
from subscriber.fair_queue import Share
from subscriber.fairness import LaneLoad, may_park, share_of

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
"""How often a worker looks for jobs that are or were parked."""
IDLE_LOOK_EVERY_S = 30.0
"""How often it looks if it knows of none: another worker may have parked jobs and ended."""


@dataclass(frozen=True, slots=True)
class Parking:
    """What one worker parks and brings back."""

    ctx: WorkerContext
    store: ParkedJobs
    lanes: Mapping[Priority, LaneLoad]
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def admit(self, job: Job) -> Job | None:
        """Return the job if it may run now; it counts until `leave`. None: it is parked, and its message is done.

        Raises `Unavailable`: then the message has to come again.
        """
        key, priority = share_of(job)
        lane = self.lanes[priority]
        if may_park(job, self.ctx.clock.now()):
            if job.waits_for_turn:
                if lane.must_park(key, job.job_id) and await self.store.holds(job.job_id):
                    # The message came twice. The job keeps its place, also if another worker is just removing its row.
                    await self.store.park(job.job_id, key=key, priority=priority)
                    return None
                await self.store.remove(job.job_id)  # it is its turn: a job without a row is not parked again
            elif lane.must_park(key, job.job_id):
                job = await self._park(job, lane)
                if may_park(job, self.ctx.clock.now()):
                    return None
        lane.start(key, job.job_id)
        return job

    def leave(self, share: Share) -> None:
        """Count a job out that `admit` returned: its message is settled."""
        lane = self.lanes[share.priority]
        lane.end(share.key)
        if lane.parked_keys:
            self._changed.set()

    async def bring_back_for_ever(self) -> None:
        """Publish parked jobs again as soon as this worker has room for them."""
        look_at = 0.0
        while True:
            self._changed.clear()
            is_due = self.ctx.clock.boot() >= look_at
            for lane in self.lanes.values():
                if not is_due and not lane.has_room_for_parked:
                    continue  # a read would find nothing for this worker: on Firestore it costs money
                try:
                    await self.bring_back(lane)
                except Unavailable as error:
                    extra = {"action": "parked_unavailable", "reason": str(error)}
                    logger.warning("parked jobs can't be brought back yet", extra=extra)
                except Exception:  # the next look may do better
                    logger.exception("parked jobs can't be brought back", extra={"action": "parked_failed"})
            now = self.ctx.clock.boot()
            if is_due:
                look_at = now + IDLE_LOOK_EVERY_S
            if any(lane.parked_keys for lane in self.lanes.values()):
                look_at = min(look_at, now + LOOK_EVERY_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, look_at - now)):
                    await self._changed.wait()

    async def bring_back(self, lane: LaneLoad) -> None:
        """Publish the next parked jobs of a lane, as many as there is room for."""
        lane.forget_late(self.ctx.clock.boot())
        while (room := lane.room) > 0:
            without, parkings, asked = lane.full_keys(), lane.parkings, room + len(lane.unreadable)
            found = await self.store.next(lane.priority, limit=asked, without=without)
            lane.note_read(found, asked=asked, without=without, parkings=parkings)
            chosen = []
            for parked in found:
                if lane.may_bring_back(parked):
                    lane.expect(parked, self.ctx.clock.boot())
                    chosen.append(parked)
            published = await asyncio.gather(*(self._publish_again(lane, parked) for parked in chosen))
            if not chosen or not all(published) or not lane.has_room_for_parked:
                return

    async def _park(self, job: Job, lane: LaneLoad) -> Job:
        """Return the job as it is stored now. If it has moved on meanwhile, its row is removed when its turn comes."""
        key, priority = share_of(job)
        lane.park(key)
        at = self.ctx.clock.now()
        waits = ev.Waits(at=at, waiting_for=WAITS_FOR_TURN[priority])
        await self.store.park(job.job_id, key=key, priority=priority)
        try:
            job = await save_event(self.ctx.jobs, job, waits)
        except Conflict:
            job = await update_job(self.ctx.jobs, job.job_id, lambda newest: waits if may_park(newest, at) else None)
        logger.info("parked a job", extra={"action": "parked", "job_id": job.job_id, "priority": priority})
        self._changed.set()
        return job

    async def _publish_again(self, lane: LaneLoad, parked: ParkedJob) -> bool:
        """Publish the request, then remove the row. False if a service is out of reach: the row stays."""
        is_expected = False
        try:
            job = await self.ctx.jobs.get(parked.job_id)
            if job and not job.ended and not job.started:
                await publish_request(self.ctx.bus, job, self.ctx.clock.now())
                is_expected = True
            await self.store.remove(parked.job_id, version=parked.version)
        except NewerRecord:
            lane.unreadable.add(parked.job_id)
            return True
        except Unavailable as error:
            extra = {"action": "parked_unavailable", "job_id": parked.job_id, "reason": str(error)}
            logger.warning("a parked job can't be brought back yet", extra=extra)
            return False
        finally:
            if not is_expected:
                lane.expect_no_more(parked.job_id)
        if is_expected:
            logger.info("brought a parked job back", extra={"action": "unparked", "job_id": parked.job_id})
        else:
            logger.info("removed a parked job", extra={"action": "parked_removed", "job_id": parked.job_id})
        return True
