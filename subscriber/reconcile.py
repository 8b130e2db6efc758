"""Looks after jobs that nobody moves: lost messages, completions that are due, paid clips that may still turn up.

Safe by several at once: each job is claimed by a compare-and-set on its `next_check_at` before anything is published,
and the next look is twice as far away, so that a backlog is not published again and again.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from schemas import event as ev
from schemas.errors import Conflict
from schemas.job import Job
from schemas.message import encode_request
from schemas.ports import REQUESTS, JobQuery
from subscriber.announcement import announce
from subscriber.workshop import Workshop

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Report:
    """What one pass did, or would do."""

    looked_at: int = 0
    announced: int = 0
    republished: int = 0
    found_late: int = 0


async def reconcile(shop: Workshop, *, dry_run: bool = False) -> Report:
    """One pass over all jobs whose `next_check_at` is over."""
    report = Report()
    cursor: str | None = None
    due_before = shop.clock.now() + timedelta(milliseconds=1)  # what is due this very millisecond is due
    while True:
        page = await shop.jobs.list(JobQuery(due_before=due_before, limit=200, cursor=cursor))
        for job in page.jobs:
            report.looked_at += 1
            await _look_after(shop, job, report, dry_run)
        cursor = page.cursor
        if cursor is None:
            return report


async def _look_after(shop: Workshop, job: Job, report: Report, dry_run: bool) -> None:
    """One job. Whatever goes wrong with it, the others are looked after as well."""
    try:
        if not dry_run:
            job = await shop.write(job, ev.Checked(at=shop.clock.now()))
        await _do(shop, job, report, dry_run)
    except Conflict:
        log.info("somebody else moved the job", extra={"action": "reconcile_conflict", "job_id": job.job_id})
    except Exception:
        log.exception("a job could not be looked after", extra={"action": "reconcile_failed", "job_id": job.job_id})


async def _do(shop: Workshop, job: Job, report: Report, dry_run: bool) -> None:
    if job.completion_due:
        report.announced += 1
        if not dry_run:
            await announce(shop, job)
    elif not job.ended:
        report.republished += 1
        if not dry_run:
            await _republish(shop, job)
    else:
        report.found_late += await _find_late(shop, job, dry_run)


async def _republish(shop: Workshop, job: Job) -> None:
    request = encode_request(job.request, at=shop.clock.now(), traceparent=job.traceparent)
    await shop.bus.publish(REQUESTS, request)
    log.info("published a request again", extra={"action": "republished", "job_id": job.job_id})


async def _find_late(shop: Workshop, job: Job, dry_run: bool) -> int:
    """Files of attempts whose outcome nobody knew when the job ended: charged, and written down."""
    found = [
        (clip.index, name)
        for clip in job.clips
        for prefix in clip.watched_prefixes
        for name in (await shop.model.recover(prefix))[:1]
        if name not in (clip.output, *clip.late)
    ]
    if dry_run:
        return len(found)
    for index, name in found:
        log.warning("a paid clip turned up late", extra={"action": "found_late", "job_id": job.job_id, "file": name})
        job = await shop.write(job, ev.AcceptedLate(at=shop.clock.now(), clip=index, nonce="", operation=name))
    return len(found)
