"""Handle one delivery, whatever it holds, and settle it exactly once.

A process has one runner for each job. A later delivery of the same job waits for the runner that exists, and settles
with it.

What only another worker can handle is held: a message of a later version, the job of a later record, or a clip of
another provider. A held message comes again after a while, to any worker, and its many deliveries never dead-letter it.
Keys or words that this version does not know may also be a publisher's mistake. Such a message is held for as long as a
job may wait to be started, and is then rejected like any other invalid message.

A dead letter ends the job of its request. The dead letter itself is kept until the operator takes it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from pydantic import ValidationError

from schemas.domain import events as ev
from schemas.domain.job import QUEUED_AT_MOST, Job, new_job
from schemas.domain.states import JobState
from schemas.errors import (
    AlreadyExists,
    Category,
    Charged,
    Conflict,
    Failure,
    IdReused,
    Invalid,
    NewerRecord,
    NotFound,
    OtherModel,
)
from schemas.ports import MAX_DELIVERIES, REQUESTS, Delivery, topic_of
from schemas.services.backoff import backoff_s
from schemas.services.reference_images import stage_image, store_image, undo_reference
from schemas.services.update import get_job, save_event, update_job
from schemas.wire.message import HELD_SINCE, Message, NewerVersion, UnknownContent, decode_command, job_id_of, life_of
from schemas.wire.request import CancelRequest, VideoRequest
from schemas.wire.trace import TRACEPARENT
from schemas.wire.types import isoformat, parse_moment
from subscriber.announce import announce, reject, release_unused_budget
from subscriber.context import WorkerContext
from subscriber.fair_queue import Share
from subscriber.fair_slots import FairSlots
from subscriber.fairness import share_of
from subscriber.parking import Parking
from subscriber.runner import JobRunner

logger = logging.getLogger(__name__)


HOLD_FIRST_S = 5.0
HOLD_AT_MOST_S = 600.0
"""A newer worker of the same fleet takes the message within seconds. The pauses double up to the longest of any bus."""
NEWER_WORKER = "newer_worker"
"""What a job waits for if this version does not know its request."""
EARLY_CANCEL_DELAY_S = 5.0
EARLY_CANCEL_TRIES = 5
"""A cancel may overtake its request: only after this many deliveries does it count as one for an unknown job."""
_GIVEN_UP = Failure(
    category=Category.INTERNAL,
    code="dead_lettered",
    message=f"The request was delivered {MAX_DELIVERIES} times without success and given up; nothing was charged.",
    retryable=True,
    charged=Charged.NO,
)


@dataclass(frozen=True, slots=True)
class Handler:
    """Handles the deliveries of the request topic. A job needs a slot to run; a cancel needs none."""

    ctx: WorkerContext
    in_flight_jobs: "InFlightJobs"
    parking: Parking | None = None
    """Without it every job runs in the order of the bus."""

    async def __call__(self, delivery: Delivery) -> None:
        """Settle the delivery of a request or a cancel."""
        try:
            command = decode_command(delivery.message)
            job = life = None
            if isinstance(command, CancelRequest):
                life = life_of(delivery.message)
            else:
                # The record is stored before the job waits for a slot, so that a cancel finds it.
                job = await get_or_create_job(self.ctx, command, traceparent=delivery.message.traceparent)
        except (NewerVersion, NewerRecord) as error:
            await hold(self.ctx, delivery, error)
            return
        except (Invalid, IdReused) as error:
            conflict = isinstance(error, IdReused)
            await reject(self.ctx, delivery, job_id_of(delivery.message), error, conflict=conflict)
            await delivery.dead_letter(str(error))
            return
        if isinstance(command, CancelRequest):
            await self._cancel(delivery, command, life)
        elif job:
            ending = self._run_or_park(delivery, job)
            del command, job  # a thousand deliveries may wait for an hour: only the runner keeps a record
            await ending

    async def _run_or_park(self, delivery: Delivery, job: Job) -> None:
        """Run the job, unless its key holds enough messages: then it is parked, and the delivery settled."""
        share, parking = share_of(job), self.parking
        if parking is None or self.in_flight_jobs.holds(job.job_id):
            ending = self._run(delivery, job)
            del job
            await ending
        elif admitted := await parking.admit(job):
            ending = self._run(delivery, admitted)
            del job, admitted
            try:
                await ending
            finally:
                parking.leave(share)
        else:
            await delivery.ack()

    async def _run(self, delivery: Delivery, job: Job) -> None:
        ending = self.finish(job)
        del job
        try:
            await ending
        except (NewerRecord, OtherModel) as error:
            await hold(self.ctx, delivery, error)
        else:
            await delivery.ack()

    async def finish(self, job: Job) -> None:
        """Run the job to its end, and announce that. Keeps no record while it waits."""
        running = self.in_flight_jobs.run(job, lambda known: JobRunner(self.ctx, known))
        del job
        ended = await running
        await announce(self.ctx, ended)
        await release_unused_budget(self.ctx, ended)

    async def _cancel(self, delivery: Delivery, cancel: CancelRequest, life: int | None) -> None:
        """Cancel the job, unless the message means another `life` of it: a late message must not end a replayed job."""
        requested = ev.CancelRequested(at=self.ctx.clock.now(), reason=cancel.reason)
        try:
            job = await update_job(
                self.ctx.jobs, cancel.job_id, lambda newest: requested if life in (None, newest.life) else None
            )
        except NotFound as error:
            if delivery.attempt < EARLY_CANCEL_TRIES:
                await delivery.nack(delay_s=EARLY_CANCEL_DELAY_S)
            else:
                await reject(self.ctx, delivery, cancel.job_id, error)
                await delivery.ack()
            return
        except NewerRecord as error:
            await hold(self.ctx, delivery, error)
            return
        if life not in (None, job.life):
            extra = {"action": "cancel_ignored", "job_id": job.job_id, "life": life}
            logger.info("ignored a cancel of another life of the job", extra=extra)
        self.in_flight_jobs.wake(cancel.job_id)
        if job.completion_due:
            await announce(self.ctx, job)
        await delivery.ack()


async def get_or_create_job(ctx: WorkerContext, request: VideoRequest, *, traceparent: str | None) -> Job:
    """Return the job of a request. A request that a publisher sent straight to the bus has no job yet: create it.

    Raises `Invalid` for a file that is no image, and `IdReused` if a different request uses the id.
    """
    known = await ctx.jobs.get(request.job_id)
    if known and known.fingerprint == request.fingerprint():
        return known  # its image is not judged again: the job was accepted, and perhaps paid for
    claim = await stage_image(request, ctx.videos, from_bus=True)
    job = known
    if job is None:
        await store_image(claim, ctx.videos)
        try:
            job = await ctx.jobs.create(new_job(claim.request, ctx.clock.now(), traceparent=traceparent))
        except AlreadyExists:
            job = await get_job(ctx.jobs, claim.request.job_id)
    is_reused = job.fingerprint != claim.request.fingerprint()
    if is_reused or job.erased_at:
        await undo_reference(claim.request, job, ctx.jobs, ctx.videos, ctx.clock.now())
    if is_reused:
        raise IdReused(f"job_id {request.job_id} is already used by a different request")
    return job


@dataclass(slots=True)
class InFlightJobs:
    """The jobs of this process, each with its runner; as many run at once as there are `slots`."""

    slots: FairSlots
    closed: bool = False
    _tasks: dict[str, asyncio.Task[Job]] = field(default_factory=dict)
    _runners: dict[str, JobRunner] = field(default_factory=dict)

    def run(self, job: Job, build_runner: Callable[[Job], JobRunner]) -> Awaitable[Job]:
        """Return the ended job, from the runner that exists or from a new one.

        Cancelling a caller that waits does not stop the runner; `shut_down` does. Raises `CancelledError` once this
        process takes no more jobs.
        """
        task = self._tasks.get(job.job_id)
        if task is None:
            if self.closed:
                raise asyncio.CancelledError
            self._runners[job.job_id] = runner = build_runner(job)
            task = self._tasks[job.job_id] = asyncio.create_task(self._run_in_slot(job.job_id, share_of(job), runner))
        return asyncio.shield(task)

    async def _run_in_slot(self, job_id: str, share: Share, runner: JobRunner) -> Job:
        TRACEPARENT.set(runner.job.traceparent)  # of this task alone
        try:
            async with self.slots.hold(share):
                if self.closed:
                    raise asyncio.CancelledError
                return await runner.run()
        finally:
            del self._tasks[job_id], self._runners[job_id]

    def wake(self, job_id: str) -> None:
        """Make the job's runner read its record at once, if the job is in this process."""
        if runner := self._runners.get(job_id):
            runner.wake()

    def holds(self, job_id: str) -> bool:
        """True while the job runs in this process or waits for a slot."""
        return job_id in self._tasks

    @property
    def size(self) -> int:
        """How many jobs run right now or wait for a slot."""
        return len(self._tasks)

    def hand_back_unsent(self) -> None:
        """Take no new job, and stop every runner whose job nothing is under way for: it may go on elsewhere at once."""
        self.closed = True
        for job_id, task in self._tasks.items():
            if not self._runners[job_id].is_under_way:
                task.cancel()

    async def shut_down(self) -> None:
        """Stop every runner, and take no new job. A runner that waits for the answer of a paid call gets it first."""
        self.closed = True
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks.values()))


