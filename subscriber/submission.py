"""The one paid step. Read it twice before you change it.

1. For a paid model: look under the clip's prefix for an attempt that the record does not know. An earlier life of the
   job began it, and perhaps paid for it, before the record was restored from a backup. Then the outcome is unknown, and
   nothing is sent.
2. Compare-and-set to `submitting`, with a nonce. Only one worker can succeed. The same write reserves the clip's price
   in every budget that covers it. If a budget has no room, nothing is sent.
3. For a paid model: put the attempt's marker into the video store if none is stored. If another worker's marker is
   stored, nothing is sent. A definite refusal deletes the marker again.
4. Send once, and only within `submit_within_s` of a boot-time clock read before step 2. Another worker may have
   replaced a worker that slept longer, so that one sends nothing. A worker that was told to stop sends nothing either.
5. Save the outcome. An operation in hand is a paid video: the worker saves its name however long that takes.

A kill between 2 and 5 leaves the clip in `submitting`. `subscriber.policy` says when the next worker takes over, and
`give_up_submit` says how: without a marker nothing was sent, and the clip is planned again.
"""

import asyncio
import logging
import math
import random
from collections.abc import Coroutine
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

from schemas.domain import events as ev
from schemas.domain.budget import Reservation
from schemas.domain.clip import Clip, Plan
from schemas.domain.job import Job
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
from subscriber.budget_guard import over_max_cost
from subscriber.context import WorkerContext
from subscriber.fairness import share_of
from subscriber.marker import (
    delete_marker,
    fence,
    find_forgotten_attempt,
    new_nonce,
    own_marker,
    put_marker,
    puts_marker,
)
from subscriber.rate_limit import Turn

logger = logging.getLogger(__name__)

RETRY_WRITE_S = 1.0
BUDGET_CONFLICT_S = 0.1
"""The longest pause after another worker has changed the same budget shard."""

_Outcome = ev.SubmitWithdrawn | ev.SubmitDenied | ev.SubmitOutcomeUnknown
"""How a submit ended that was not accepted."""
_NOT_SENT = Failure(
    category=Category.TIMEOUT,
    code="not_sent",
    message="The worker was held up for too long between its claim and its send; nothing was sent.",
    retryable=True,
    charged=Charged.NO,
)

_STOPPED = _NOT_SENT.model_copy(
    update={"message": "The worker was stopped between its claim and its send; nothing was sent."}
)


async def submit_next(ctx: WorkerContext, job: Job, *, begin_before: float = math.inf) -> Job:
    """Return the job after one attempt at its next clip.

    `begin_before` is a time of `Clock.boot`: if the worker's turn comes later, the job comes back unchanged.
    Raises `Conflict` if another process moved the job, and `OtherModel` if another provider's model makes the clip.
    """
    try:
        # A started job keeps its frozen plan: its models and prices don't change while it runs.
        plan = Plan(clips=tuple(clip.planned for clip in job.clips)) if job.started else ctx.model.plan(job.request)
    except Invalid as error:
        failure = Failure(
            category=Category.INVALID_REQUEST,
            code="invalid_request",
            message=str(error),
            field=error.field,
            charged=Charged.NO,
        )
        return await save_event(ctx.jobs, job, ev.Failed(at=ctx.clock.now(), failure=failure))
    next_clip = job.clip_in(ClipState.PLANNED) if job.started else None
    model = plan.clips[next_clip.index if next_clip else 0].model
    if not ctx.model.makes(model):
        raise OtherModel(f"the next clip of job {job.job_id} is planned for {model}")
    if over := over_max_cost(job, plan):
        return await save_event(ctx.jobs, job, ev.Failed(at=ctx.clock.now(), failure=over))
    return await _submit_in_turn(ctx, job, plan, model, begin_before)


async def _submit_in_turn(ctx: WorkerContext, job: Job, plan: Plan, model: str, begin_before: float) -> Job:
    reservation: Reservation | Failure | None = await ctx.guard.check(job, plan, ctx.clock.now())
    if not plan.price_usd or isinstance(reservation, Failure):
        return await _attempt_until_settled(ctx, job, plan, reservation, begin_before=begin_before)
    async with ctx.rate_limiter.hold_turn(model, share_of(job)) as turn:
        if turn.waited:
            reservation = None  # the budgets may have changed during the wait
            job = await _reload_unmoved(ctx, job)
        return await _attempt_until_settled(ctx, job, plan, reservation, turn, begin_before=begin_before)


