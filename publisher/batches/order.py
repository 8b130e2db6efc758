"""Order a batch: all of its jobs, or none. The same batch again gets its jobs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from publisher.batches.check import PlannedItem, find_refusal, plan_items
from publisher.batches.request import Batch, job_id_of
from publisher.context import PublisherContext
from publisher.submit import publish_if_due, publish_or_note
from schemas.domain.job import BatchPart, Job, new_job, record_of
from schemas.errors import AlreadyExists, IdReused, Invalid, NotFound, Unavailable
from schemas.ports import CREATED_TOGETHER_BYTES
from schemas.services.reference_images import release_reference, store_image, undo_reference
from schemas.wire.caller_names import to_stored_id

logger = logging.getLogger(__name__)
A = TypeVar("A")
B = TypeVar("B")
_AT_ONCE = 8
"""How many records are read, and messages published, at a time."""


class BatchUncertain(Unavailable):
    """The store or the bus failed half-way: the whole batch may exist, and then all of it runs later."""

    def __init__(self, batch_id: str, cause: Unavailable) -> None:
        super().__init__(
            f"{cause}; the whole batch may run later, ask for {batch_id} before you send this again",
            retry_after_s=cause.retry_after_s,
        )
        self.batch_id = batch_id


async def order_batch(ctx: PublisherContext, batch: Batch, caller: str | None, *, traceparent: str | None) -> list[Job]:
    """Return the jobs of the batch: new ones, or those of the same batch that was ordered before.

    Raises `Invalid`, `OverMaxCost`, `OverBudget` and `TooManyQueued`: then there is no job. Raises `IdReused` for other
    contents under the same id, and `BatchUncertain` if a store or the bus failed.
    """
    if known := await find_batch(ctx, batch.batch_id, caller):
        return await _resume(ctx, batch, known)
    items = await plan_items(ctx, batch, caller)
    if refusal := await find_refusal(ctx, batch, items, caller):
        raise refusal
    jobs = _build_jobs(ctx, batch, items, caller, traceparent)
    try:
        for item in items:
            await store_image(item.staged, ctx.videos)
        created = list(await ctx.jobs.create_all(jobs))
    except (AlreadyExists, Invalid) as error:
        await _release_images(ctx, jobs)
        if known := await find_batch(ctx, batch.batch_id, caller):  # an identical call was faster
            return await _resume(ctx, batch, known)
        if isinstance(error, Invalid):
            raise
        words = f"batch_id {batch.batch_id} needs the id of a job that exists; a new batch needs a new id"
        raise IdReused(words) from error
    except Unavailable as error:
        raise BatchUncertain(batch.batch_id, error) from error
    logger.info("batch ordered", extra={"action": "batch_ordered", "batch_id": batch.batch_id, "jobs": len(created)})
    await _publish(batch.batch_id, created, lambda job: publish_or_note(ctx, job, traceparent=traceparent))
    return created


def _build_jobs(
    ctx: PublisherContext, batch: Batch, items: Sequence[PlannedItem], caller: str | None, traceparent: str | None
) -> list[Job]:
    """Return the records. Raises `Invalid` if they are too large for one transaction.

    If the batch has a limit, each job keeps its planned price as its own: a later change of prices can't pass the sum.
    """
    now, jobs = ctx.clock.now(), list[Job]()
    for number, item in enumerate(items, 1):
        request = item.request
        if batch.max_cost_usd is not None:
            request = request.model_copy(update={"max_cost_usd": item.price_usd})
        part = BatchPart(
            id=batch.batch_id, number=number, size=len(items), digest=batch.digest, price_usd=item.price_usd
        )
        job = new_job(request, now, traceparent=traceparent, caller=caller)
        jobs.append(job.model_copy(update={"batch": part}))
    size_bytes = sum(len(record_of(job).encode()) for job in jobs)
    if size_bytes > CREATED_TOGETHER_BYTES:
        words = f"requests must have at most {CREATED_TOGETHER_BYTES:,} bytes together without their images"
        raise Invalid(f"{words}, not {size_bytes:,}", field="requests")
    return jobs


async def _resume(ctx: PublisherContext, batch: Batch, known: list[Job]) -> list[Job]:
    """Return the jobs, and publish the requests that are due. Raises `IdReused` if they belong to other contents."""
    check_same_batch(batch, known)
    logger.info("batch known", extra={"action": "batch_known", "batch_id": batch.batch_id})
    return await _publish(batch.batch_id, known, lambda job: publish_if_due(ctx, job))


def check_same_batch(batch: Batch, known: Sequence[Job]) -> None:
    """Raise `IdReused` if the jobs belong to a batch with other contents."""
    part = known[0].batch
    if part is None or part.digest != batch.digest:
        words = f"batch_id {batch.batch_id} is already used by a different batch; new contents need a new id"
        raise IdReused(words)


async def _publish(batch_id: str, jobs: Sequence[Job], publish: Callable[[Job], Awaitable[B]]) -> list[B]:
    """Publish what is to be published. After a failure the rest is left to `reconcile`. Raises `BatchUncertain`."""
    try:
        return await _map_few(publish, jobs)
    except Unavailable as error:
        logger.warning("batch is uncertain", extra={"action": "batch_uncertain", "batch_id": batch_id})
        raise BatchUncertain(batch_id, error) from error


async def _release_images(ctx: PublisherContext, jobs: Sequence[Job]) -> None:
    """Release the images of requests that became no jobs."""
    now = ctx.clock.now()
    for job in jobs:
        if known := await ctx.jobs.get(job.job_id):
            await undo_reference(job.request, known, ctx.jobs, ctx.videos, now)
        else:
            await release_reference(job.request, ctx.jobs, ctx.videos, now)


async def find_batch(ctx: PublisherContext, batch_id: str, owner: str | None) -> list[Job] | None:
    """Return the jobs of a batch in their order; None if this caller has no such batch."""
    first = await ctx.jobs.get(to_stored_id(owner, job_id_of(batch_id, 1)))
    if first is None or first.batch is None or first.caller != owner:
        return None
    ids = [to_stored_id(owner, job_id_of(batch_id, number)) for number in range(2, first.batch.size + 1)]
    return [first, *(job for job in await _map_few(ctx.jobs.get, ids) if job)]


async def get_batch(ctx: PublisherContext, batch_id: str, owner: str | None) -> list[Job]:
    """Return the jobs of a batch. Raises `NotFound`, also if the batch belongs to another caller."""
    jobs = await find_batch(ctx, batch_id, owner)
    if not jobs:
        raise NotFound(f"there is no batch {batch_id}")
    return jobs


async def _map_few(work: Callable[[A], Awaitable[B]], given: Sequence[A]) -> list[B]:
    """Return the results in their order. A few run at once; after an error no further ones are begun."""
    done = list[B]()
    for begin in range(0, len(given), _AT_ONCE):
        results = await asyncio.gather(*map(work, given[begin : begin + _AT_ONCE]), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
            done.append(result)
    return done