async def hold(ctx: WorkerContext, delivery: Delivery, error: NewerVersion | NewerRecord | OtherModel) -> None:
    """Settle the delivery so that it comes again. Publish it anew before its many deliveries would dead-letter it.

    A message of unknown content is settled for good once its job has ended or has waited for too long.
    """
    if isinstance(error, UnknownContent) and await _settle_unknown(ctx, delivery, error):
        return
    action = "other_model" if isinstance(error, OtherModel) else "newer_version"
    extra = {"action": action, "job_id": job_id_of(delivery.message), "reason": str(error)}
    logger.warning("holding a message for another worker", extra=extra)
    if delivery.attempt < MAX_DELIVERIES - 1:
        await delivery.nack(delay_s=backoff_s(HOLD_FIRST_S, HOLD_AT_MOST_S, delivery.attempt))
    else:
        await _publish_again(ctx, delivery, {})


async def _settle_unknown(ctx: WorkerContext, delivery: Delivery, unknown: UnknownContent) -> bool:
    """True if the delivery is settled: its job ended, it was held for too long, or a copy with a time replaces it."""
    now = ctx.clock.now()
    job = await _job_of_unknown(ctx, unknown)
    try:
        since = parse_moment(delivery.message.attributes[HELD_SINCE])
    except (KeyError, ValidationError):  # no worker held the message before, or the attribute is none of ours
        since = None
    latest = (since or now) + QUEUED_AT_MOST
    start_before = unknown.command.start_before if isinstance(unknown.command, VideoRequest) else None
    if job and job.ended:
        await announce(ctx, job)
        await delivery.ack()
    elif since is None:
        await _publish_again(ctx, delivery, {HELD_SINCE: isoformat(now)})
    elif now < min(start_before or latest, latest):
        return False
    elif job and job.state is JobState.QUEUED and now >= job.deadline:
        await announce(ctx, await save_event(ctx.jobs, job, ev.Expired(at=now)))
        await delivery.ack()
    else:
        await reject(ctx, delivery, job_id_of(delivery.message), unknown.reason)
        await delivery.dead_letter(f"{unknown.reason}; no newer worker came since {isoformat(since)}")
    return True