async def _attempt_until_settled(
    ctx: WorkerContext,
    job: Job,
    plan: Plan,
    reservation: Reservation | Failure | None,
    turn: Turn | None = None,
    *,
    begin_before: float,
) -> Job:
    """Return the job after one attempt. It is repeated only if another process changed the record or a budget shard."""
    while True:
        try:
            async with ctx.rate_limiter.concurrency if plan.price_usd else nullcontext():
                if ctx.stopping.is_set():
                    raise asyncio.CancelledError  # hands the message back: another worker sends
                if ctx.clock.boot() > begin_before:
                    return job
                reservation = reservation or await ctx.guard.check(job, plan, ctx.clock.now())
                after = await _finish_before_cancelling(ctx, job, _attempt(ctx, job, plan, reservation, turn))
        except Conflict:
            job = await _reload_unmoved(ctx, job)  # a change that moves no clip does not cost the worker its turn
        else:
            if after is not None:
                return after
            await ctx.clock.sleep(BUDGET_CONFLICT_S * random.random())
        reservation = None


async def _reload_unmoved(ctx: WorkerContext, job: Job) -> Job:
    """Return the newest version. Raises `Conflict` if the same clip can't be sent any more."""
    newest = await _get_job_with_retries(ctx, job)
    if (newest.life, newest.state, newest.clips) != (job.life, job.state, job.clips) or newest.cancel_requested:
        raise Conflict(f"job {job.job_id} moved on while it waited for its turn")
    return newest


async def _finish_before_cancelling(
    ctx: WorkerContext, job: Job, attempt: Coroutine[Any, Any, Job | None]
) -> Job | None:
    """Let a worker that stops wait for the answer of a call that may already be paid, however often it is cancelled.

    A job whose turn has not come is cancelled at once, since this shields the attempt alone.
    """
    sending = asyncio.ensure_future(attempt)
    ctx.sending.add(job.job_id)
    try:
        return await asyncio.shield(sending)
    except asyncio.CancelledError:
        while not sending.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([sending])
        raise
    finally:
        ctx.sending.discard(job.job_id)


async def _attempt(
    ctx: WorkerContext, job: Job, plan: Plan, reservation: Reservation | Failure, turn: Turn | None
) -> Job | None:
    """Return the job after steps 1 to 5; None if nothing was sent because another worker changed a budget shard.

    The attempt of a paid clip uses its turn only if it sends.
    """
    send_before = ctx.clock.boot() + ctx.deadlines.submit_within_s
    started = ev.SubmitStarted(at=ctx.clock.now(), plan=plan, owner=ctx.owner, nonce=new_nonce())

    # 1. Look for an attempt that the record does not know.
    if plan.price_usd and (attempt := await find_forgotten_attempt(ctx, job)):
        logger.warning("found files of an attempt that the record does not know", extra=_about(job, "submit_forgotten"))
        known = advance(job, replace(started, attempt=attempt))
        return await save_event(ctx.jobs, known, ev.SubmitOutcomeUnknown(at=ctx.clock.now(), nonce=started.nonce))

    # 2. Claim the clip, and reserve its price.
    if isinstance(reservation, Failure):
        logger.warning("a budget has no room for the next clip", extra=_about(job, "budget_exceeded"))
        return await save_event(ctx.jobs, job, ev.Failed(at=ctx.clock.now(), failure=reservation))
    claimed = await _claim(ctx, job, replace(started, reserved=reservation.reserved), reservation)
    if claimed is None:
        return None
    clip = _clip_of_nonce(claimed, started.nonce)
    assert clip is not None

    # 3. Put the marker of a paid attempt.
    if clip.planned.price_usd:
        not_sent = await _put_own_marker(ctx, claimed, clip, send_before)
        if not_sent is not None:
            return await _save_outcome(ctx, claimed, not_sent)

    # 4. Send once, and 5. save the outcome.
    return await _send(ctx, claimed, clip, send_before, turn)


