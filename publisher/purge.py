"""Erases ended jobs: prompt, images, videos and dead letters go; what the job was, how it ended and what it cost stay.

A repeat of its request never pays again. Completions that were published before can't be called back.
"""

import logging
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from publisher.context import PublisherContext, find
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.domain.tombstone import erasure_blocker
from schemas.errors import Invalid
from schemas.ports import JobQuery
from schemas.services.erasure import Eraser

logger = logging.getLogger(__name__)

_AT_ONCE = 50
_PAGE = 200
_ENDS = frozenset(state for state in JobState if state.is_final)


class Kept(BaseModel):
    """A job that is not erased."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    reason: str


class Purge(BaseModel):
    """What was erased, or would be."""

    model_config = ConfigDict(frozen=True)

    dry_run: bool
    erased: list[str] = Field(default_factory=list)
    unfinished: list[str] = Field(
        default_factory=list,
        description="Erased; files and dead letters that could not be seen or deleted now are left to a worker.",
    )
    kept: list[Kept] = Field(default_factory=list)


async def purge(
    desk: PublisherContext, job_ids: Collection[str], *, caller: str | None = None, dry_run: bool = False
) -> Purge:
    """Erase these jobs; one that was erased before is swept again. With a `caller` the ids may be the caller's own.

    Raises `NotFound`, before anything is erased.
    """
    report = Purge(dry_run=dry_run)
    found = [await find(desk, job_id, caller=caller) for job_id in dict.fromkeys(job_ids)]
    jobs = list({job.job_id: job for job in found}.values())
    for start in range(0, len(jobs), _AT_ONCE):
        await _portion(desk, jobs[start : start + _AT_ONCE], report)
    return report


async def purge_old(
    desk: PublisherContext,
    *,
    project_id: str | None,
    older_than: timedelta | None,
    caller: str | None = None,
    dry_run: bool = False,
) -> Purge:
    """Erase the ended jobs of a project, of a caller, or those that ended so long ago; all conditions hold at once."""
    report = Purge(dry_run=dry_run)
    ended_before = desk.clock.now() - older_than if older_than else None
    # Jobs of a project or a caller that go on are reported as kept, those of the whole world are not.
    states = frozenset() if project_id or caller else _ENDS
    query = JobQuery(states=states, project_id=project_id, caller=caller, created_before=ended_before, limit=_PAGE)
    async for jobs in _pages(desk, query):
        for start in range(0, len(jobs), _AT_ONCE):
            await _portion(desk, jobs[start : start + _AT_ONCE], report)
    return report


async def _pages(desk: PublisherContext, query: JobQuery) -> AsyncIterator[list[Job]]:
    while True:
        page = await desk.jobs.list(query)
        yield [job for job in page.jobs if not job.erased_at and _has_ended_before(job, query.created_before)]
        if page.cursor is None:
            return
        query = replace(query, cursor=page.cursor)


def _has_ended_before(job: Job, moment: datetime | None) -> bool:
    return moment is None or (job.has_ended and (job.since(job.state) or job.created_at) < moment)


async def _portion(desk: PublisherContext, jobs: list[Job], report: Purge) -> None:
    eraser = Eraser(jobs=desk.jobs, videos=desk.videos, bus=desk.bus, clock=desk.clock)
    marked = [erased for job in jobs if (erased := await _mark(eraser, job, report))]
    report.erased.extend(job.job_id for job in marked)
    if not report.dry_run:
        report.unfinished.extend(job.job_id for job in await eraser.finish(marked))


async def _mark(eraser: Eraser, job: Job, report: Purge) -> Job | None:
    try:
        if not report.dry_run:
            return await eraser.mark(job.job_id)
        reason = None if job.erased_at else erasure_blocker(job, eraser.clock.now())
    except Invalid as error:
        reason = str(error)
    if reason is None:
        return job
    report.kept.append(Kept(job_id=job.job_id, reason=reason))
    return None
