"""The one paid step. Read it twice before you change it.

1. For a paid model: what lies under the prefix of an attempt that the record does not know was begun, and perhaps paid,
   by a life that this store forgot (a restored backup). Then the outcome is unknown, and nothing is sent.
2. Compare-and-set to `submitting`, with a nonce. Only one worker can get there. The same write takes the clip's price
   out of the budgets that it falls under; where there is no room nothing is sent.
3. For a paid model: put the attempt's marker into the video store, if absent. If another marker is there, nothing is
   sent. After a definite refusal it is deleted again.
4. Send once, and only within `submit_within_s` of a boot-time clock read before step 2. A worker that slept longer was
   perhaps replaced, and sends nothing.
5. Write down what came of it. An operation in hand is a paid video: its name is written however long that takes.

A kill between 2 and 5 leaves `submitting` behind. `subscriber.policy` says when the next worker takes over, and
`give_up_submit` what it makes of it: without a marker nothing was sent, and the clip is planned again.
"""

import asyncio
import logging
import math
import random
from collections.abc import Coroutine
from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal
from typing import Any

from schemas.domain import events as ev
from schemas.domain.budget import Reservation
from schemas.domain.clip import Clip, Plan
from schemas.domain.job import Job
from schemas.domain.object_names import attempt_of, clip_prefix, is_marker, work_prefix
from schemas.domain.state_machine import advance
from schemas.domain.states import ClipState
from schemas.errors import (
    Category,
    Charged,
    Conflict,
    Failure,
    ImpossibleStep,
    Invalid,
    NewerRecord,
    OtherModel,
    ReelbusError,
    SubmitRefused,
    Unavailable,
)
from schemas.services.update import get_job, save_event
from subscriber.context import WorkerContext
from subscriber.marker import Marker, delete_marker, fence, new_nonce, own_marker, put_marker, puts_marker

logger = logging.getLogger(__name__)

RETRY_WRITE_S = 1.0
SLICES_MOVED_S = 0.1


async def submit_next(ctx: WorkerContext, job: Job, *, begin_before: float = math.inf) -> Job:
    """The job after one attempt at its next clip. Raises `Conflict` where another worker got there first, and
    `OtherModel` for a clip that is planned for a model of another provider.

    `begin_before` is on `Clock.boot`: it may have to wait for its turn, and comes back as it was if that takes longer.
    """
    try:
        plan = _plan(ctx, job)
    except Invalid as error:
        failure = Failure(
            category=Category.INVALID_REQUEST,
            code="invalid_request",
            message=str(error),
            field=error.field,
            charged=Charged.NO,
        )
        return await save_event(ctx.jobs, job, ev.Failed(at=ctx.clock.now(), failure=failure))
    if not ctx.model.makes(model := _next_model(job, plan)):
        raise OtherModel(f"the next clip of job {job.job_id} is planned for {model}")
    beside = _charged_beside(job)
    if not job.request.allows(plan.price_usd + beside):
        return await save_event(ctx.jobs, job, ev.Failed(at=ctx.clock.now(), failure=_too_dear(job, plan, beside)))
    room: Reservation | Failure | None = await _look(ctx, job, plan)
    if plan.price_usd and isinstance(room, Reservation) and await ctx.rate_limiter.acquire(model):
        room = None  # it had to wait, and others have taken of the budgets meanwhile
        job = await _newest(ctx, job)
    while True:
        try:
            after = await _one_of_few(ctx, job, plan, room, begin_before)
        except Conflict:
            job = await _newest(ctx, job)  # the turn is not given up for a note in the record
            room = None
            continue
        if after is not None:
            return after
        room = None
        await ctx.clock.sleep(SLICES_MOVED_S * random.random())


async def _newest(ctx: WorkerContext, job: Job) -> Job:
    """The newest version, if the same clip can still be sent. Raises `Conflict` if somebody moved the job meanwhile."""
    newest = await _read_patiently(ctx, job)
    if (newest.life, newest.state, newest.clips) != (job.life, job.state, job.clips) or newest.cancel_requested:
        raise Conflict(f"job {job.job_id} moved on while it waited for its turn")
    return newest


async def _one_of_few(
    ctx: WorkerContext, job: Job, plan: Plan, room: Reservation | Failure | None, begin_before: float
) -> Job | None:
    """The clock of an attempt starts once it is its turn."""
    async with ctx.rate_limiter.concurrency if plan.price_usd else nullcontext():
        if ctx.clock.boot() > begin_before:
            return job
        return await _to_its_end(_attempt(ctx, job, plan, room or await _look(ctx, job, plan)))