async def _job_of_unknown(ctx: WorkerContext, unknown: UnknownContent) -> Job | None:
    """Return the job that the message asks for, if this version can read its record. A queued job says what it waits
    for."""
    request = unknown.command
    if not isinstance(request, VideoRequest):
        return None
    try:
        job = await ctx.jobs.get(request.job_id)
        if job is None or job.fingerprint != request.fingerprint():
            return None
        if job.state is JobState.QUEUED and job.waiting_for != NEWER_WORKER:
            return await save_event(ctx.jobs, job, ev.NewerWorkerNeeded(at=ctx.clock.now(), waiting_for=NEWER_WORKER))
    except (Conflict, NewerRecord):  # the next delivery looks again
        return None
    return job


async def _publish_again(ctx: WorkerContext, delivery: Delivery, attributes: Mapping[str, str]) -> None:
    message = delivery.message
    again = Message(data=message.data, attributes={**message.attributes, **attributes})
    await ctx.bus.publish(_topic_of(message), again)
    await delivery.ack()


def _topic_of(message: Message) -> str:
    """Return the topic of the message's lane. What this version can't read goes to the interactive lane."""
    command: VideoRequest | CancelRequest | None
    try:
        command = decode_command(message)
    except UnknownContent as unknown:
        command = unknown.command
    except (Invalid, NewerVersion):
        command = None
    return topic_of(command) if isinstance(command, VideoRequest) else REQUESTS


async def handle_dead(handler: Handler, delivery: Delivery) -> None:
    """Settle a dead letter: announce an ended job again, resume a job that may be paid, and fail any other."""
    ctx = handler.ctx
    letter_id = delivery.message.attributes.get("dead_letter_id")
    if letter_id is not None and not await ctx.bus.dead_letters(id=letter_id):
        await delivery.ack()  # the operator replayed it before this worker received it: its job goes on
        return
    job = None
    with suppress(Invalid, NewerVersion, IdReused):  # it is no request, or it names the id of a different one
        request = decode_command(delivery.message)
        if isinstance(request, VideoRequest):
            job = await get_or_create_job(ctx, request, traceparent=delivery.message.traceparent)
    if job is None:
        logger.warning("a dead letter names no job", extra={"action": "dead_letter_kept"})
    elif job.ended:
        await announce(ctx, job)
    elif job.started:
        await handler.finish(job)
    else:
        logger.warning("failing the job of a dead letter", extra={"action": "dead_lettered", "job_id": job.job_id})
        failed = ev.Failed(at=ctx.clock.now(), failure=_GIVEN_UP, held=False)
        await handler.finish(
            await update_job(ctx.jobs, job.job_id, lambda newest: None if newest.ended or newest.started else failed)
        )
    await delivery.ack()
