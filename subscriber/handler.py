"""What a worker does with one delivery, whatever it holds; each one is settled exactly once.

From a message to the job it speaks of: known, new, or none.

One handler per job per process: a later delivery of the same job joins the one under way and settles with it.

Ends the jobs of requests that were given up. The message itself stays on the shelf until a person takes it.

Leaves to another worker what this one does not know: a message of a later version, the job of a later record, or a
clip of another provider.

A held message comes again after a while, to any worker, and never dies of its many deliveries. One that has only keys
or words that this version does not know may also be a publisher's slip. It is held for as long as a job may wait to be
started, and is then rejected like any other invalid message.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

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
from schemas.ports import MAX_DELIVERIES, REQUESTS, Delivery
from schemas.services.reference_images import StagedImage, stage_image, store_image, undo_reference
from schemas.services.update import get_job, save_event, update_job
from schemas.wire.message import HELD_SINCE, Message, NewerVersion, UnknownContent, decode_command, job_id_of
from schemas.wire.request import CancelRequest, VideoRequest
from schemas.wire.types import Moment, isoformat
from subscriber.announce import announce, reject, release_unused_budget
from subscriber.context import WorkerContext
from subscriber.runner import JobRunner

logger = logging.getLogger(__name__)


async def get_or_create_job(ctx: WorkerContext, request: VideoRequest, *, traceparent: str | None) -> Job:
    """The job of a request, created where a publisher sent it straight to the bus.

    Raises `Invalid` for an image that is none, and `IdReused` if a different request uses the id already.
    """
    known = await ctx.jobs.get(request.job_id)
    if known and known.fingerprint == request.fingerprint():
        return known  # whatever was allowed of its image then: it is taken, and perhaps paid
    claim = await stage_image(request, ctx.videos, from_bus=True)
    job = known or await _create(ctx, claim, traceparent)
    refused = job.fingerprint != claim.request.fingerprint()
    if refused or job.erased_at:
        await undo_reference(claim.request, job, ctx.jobs, ctx.videos, ctx.clock.now())
    if refused:
        raise IdReused(f"job_id {request.job_id} is already used by a different request")
    return job


async def _create(ctx: WorkerContext, claim: StagedImage, traceparent: str | None) -> Job:
    await store_image(claim, ctx.videos)
    try:
        return await ctx.jobs.create(new_job(claim.request, ctx.clock.now(), traceparent=traceparent))
    except AlreadyExists:
        return await get_job(ctx.jobs, claim.request.job_id)


@dataclass(slots=True)
class InFlightJobs:
    """Who carries which job in this process, `slots` of them at once."""

    slots: asyncio.Semaphore
    closed: bool = False
    _carrying: dict[str, asyncio.Task[Job]] = field(default_factory=dict)
    _carriers: dict[str, JobRunner] = field(default_factory=dict)

    def run(self, job: Job, carrier: Callable[[Job], JobRunner]) -> Awaitable[Job]:
        """The ended job, by the handler under way or by a new one. Cancelling one who waits does not stop the handler;
        `hand_back` does. Raises `CancelledError` once this process takes no more jobs."""
        task = self._carrying.get(job.job_id)
        if task is None:
            if self.closed:
                raise asyncio.CancelledError
            self._carriers[job.job_id] = made = carrier(job)
            task = self._carrying[job.job_id] = asyncio.create_task(self._until_ended(job.job_id, made))
        return asyncio.shield(task)

    def wake(self, job_id: str) -> None:
        """Whoever carries it here reads its record at once."""
        if carrier := self._carriers.get(job_id):
            carrier.wake()

    def holds(self, job_id: str) -> bool:
        """True while this process carries the job, or keeps it for a slot."""
        return job_id in self._carrying

    @property
    def size(self) -> int:
        """How many jobs are carried right now, or wait for a slot."""
        return len(self._carrying)

    async def shut_down(self) -> None:
        """Stops every handler, and takes no new job. One that waits for the answer of a paid call gets it first."""
        self.closed = True
        for task in self._carrying.values():
            task.cancel()
        if self._carrying:
            await asyncio.wait(tuple(self._carrying.values()))

    async def _until_ended(self, job_id: str, carrier: JobRunner) -> Job:
        try:
            async with self.slots:
                if self.closed:
                    raise asyncio.CancelledError
                return await carrier.run()
        finally:
            del self._carrying[job_id], self._carriers[job_id]


HOLD_FIRST_S = 5.0
HOLD_AT_MOST_S = 600.0
"""A newer worker of the same fleet takes it within seconds; the pauses double up to the longest that a bus allows."""
NEWER_WORKER = "newer_worker"
"""What a job waits for whose request this version does not know."""
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


async def hold(ctx: WorkerContext, delivery: Delivery, error: NewerVersion | NewerRecord | OtherModel) -> None:
    """Settle the delivery so that it comes again. A message about to be given up for its many deliveries begins afresh.

    A message of unknown content is settled for good where its job ended, and rejected when its time is over.
    """
    if isinstance(error, UnknownContent) and await _settle(ctx, delivery, error):
        return
    action = "other_model" if isinstance(error, OtherModel) else "newer_version"
    extra = {"action": action, "job_id": job_id_of(delivery.message), "reason": str(error)}
    logger.warning("holding a message for another worker", extra=extra)
    if delivery.attempt < MAX_DELIVERIES - 1:
        await delivery.nack(delay_s=min(HOLD_AT_MOST_S, HOLD_FIRST_S * float(2**delivery.attempt)))
    else:
        await _publish_again(ctx, delivery, {})


async def _settle(ctx: WorkerContext, delivery: Delivery, unknown: UnknownContent) -> bool:
    """True if the delivery is settled: its job ended, its time is over, or a copy that says since when replaces it."""
    now = ctx.clock.now()
    job = await _job_of_unknown(ctx, unknown)
    since = _held_since(delivery.message)
    if job and job.ended:
        await announce(ctx, job)
        await delivery.ack()
    elif since is None:
        await _publish_again(ctx, delivery, {HELD_SINCE: isoformat(now)})
    elif now < _held_until(unknown, since):
        return False
    elif job and job.state is JobState.QUEUED and now >= job.deadline:
        await announce(ctx, await save_event(ctx.jobs, job, ev.Expired(at=now)))
        await delivery.ack()
    else:
        await reject(ctx, delivery, job_id_of(delivery.message), unknown.reason)
        await delivery.dead_letter(f"{unknown.reason}; no newer worker came since {isoformat(since)}")
    return True


async def _job_of_unknown(ctx: WorkerContext, unknown: UnknownContent) -> Job | None:
    """The job that the message asks for, if it has a record that this version can read; it says what it waits for."""
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


async def _publish_again(ctx: WorkerContext, delivery: Delivery, more: Mapping[str, str]) -> None:
    message = delivery.message
    again = Message(data=message.data, attributes={**message.attributes, **more})
    await ctx.bus.publish(REQUESTS, again)
    await delivery.ack()


def _held_since(message: Message) -> datetime | None:
    """None for a message that no worker held yet, or whose mark is none of ours."""
    try:
        return _MOMENT.validate_python(message.attributes[HELD_SINCE])
    except (KeyError, ValidationError):
        return None


def _held_until(unknown: UnknownContent, since: datetime) -> datetime:
    start_before = unknown.command.start_before if isinstance(unknown.command, VideoRequest) else None
    latest = since + QUEUED_AT_MOST
    return min(start_before, latest) if start_before else latest


EARLY_CANCEL_DELAY_S = 5.0
EARLY_CANCEL_TRIES = 5
"""A cancel may overtake its request: it is tried this often before it counts as one for an unknown job."""


@dataclass(frozen=True, slots=True)
class Handler:
    """Handles deliveries of the request topic. The registry bounds the jobs carried at once; cancels need no slot."""

    ctx: WorkerContext
    registry: InFlightJobs

    async def __call__(self, delivery: Delivery) -> None:
        """Settles the delivery of a request or a cancel."""
        try:
            command = decode_command(delivery.message)
            job = await self._job_of(delivery, command)
        except (NewerVersion, NewerRecord) as error:
            await hold(self.ctx, delivery, error)
        except (Invalid, IdReused) as error:
            conflict = isinstance(error, IdReused)
            await reject(self.ctx, delivery, job_id_of(delivery.message), error, conflict=conflict)
            await delivery.dead_letter(str(error))
        else:
            if isinstance(command, CancelRequest):
                await self._cancel(delivery, command)
            elif job:
                ending = self.finish(job)
                del command, job  # a thousand of them for an hour: only the carrier's newest record is kept
                await self._settle_with(ending, delivery)

    def finish(self, job: Job) -> Awaitable[None]:
        """Carries the job to its end, and tells everybody. Keeps no record of its own meanwhile."""
        return self._cancel_running(self.registry.run(job, lambda known: JobRunner(self.ctx, known)))

    async def _cancel_running(self, carried: Awaitable[Job]) -> None:
        ended = await carried
        await announce(self.ctx, ended)
        await release_unused_budget(self.ctx, ended)

    async def _job_of(self, delivery: Delivery, command: VideoRequest | CancelRequest) -> Job | None:
        """The record is there before the job waits for its turn: a cancel finds it."""
        if isinstance(command, CancelRequest):
            return None
        return await get_or_create_job(self.ctx, command, traceparent=delivery.message.traceparent)

    async def _settle_with(self, ending: Awaitable[None], delivery: Delivery) -> None:
        """A job that only a newer worker, or one of another provider, can go on with is left to that one."""
        try:
            await ending
        except (NewerRecord, OtherModel) as error:
            await hold(self.ctx, delivery, error)
        else:
            await delivery.ack()

    async def _cancel(self, delivery: Delivery, wish: CancelRequest) -> None:
        at = self.ctx.clock.now()
        try:
            job = await update_job(self.ctx.jobs, wish.job_id, lambda _: ev.CancelRequested(at=at, reason=wish.reason))
        except NotFound as error:
            if delivery.attempt < EARLY_CANCEL_TRIES:
                await delivery.nack(delay_s=EARLY_CANCEL_DELAY_S)
            else:
                await reject(self.ctx, delivery, wish.job_id, error)
                await delivery.ack()
            return
        self.registry.wake(wish.job_id)
        if job.completion_due:
            await announce(self.ctx, job)
        await delivery.ack()


async def handle_dead(handler: Handler, delivery: Delivery) -> None:
    """Terminal job: its completion again. Something paid, or perhaps paid: resume. Nothing paid: fail it."""
    if await _was_replayed(handler.ctx, delivery.message):
        await delivery.ack()
        return
    job = await _job_of(handler.ctx, delivery.message)
    if job is None:
        logger.warning("a dead letter speaks of no job", extra={"action": "dead_letter_kept"})
    elif job.ended:
        await announce(handler.ctx, job)
    elif job.started:
        await handler.finish(job)
    else:
        logger.warning("failing the job of a dead letter", extra={"action": "dead_lettered", "job_id": job.job_id})
        failed = await update_job(handler.ctx.jobs, job.job_id, lambda known: _failure(handler.ctx, known))
        await handler.finish(failed)
    await delivery.ack()


async def _was_replayed(ctx: WorkerContext, message: Message) -> bool:
    """Somebody took the letter off the shelf again before we heard of it: its job is not to be ended."""
    letter = message.attributes.get("dead_letter_id")
    return letter is not None and not await ctx.bus.dead_letters(id=letter)


async def _job_of(ctx: WorkerContext, message: Message) -> Job | None:
    """The job that the message asked for; None for a message that is none, or names somebody else's id."""
    try:
        request = decode_command(message)
        if not isinstance(request, VideoRequest):
            return None
        return await get_or_create_job(ctx, request, traceparent=message.traceparent)
    except (Invalid, NewerVersion, IdReused):
        return None


def _failure(ctx: WorkerContext, job: Job) -> ev.Failed | None:
    if job.ended or job.started:
        return None
    return ev.Failed(at=ctx.clock.now(), failure=_GIVEN_UP, held=False)


_GIVEN_UP = Failure(
    category=Category.INTERNAL,
    code="dead_lettered",
    message=f"The request was delivered {MAX_DELIVERIES} times without success and given up; nothing was charged.",
    retryable=True,
    charged=Charged.NO,
)