async def _to_its_end(attempt: Coroutine[Any, Any, Job | None]) -> Job | None:
    """Shielded: a worker that stops waits for the answer of a call that may already be paid. It waits for nobody whose
    turn has not come."""
    sending = asyncio.ensure_future(attempt)
    try:
        return await asyncio.shield(sending)
    except asyncio.CancelledError:
        await asyncio.wait([sending])
        raise


async def _look(ctx: WorkerContext, job: Job, plan: Plan) -> Reservation | Failure:
    return await ctx.guard.check(job, plan, ctx.clock.now())


async def _attempt(ctx: WorkerContext, job: Job, plan: Plan, room: Reservation | Failure) -> Job | None:
    """The job after it; None where it stands as it was, since others took of the same slices of a budget."""
    send_before = ctx.clock.boot() + ctx.deadlines.submit_within_s
    started = ev.SubmitStarted(at=ctx.clock.now(), plan=plan, owner=ctx.owner, nonce=new_nonce())
    if plan.price_usd and (attempt := await _paid_before(ctx, job)):
        logger.warning("found files of an attempt that the record does not know", extra=_about(job, "submit_forgotten"))
        known = advance(job, replace(started, attempt=attempt))
        return await ctx.jobs.save(advance(known, ev.SubmitOutcomeUnknown(at=ctx.clock.now(), nonce=started.nonce)))
    if isinstance(room, Failure):
        logger.warning("a budget has no room for the next clip", extra=_about(job, "budget_exceeded"))
        return await save_event(ctx.jobs, job, ev.Failed(at=ctx.clock.now(), failure=room))
    claimed = await _claim(ctx, job, replace(started, reserved=room.reserved), room)
    return await _begin(ctx, claimed, started.nonce, send_before) if claimed else None


def _plan(ctx: WorkerContext, job: Job) -> Plan:
    """The frozen plan where there is one: models and prices don't change under a running job."""
    return Plan(clips=tuple(clip.planned for clip in job.clips)) if job.started else ctx.model.plan(job.request)


def _charged_beside(job: Job) -> Decimal:
    """What turned up late, and what may have been charged without anybody knowing, counts against the limit as well."""
    return sum((clip.planned.price_usd * (len(clip.late) + clip.unresolved_submits) for clip in job.clips), Decimal(0))


def _too_dear(job: Job, plan: Plan, beside: Decimal) -> Failure:
    rest = f", beside {beside} that was or may have been charged for it already" if beside else "; nothing was charged"
    words = f"max_cost_usd is {job.request.max_cost_usd}, and the plan costs {plan.price_usd}{rest}."
    return Failure(
        category=Category.BUDGET, code="over_max_cost", message=words, field="max_cost_usd", charged=Charged.NO
    )


def _next_model(job: Job, plan: Plan) -> str:
    clip = job.clip_in(ClipState.PLANNED) if job.started else None
    return plan.clips[clip.index if clip else 0].model


async def _paid_before(ctx: WorkerContext, job: Job) -> int | None:
    """The attempt that was paid, or may have been: one that is lost or came late and left a file; or one that is newer
    than any that the record knows and left a file or a marker."""
    clip = job.clip_in(ClipState.PLANNED)
    index, known, lost = (clip.index, clip.attempt, (*clip.lost_prefixes, *clip.late)) if clip else (0, 0, ())
    names = [file.name for file in await ctx.videos.list(clip_prefix(job.job_id, index))]
    newer = {attempt_of(name) for name in names if attempt_of(name) > known}
    with_files = {attempt_of(name) for name in names if not is_marker(name)}
    lost_before = {n for n in with_files if any(name.startswith(work_prefix(job.job_id, index, n)) for name in lost)}
    return max(newer | lost_before, default=None)


async def _claim(ctx: WorkerContext, job: Job, started: ev.SubmitStarted, slip: Reservation) -> Job | None:
    """A write whose answer was lost may have happened: our own nonce in the record says so. It is asked for until the
    store answers: a claim that nobody knows to be his own would end as an unknown submit. None: only slices moved."""
    try:
        after = advance(job, started)
        return await (ctx.guard.reserve(after, slip) if slip.slices else ctx.jobs.save(after))
    except (Conflict, Unavailable) as error:
        now = await _read_patiently(ctx, job)
        if _submitting(now, started.nonce):
            return now
        if slip.slices and isinstance(error, Conflict) and now.revision == job.revision:
            return None
        raise Conflict(str(error)) from error