async def _claim(ctx: WorkerContext, job: Job, started: ev.SubmitStarted, reservation: Reservation) -> Job | None:
    """Return the job as claimed by this worker; None if only a budget shard had changed.

    A write whose answer was lost may have happened. Then the record holds this worker's nonce, so the worker asks until
    the store answers: a claim that its owner does not know of would end as an unknown submit. Raises `Conflict`.
    """
    try:
        if reservation.slices:
            return await ctx.guard.reserve(advance(job, started), reservation)
        return await save_event(ctx.jobs, job, started)
    except (Conflict, Unavailable) as error:
        newest = await _get_job_with_retries(ctx, job)
        if _clip_of_nonce(newest, started.nonce):
            return newest
        if reservation.slices and isinstance(error, Conflict) and newest.revision == job.revision:
            return None
        raise Conflict(str(error)) from error


async def _put_own_marker(ctx: WorkerContext, job: Job, clip: Clip, send_before: float) -> _Outcome | None:
    """Put this attempt's marker. Return None if it is stored now, else the outcome of a submit that must not leave."""
    nonce = clip.nonce or ""
    own = own_marker(ctx, nonce)
    while True:
        try:
            async with asyncio.timeout(max(0.0, send_before - ctx.clock.boot())):
                stored = await put_marker(ctx, clip.prefix or "", own)
                break
        except TimeoutError:
            return _refusal(ctx, nonce, _NOT_SENT)
        except ReelbusError as error:
            logger.warning("can't put the marker of a submit", extra={**_about(job, "unmarked"), "reason": str(error)})
            if ctx.clock.boot() + RETRY_WRITE_S >= send_before:
                words = (
                    "The marker that has to be stored before a paid request leaves could not be stored: "
                    f"{error}; nothing was sent."
                )
                failure = Failure(
                    category=Category.STORAGE, code="not_marked", message=words, retryable=True, charged=Charged.NO
                )
                return _refusal(ctx, nonce, failure)
            await ctx.clock.sleep(RETRY_WRITE_S)
    if stored.instead_of == nonce:
        return _refusal(ctx, nonce, _NOT_SENT)
    if stored.nonce != nonce:
        about = {**_about(job, "submit_foreign"), "owner": stored.owner}
        logger.warning("another worker began this attempt", extra=about)
        return ev.SubmitOutcomeUnknown(at=ctx.clock.now(), nonce=nonce)
    return None


async def _send(ctx: WorkerContext, job: Job, clip: Clip, send_before: float, turn: Turn | None) -> Job:
    nonce = clip.nonce or ""
    sources = tuple(line.output or "" for line in job.clips[: clip.index])
    # The operation that made the clip before; empty if the clip extends none, or if the record names none.
    previous = (job.clips[clip.index - 1].operation or "") if clip.planned.extends and clip.index else ""
    try:
        if ctx.stopping.is_set():
            raise SubmitRefused(_STOPPED)
        if ctx.clock.boot() >= send_before:
            raise SubmitRefused(_NOT_SENT)
        if turn:
            ctx.rate_limiter.use(turn)
        async with asyncio.timeout(ctx.deadlines.submit_timeout_s):
            operation = await ctx.model.submit(job.request, clip, sources, send_before=send_before, previous=previous)
    except SubmitRefused as refusal:
        logger.info("the submit was refused", extra={**_about(job, "submit_refused"), "code": refusal.failure.code})
        if refusal.failure.category in (Category.QUOTA, Category.CAPACITY):
            ctx.rate_limiter.record_refusal(clip.planned.model, refusal.retry_after_s)
        after = await _save_outcome(ctx, job, _refusal(ctx, nonce, refusal.failure))
        await forget_attempt(ctx, after, clip)
        return after
    except Exception:  # whatever else failed here, the request may have left
        logger.warning("the submit's outcome is unknown", exc_info=True, extra=_about(job, "submit_unknown"))
        return await _save_outcome(ctx, job, ev.SubmitOutcomeUnknown(at=ctx.clock.now(), nonce=nonce))
    ctx.rate_limiter.record_success(clip.planned.model)
    logger.info("the submit was accepted", extra={**_about(job, "submit_accepted"), "operation": operation})
    return await _save_acceptance(
        ctx, job, clip, ev.SubmitAccepted(at=ctx.clock.now(), nonce=nonce, operation=operation)
    )


