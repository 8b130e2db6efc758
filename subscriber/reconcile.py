"""Looks after jobs that nobody moves: lost messages, completions that are due, paid clips that may still turn up, and
files of erased jobs.

Safe by several at once: each job is claimed by a compare-and-set on its `next_check_at` before anything is published,
and the next look is twice as far away. A job whose message is known to wait, or that this worker holds, is not touched:
a healthy backlog is neither published again nor held up.
"""

import logging
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from schemas.domain import events as ev
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import Conflict
from schemas.ports import REQUESTS, WORKERS, JobQuery
from schemas.services.update import save_event
from schemas.wire.message import REQUESTED, encode_request
from subscriber.announce import announce
from subscriber.context import WorkerContext
from subscriber.retention import Retention, eraser_of

logger = logging.getLogger(__name__)

PAGE = 200
_BUT_QUEUED = frozenset(JobState) - {JobState.QUEUED}


@dataclass(slots=True)
class Report:
    """What one pass did, or would do."""

    looked_at: int = 0
    announced: int = 0
    republished: int = 0
    found_late: int = 0
    swept: int = 0
    erased: int = 0
    work_deleted: int = 0


async def retain(retention: Retention, report: Report, *, dry_run: bool = False) -> None:
    """One portion of what is due by age."""
    report.erased += await retention.erase(dry_run=dry_run)
    report.work_deleted += await retention.empty(dry_run=dry_run)


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What a worker knows of the messages that it and the bus hold."""

    holds: Callable[[str], bool] = lambda _: False
    """True for the id of a job that this worker holds."""
    delivered_until: datetime | None = None
    """Requests that were published later may still wait; None while nothing can be said."""


async def reconcile(ctx: WorkerContext, *, known: Known | None = None, dry_run: bool = False) -> Report:
    """One pass over all jobs whose `next_check_at` is over. Without a worker's knowledge no queued job is left out
    but those whose message the bus shows."""
    report = Report()
    erased: list[Job] = []
    waiting: Collection[str] | None = None
    async for job in _due(ctx, known):
        if not job.ended:
            waiting = await _job_ids_waiting(ctx) if waiting is None else waiting
            if job.job_id in waiting or (known and known.holds(job.job_id)):
                continue
        report.looked_at += 1
        erased += await _look_after(ctx, job, report, dry_run)
    await eraser_of(ctx).finish([] if dry_run else erased)
    return report


async def _due(ctx: WorkerContext, known: Known | None) -> AsyncIterator[Job]:
    """What is due by now; of the queued jobs only those whose message can't be waiting any more."""
    now = ctx.clock.now() + timedelta(milliseconds=1)  # what is due this very millisecond is due
    until = now if known is None or ctx.bus.sees_waiting else known.delivered_until
    if until is not None and until >= now - timedelta(seconds=1):
        queries = [JobQuery(due_before=now, limit=PAGE)]
    else:
        queries = [JobQuery(states=_BUT_QUEUED, due_before=now, limit=PAGE)]
        if until is not None:
            queries.append(JobQuery(states=frozenset({JobState.QUEUED}), due_before=until, limit=PAGE))
    while queries:
        query = queries.pop(0)
        page = await ctx.jobs.list(query)
        for job in page.jobs:
            yield job
        if page.cursor is not None:
            queries.insert(0, replace(query, cursor=page.cursor))


async def _job_ids_waiting(ctx: WorkerContext) -> frozenset[str]:
    """The jobs whose request the bus still has; empty if it can't tell."""
    if not ctx.bus.sees_waiting:
        return frozenset()
    messages = await ctx.bus.list_waiting(WORKERS)
    return frozenset(each.get("job_id", "") for each in messages if each.get("ce-type") == REQUESTED)


async def _look_after(ctx: WorkerContext, job: Job, report: Report, dry_run: bool) -> list[Job]:
    """One job, which is given back where it is erased, to be swept with others of its kind. Whatever goes wrong with
    it, the others are looked after as well."""
    try:
        if not dry_run:
            job = await save_event(ctx.jobs, job, ev.Reconciled(at=ctx.clock.now()))
        await _do(ctx, job, report, dry_run)
        return [job] if job.erased_at else []
    except Conflict:
        logger.info("somebody else moved the job", extra={"action": "reconcile_conflict", "job_id": job.job_id})
    except Exception:
        logger.exception("a job could not be looked after", extra={"action": "reconcile_failed", "job_id": job.job_id})
    return []


async def _do(ctx: WorkerContext, job: Job, report: Report, dry_run: bool) -> None:
    if job.erased_at:
        report.swept += 1
    elif job.completion_due:
        report.announced += 1
        if not dry_run:
            await announce(ctx, job)
    elif not job.ended:
        report.republished += 1
        if not dry_run:
            await _republish(ctx, job)
    else:
        report.found_late += await _find_late(ctx, job, dry_run)


async def _republish(ctx: WorkerContext, job: Job) -> None:
    request = encode_request(job.request, at=ctx.clock.now(), traceparent=job.traceparent)
    await ctx.bus.publish(REQUESTS, request)
    logger.info("published a request again", extra={"action": "republished", "job_id": job.job_id})


async def _find_late(ctx: WorkerContext, job: Job, dry_run: bool) -> int:
    """Files of attempts whose outcome nobody knew when the job ended: charged, and written down."""
    found = [
        (clip.index, name)
        for clip in job.clips
        for prefix in clip.unresolved_prefixes
        for name in (await ctx.model.recover(prefix))[:1]
        if name not in (clip.output, *clip.late)
    ]
    if dry_run:
        return len(found)
    for index, name in found:
        logger.warning("a paid clip turned up late", extra={"action": "found_late", "job_id": job.job_id, "file": name})
        job = await save_event(ctx.jobs, job, ev.AcceptedLate(at=ctx.clock.now(), clip=index, nonce="", operation=name))
    return len(found)
