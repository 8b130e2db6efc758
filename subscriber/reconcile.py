"""Check the jobs that no worker moves: lost messages, completions that are due, paid clips that may still turn up, and
files of erased jobs.

Several workers may do this at once. Each claims a job by a compare-and-set on its `next_check_at` before it publishes
anything, and the next check comes after twice the time. A job is left alone if this worker holds it, or if its message
is known to wait: a healthy backlog is neither published again nor held up.
"""

import logging
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.domain import events as ev
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import Conflict
from schemas.ports import BATCH_WORKERS, WORKERS, JobQuery
from schemas.services.job_pages import read_pages
from schemas.services.publish import publish_request
from schemas.services.update import save_event
from schemas.wire.message import REQUESTED
from subscriber.announce import announce
from subscriber.context import WorkerContext
from subscriber.fairness import may_park
from subscriber.film_retention import erase_old_films
from subscriber.retention import Retention, eraser_of

logger = logging.getLogger(__name__)

PAGE = 200
_ALL_BUT_QUEUED = frozenset(JobState) - {JobState.QUEUED}


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
    films_erased: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What a worker knows of the messages that it and the bus hold."""

    holds: Callable[[str], bool] = lambda _: False
    """True for the id of a job that this worker holds."""
    delivered_until: datetime | None = None
    """Requests that were published later may still wait. None if the worker can't tell."""


async def retain(retention: Retention, report: Report, *, dry_run: bool = False) -> None:
    """Erase one portion of what is old enough."""
    report.erased += await retention.erase(dry_run=dry_run)
    report.work_deleted += await retention.empty(dry_run=dry_run)
    report.films_erased += await erase_old_films(retention.ctx, retention.rules.job, dry_run=dry_run)


async def reconcile(ctx: WorkerContext, *, known: Known | None = None, dry_run: bool = False) -> Report:
    """Check each job once whose `next_check_at` has passed.

    If no worker's knowledge is given, only those queued jobs are left out whose message the bus shows.
    """
    report = Report()
    erased: list[Job] = []
    in_bus: Collection[str] | None = None
    async for job in _due_jobs(ctx, known):
        if not job.ended:
            in_bus = await _job_ids_in_bus(ctx) if in_bus is None else in_bus
            if job.job_id in in_bus or (known and known.holds(job.job_id)):
                continue
        report.looked_at += 1
        try:
            checked = await _check_job(ctx, job, report, dry_run)
        except Conflict:
            logger.info("another process moved the job", extra={"action": "reconcile_conflict", "job_id": job.job_id})
        except Exception:  # the other jobs are checked all the same
            logger.exception("a job could not be checked", extra={"action": "reconcile_failed", "job_id": job.job_id})
        else:
            erased += [checked] if checked.erased_at else []
    await eraser_of(ctx).finish([] if dry_run else erased)  # all together: a look at the dead letters is slow
    return report


async def _due_jobs(ctx: WorkerContext, known: Known | None) -> AsyncIterator[Job]:
    """Yield the jobs that are due; of the queued ones only those whose message can't be waiting any more."""
    now = ctx.clock.now() + timedelta(milliseconds=1)  # what is due this very millisecond is due
    until = now if known is None or ctx.bus.sees_waiting else known.delivered_until
    if until is not None and until >= now - timedelta(seconds=1):
        queries = [JobQuery(due_before=now, limit=PAGE)]
    else:
        queries = [JobQuery(states=_ALL_BUT_QUEUED, due_before=now, limit=PAGE)]
        if until is not None:
            queries.append(JobQuery(states=frozenset({JobState.QUEUED}), due_before=until, limit=PAGE))
    for query in queries:
        async for page in read_pages(ctx.jobs, query):
            for job in page:
                yield job


async def _job_ids_in_bus(ctx: WorkerContext) -> frozenset[str]:
    """Return the jobs whose request the bus still has; empty if the bus can't tell."""
    if not ctx.bus.sees_waiting:
        return frozenset()
    messages = [*await ctx.bus.list_waiting(WORKERS), *await ctx.bus.list_waiting(BATCH_WORKERS)]
    return frozenset(each.get("job_id", "") for each in messages if each.get("ce-type") == REQUESTED)


async def _check_job(ctx: WorkerContext, job: Job, report: Report, dry_run: bool) -> Job:
    if not dry_run:
        job = await save_event(ctx.jobs, job, ev.Reconciled(at=ctx.clock.now()))
    if job.erased_at:
        report.swept += 1
    elif job.completion_due:
        report.announced += 1
        if not dry_run:
            await announce(ctx, job)
    elif not job.ended and not await _is_parked(ctx, job):
        report.republished += 1
        if not dry_run:
            await publish_request(ctx.bus, job, ctx.clock.now())
            logger.info("published a request again", extra={"action": "republished", "job_id": job.job_id})
    elif job.ended:
        report.found_late += await _find_late(ctx, job, dry_run)
    return job


async def _is_parked(ctx: WorkerContext, job: Job) -> bool:
    """True if a worker brings the job back when it is its turn. A job past its deadline is published now, to expire."""
    if ctx.parked is None or not job.waits_for_turn or not may_park(job, ctx.clock.now()):
        return False
    return await ctx.parked.holds(job.job_id)


async def _find_late(ctx: WorkerContext, job: Job, dry_run: bool) -> int:
    """Find files of attempts whose outcome was unknown when the job ended. They were charged: save their names."""
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
