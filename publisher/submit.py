"""Submit a request: store its image, create its record, and publish its message, in that order.

A job that a caller was promised therefore has a record, and is never lost.

If the bus does not take a request, its job's check is due. `reconcile` then publishes the request, and the same call
again publishes it at once. Both first claim the job by postponing its next check. So a backlog of jobs whose requests
wait on the bus is not published again, however often callers repeat their calls.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from publisher.context import PublisherContext, place_of
from publisher.queue_limit import too_many_queued
from publisher.webhooks import check_webhook
from schemas.domain.events import Reconciled, Unsent
from schemas.domain.job import ClientCall, Job, new_job
from schemas.domain.state_machine import advance
from schemas.domain.states import JobState
from schemas.domain.tombstone import to_gone
from schemas.errors import AlreadyExists, Conflict, IdReused, ReelbusError, Unavailable
from schemas.services.publish import publish_request
from schemas.services.reference_images import ImageOwner, StagedImage, stage_image, store_image, undo_reference
from schemas.services.update import update_job
from schemas.wire.caller_names import to_shown_id
from schemas.wire.request import VideoRequest

logger = logging.getLogger(__name__)


async def publish_or_note(ctx: PublisherContext, job: Job, *, traceparent: str | None = None) -> None:
    """Publish the request of a job. Raises `Unavailable`, and notes in the record that it may not have left."""
    try:
        await publish_request(ctx.bus, job, ctx.clock.now(), traceparent=traceparent)
    except Unavailable:
        with suppress(ReelbusError):  # `reconcile` reads each job in any case, only later
            await update_job(ctx.jobs, job.job_id, lambda newest: None if newest.ended else Unsent(at=ctx.clock.now()))
        raise


async def publish_if_due(ctx: PublisherContext, job: Job) -> Job:
    """Return the job, and publish its request again if it waits for a worker and its check is due.

    Raises `Unavailable`.
    """
    now = ctx.clock.now()
    # A job in `submitting` has a worker, or a window in which no other worker may claim it.
    if job.ended or job.state is JobState.SUBMITTING or job.next_check_at is None or job.next_check_at > now:
        return job
    if job.waits_for_turn and now < job.deadline:
        return job  # a repeated call brings no parked job back before its turn
    try:
        job = await ctx.jobs.save(advance(job, Reconciled(at=now)))
    except Conflict:  # a worker has it, or another call published it
        return await ctx.jobs.get(job.job_id) or job
    await publish_or_note(ctx, job)
    logger.info("published a request again", extra={"action": "republished", "job_id": job.job_id})
    return job


class SubmitUncertain(Unavailable):
    """The store or the bus failed half-way: the job may exist, and then it runs later."""

    def __init__(self, job_id: str, cause: Unavailable) -> None:
        super().__init__(
            f"{cause}; the job may run later, ask for {job_id} before you send this again",
            retry_after_s=cause.retry_after_s,
        )
        self.job_id = job_id


async def submit(
    ctx: PublisherContext, request: VideoRequest, *, traceparent: str | None = None, caller: str | None = None
) -> Job:
    """Return the job for this request: a new one, or the existing one of its id, unchanged.

    The ids of a `caller` are its own: another caller's job of the same id is another job.

    Raises `Invalid` for a bad image, `IdReused`, `Gone` if the job was erased, and `TooManyQueued`. Raises
    `SubmitUncertain` (an `Unavailable`) if the store or the bus failed: a job that was stored but not published is
    published by the same call again, or by `reconcile`.
    """
    if caller is not None:
        request = request.model_copy(update={"job_id": await place_of(ctx, request.job_id, caller)})
    staged = await stage_image(request, ctx.videos, owner=ImageOwner(caller, ctx.jobs) if caller is not None else None)
    return await submit_staged(ctx, staged, traceparent=traceparent, caller=caller)


async def submit_staged(
    ctx: PublisherContext,
    staged: StagedImage,
    *,
    traceparent: str | None,
    caller: str | None,
    may_exist: bool = True,
    client_call: ClientCall | None = None,
) -> Job:
    """Do the rest of `submit`: the image is staged, and the request has the id under which the job is stored.

    This is the only place where the image of a request is stored. `may_exist` is false for an id that was made just
    now. `client_call` is written into the record of a new job.
    """
    request = staged.request
    if refusal := await too_many_queued(ctx, request, caller):
        raise refusal
    if request.webhook and not (may_exist and await ctx.jobs.get(request.job_id)):
        check_webhook(ctx, request.webhook)
    if may_exist and staged.names and (known := await ctx.jobs.get(request.job_id)):
        return await _resume_known_job(ctx, staged, caller, known)  # before the images are stored: they may be refused
    staged = await store_image(staged, ctx.videos)
    job = new_job(request, ctx.clock.now(), traceparent=traceparent, caller=caller)
    if client_call:
        job = job.model_copy(update={"client_call": client_call})
    try:
        with _name_uncertain_job(job.job_id, caller):
            created = await ctx.jobs.create(job)
            await publish_or_note(ctx, created)
    except AlreadyExists:
        return await _resume_known_job(ctx, staged, caller, await ctx.jobs.get(job.job_id))
    logger.info("request published", extra={"action": "submit_published", "job_id": job.job_id})
    return created


@contextmanager
def _name_uncertain_job(job_id: str, caller: str | None) -> Iterator[None]:
    """Turn `Unavailable` into `SubmitUncertain`, which names the job that may exist."""
    try:
        yield
    except Unavailable as error:
        logger.warning("submit is uncertain", extra={"action": "submit_uncertain", "job_id": job_id})
        raise SubmitUncertain(to_shown_id(caller, job_id), error) from error


def check_same_request(staged: StagedImage, known: Job | None, caller: str | None) -> Job:
    """Return the job of the request's id. Raises `IdReused` if it is another request's, and `Gone` if it was erased."""
    if known is None or not staged.is_for(known) or (caller is not None and known.caller != caller):
        words = f"job_id {to_shown_id(caller, staged.request.job_id)} is already used by a different request"
        raise IdReused(f"{words}; a new request needs a new id or key")
    if known.erased_at:
        raise to_gone(known, caller=caller)
    return known


async def _resume_known_job(ctx: PublisherContext, staged: StagedImage, caller: str | None, known: Job | None) -> Job:
    """Return the job of the id, if it was made for this request. The image of a refused request is released."""
    if known:
        await undo_reference(staged.request, known, ctx.jobs, ctx.videos, ctx.clock.now())
    known = check_same_request(staged, known, caller)
    logger.info("request known", extra={"action": "submit_known", "job_id": known.job_id})
    with _name_uncertain_job(known.job_id, caller):
        return await publish_if_due(ctx, known)
