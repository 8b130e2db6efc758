"""Walk over all pages of a job listing."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from schemas.domain.job import Job
from schemas.ports import JobQuery, JobStore


async def read_pages(jobs: JobStore, query: JobQuery) -> AsyncIterator[Sequence[Job]]:
    """Yield the jobs of each page, `query.limit` at most. The next page is read after the caller has used this one."""
    while True:
        page = await jobs.list(query)
        yield page.jobs
        if page.cursor is None:
            return
        query = replace(query, cursor=page.cursor)