async def _save_acceptance(ctx: WorkerContext, job: Job, clip: Clip, accepted: ev.SubmitAccepted) -> Job:
    """Save the operation, however long that takes: the clip is paid, and no other process knows the operation."""
    while True:
        try:
            try:
                return await save_event(ctx.jobs, job, accepted)
            except ImpossibleStep:
                logger.warning("an operation was accepted after its job moved on", extra=_about(job, "accepted_late"))
                late = ev.AcceptedLate(
                    at=accepted.at, clip=clip.index, nonce=accepted.nonce, operation=accepted.operation
                )
                return await save_event(ctx.jobs, job, late)
        except Unavailable:
            logger.warning("can't save the operation yet", extra=_about(job, "accepted_not_written"))
            await ctx.clock.sleep(RETRY_WRITE_S)
        except Conflict:
            pass
        try:
            job = await get_job(ctx.jobs, job.job_id)
        except NewerRecord:  # a worker of a newer version finds this clip's file under the attempt's prefix
            logger.exception("can't save the operation", extra=_about(job, "accepted_not_written"))
            raise
        except Unavailable:
            continue
        line = job.clips[clip.index]
        if accepted.operation in (line.operation, *line.late):
            return job


async def _save_outcome(ctx: WorkerContext, job: Job, event: _Outcome) -> Job:
    """Save how the submit ended, unless the record no longer waits for that."""
    while True:
        try:
            return await save_event(ctx.jobs, job, event)
        except ImpossibleStep:
            return job
        except Unavailable:
            await ctx.clock.sleep(RETRY_WRITE_S)
        except Conflict:
            job = await _get_job_with_retries(ctx, job)


async def _get_job_with_retries(ctx: WorkerContext, job: Job) -> Job:
    """Read the record until the store answers.

    Raises `NewerRecord` if a newer worker took the job over; that worker settles the clip.
    """
    while True:
        try:
            return await get_job(ctx.jobs, job.job_id)
        except NewerRecord:
            raise
        except Unavailable:
            await ctx.clock.sleep(RETRY_WRITE_S)


def _clip_of_nonce(job: Job, nonce: str) -> Clip | None:
    clip = job.clip_in(ClipState.SUBMITTING)
    return clip if clip and clip.nonce == nonce else None


def _refusal(ctx: WorkerContext, nonce: str, failure: Failure) -> ev.SubmitWithdrawn | ev.SubmitDenied:
    at = ctx.clock.now()
    if not failure.retryable:
        return ev.SubmitDenied(at=at, nonce=nonce, failure=failure)
    return ev.SubmitWithdrawn(at=at, nonce=nonce, cause=failure, waiting_for=str(failure.category))


async def forget_attempt(ctx: WorkerContext, job: Job, clip: Clip) -> None:
    """Delete the marker of an attempt that was certainly not charged, so that it blocks no restored backup."""
    if not clip.planned.price_usd or not clip.prefix:
        return
    try:
        await delete_marker(ctx, clip.prefix)
    except Unavailable as error:
        logger.info("a marker stays", extra={**_about(job, "marker_kept"), "reason": str(error)})


async def give_up_submit(ctx: WorkerContext, job: Job, clip: Clip) -> Job:
    """Return the job after its owner did not come back from a submit. Raises `Unavailable` and `Conflict`.

    An owner that puts markers has sent nothing unless its marker is stored. This worker's marker in its place keeps the
    owner from sending later, so that the clip can be planned again. Otherwise it is not known whether the owner sent.
    """
    nonce = clip.nonce or ""
    if clip.planned.price_usd and clip.prefix and puts_marker(nonce):
        stored = await put_marker(ctx, clip.prefix, fence(ctx, nonce))
        if stored.instead_of == nonce:
            logger.info("the owner of a submit is gone and sent nothing", extra=_about(job, "submit_taken_over"))
            return await save_event(ctx.jobs, job, ev.SubmitWithdrawn(at=ctx.clock.now(), nonce=nonce, cause=_NOT_SENT))
    return await save_event(ctx.jobs, job, ev.SubmitOutcomeUnknown(at=ctx.clock.now(), nonce=nonce))


def _about(job: Job, action: str) -> dict[str, str]:
    return {"action": action, "job_id": job.job_id}