async def _read_patiently(ctx: WorkerContext, job: Job) -> Job:
    """Raises `NewerRecord` where a newer worker took the job over; it does with the clip what has to be done."""
    while True:
        try:
            return await get_job(ctx.jobs, job.job_id)
        except NewerRecord:
            raise
        except Unavailable:
            await ctx.clock.sleep(RETRY_WRITE_S)


async def _mark(ctx: WorkerContext, job: Job, clip: Clip, nonce: str, send_before: float) -> Marker | Failure:
    """The marker that is stored now, or why there is none: then nothing may be sent."""
    marker = own_marker(ctx, nonce)
    while True:
        try:
            async with asyncio.timeout(max(0.0, send_before - ctx.clock.boot())):
                return await put_marker(ctx, clip.prefix or "", marker)
        except TimeoutError:
            return _not_sent()
        except ReelbusError as error:
            logger.warning("can't put the marker of a submit", extra={**_about(job, "unmarked"), "reason": str(error)})
            if ctx.clock.boot() + RETRY_WRITE_S >= send_before:
                return _not_marked(error)
            await ctx.clock.sleep(RETRY_WRITE_S)


async def _begin(ctx: WorkerContext, job: Job, nonce: str, send_before: float) -> Job:
    """The job after its one paid call; or as it stands where the call must not leave."""
    clip = _submitting(job, nonce)
    assert clip is not None
    if not clip.planned.price_usd:
        return await _send(ctx, job, clip, send_before)
    marker = await _mark(ctx, job, clip, nonce, send_before)
    if isinstance(marker, Failure):
        return await _settle(ctx, job, _refused(ctx, nonce, marker))
    if marker.instead_of == nonce:
        return await _settle(ctx, job, _refused(ctx, nonce, _not_sent()))
    if marker.nonce != nonce:
        logger.warning(
            "the attempt was begun elsewhere", extra={**_about(job, "submit_foreign"), "owner": marker.owner}
        )
        return await _settle(ctx, job, ev.SubmitOutcomeUnknown(at=ctx.clock.now(), nonce=nonce))
    return await _send(ctx, job, clip, send_before)


async def _send(ctx: WorkerContext, job: Job, clip: Clip, send_before: float) -> Job:
    nonce = clip.nonce or ""
    sources = tuple(line.output or "" for line in job.clips[: clip.index])
    try:
        if ctx.clock.boot() >= send_before:
            raise SubmitRefused(_not_sent())
        async with asyncio.timeout(ctx.deadlines.submit_timeout_s):
            operation = await ctx.model.submit(
                job.request, clip, sources, send_before=send_before, previous=_extended(job, clip)
            )
    except SubmitRefused as refusal:
        logger.info("the submit was refused", extra={**_about(job, "submit_refused"), "code": refusal.failure.code})
        if refusal.failure.category in (Category.QUOTA, Category.CAPACITY):
            ctx.rate_limiter.record_refusal(clip.planned.model, refusal.retry_after_s)
        after = await _settle(ctx, job, _refused(ctx, nonce, refusal.failure))
        await forget_attempt(ctx, after, clip)
        return after
    except Exception:  # whatever else went wrong here, it may have been sent
        logger.warning("the submit's outcome is unknown", exc_info=True, extra=_about(job, "submit_unknown"))
        return await _settle(ctx, job, ev.SubmitOutcomeUnknown(at=ctx.clock.now(), nonce=nonce))
    ctx.rate_limiter.record_success(clip.planned.model)
    logger.info("the submit was accepted", extra={**_about(job, "submit_accepted"), "operation": operation})
    return await _record(ctx, job, clip, ev.SubmitAccepted(at=ctx.clock.now(), nonce=nonce, operation=operation))


def _extended(job: Job, clip: Clip) -> str:
    """The operation that made what the clip goes on from; empty if there is none, or nobody knows it."""
    return (job.clips[clip.index - 1].operation or "") if clip.planned.extends and clip.index else ""


def _refused(ctx: WorkerContext, nonce: str, failure: Failure) -> ev.SubmitWithdrawn | ev.SubmitDenied:
    at = ctx.clock.now()
    if not failure.retryable:
        return ev.SubmitDenied(at=at, nonce=nonce, failure=failure)
    return ev.SubmitWithdrawn(at=at, nonce=nonce, cause=failure, waiting_for=str(failure.category))


async def forget_attempt(ctx: WorkerContext, job: Job, clip: Clip) -> None:
    """Delete the marker of an attempt that was certainly not charged, so that it holds up no restored backup."""
    if not clip.planned.price_usd or not clip.prefix:
        return
    try:
        await delete_marker(ctx, clip.prefix)
    except Unavailable as error:
        logger.info("a marker stays", extra={**_about(job, "marker_kept"), "reason": str(error)})


async def give_up_submit(ctx: WorkerContext, job: Job, clip: Clip) -> Job:
    """The job after its owner did not come back from a submit. Raises `Unavailable` and `Conflict`.

    An owner that puts markers has sent nothing unless its marker is stored. A marker of this worker in its place keeps
    it from sending later, so that the clip can be planned again. Otherwise nothing tells whether it was sent.
    """
    nonce = clip.nonce or ""
    if clip.planned.price_usd and clip.prefix and puts_marker(nonce):
        marker = await put_marker(ctx, clip.prefix, fence(ctx, nonce))
        if marker.instead_of == nonce:
            logger.info("the owner of a submit is gone and sent nothing", extra=_about(job, "submit_taken_over"))
            return await save_event(
                ctx.jobs, job, ev.SubmitWithdrawn(at=ctx.clock.now(), nonce=nonce, cause=_not_sent())
            )
    return await save_event(ctx.jobs, job, ev.SubmitOutcomeUnknown(at=ctx.clock.now(), nonce=nonce))


def _not_marked(error: ReelbusError) -> Failure:
    words = (
        f"The marker that has to be stored before a paid request leaves could not be stored: {error}; nothing was sent."
    )
    return Failure(category=Category.STORAGE, code="not_marked", message=words, retryable=True, charged=Charged.NO)


def _not_sent() -> Failure:
    words = "The worker was held up for too long between its claim and its send; nothing was sent."
    return Failure(category=Category.TIMEOUT, code="not_sent", message=words, retryable=True, charged=Charged.NO)


async def _settle(
    ctx: WorkerContext, job: Job, event: ev.SubmitWithdrawn | ev.SubmitDenied | ev.SubmitOutcomeUnknown
) -> Job:
    """Writes how the submit ended for as long as the record still waits for it."""
    while True:
        try:
            return await save_event(ctx.jobs, job, event)
        except ImpossibleStep:
            return job
        except Unavailable:
            await ctx.clock.sleep(RETRY_WRITE_S)
        except Conflict:
            job = await _read_patiently(ctx, job)


async def _record(ctx: WorkerContext, job: Job, clip: Clip, accepted: ev.SubmitAccepted) -> Job:
    """Does not give up: what is accepted is paid, and its name exists nowhere but here."""
    while True:
        try:
            return await ctx.jobs.save(_after_acceptance(job, clip, accepted))
        except Unavailable:
            logger.warning("can't write the operation down yet", extra=_about(job, "accepted_not_written"))
            await ctx.clock.sleep(RETRY_WRITE_S)
        except Conflict:
            pass
        job = await _reread(ctx, job)
        if _knows(job, clip, accepted.operation):
            return job


async def _reread(ctx: WorkerContext, job: Job) -> Job:
    try:
        return await get_job(ctx.jobs, job.job_id)
    except NewerRecord:  # a newer worker searches for this clip: its file turns up under the attempt's prefix
        logger.exception("can't write the operation down", extra=_about(job, "accepted_not_written"))
        raise
    except Unavailable:
        return job


def _after_acceptance(job: Job, clip: Clip, accepted: ev.SubmitAccepted) -> Job:
    try:
        return advance(job, accepted)
    except ImpossibleStep:
        logger.warning("an operation was accepted after its job had moved on", extra=_about(job, "accepted_late"))
        late = ev.AcceptedLate(at=accepted.at, clip=clip.index, nonce=accepted.nonce, operation=accepted.operation)
        return advance(job, late)


def _knows(job: Job, clip: Clip, operation: str) -> bool:
    line = job.clips[clip.index]
    return line.operation == operation or operation in line.late


def _submitting(job: Job, nonce: str) -> Clip | None:
    clip = job.clip_in(ClipState.SUBMITTING)
    return clip if clip and clip.nonce == nonce else None


def _about(job: Job, action: str) -> dict[str, str]:
    return {"action": action, "job_id": job.job_id}
