"""The stores in spans, and the metrics of what was stored."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path

from opentelemetry.trace import SpanKind

from infra.telemetry.changes import StoredChanges
from infra.telemetry.ledger import Totals, totals_of
from infra.telemetry.meters import Meters
from infra.telemetry.spans import Attributes, Span, Tracer, parent_in, present_span, set_job, size_of
from schemas.domain.budget import BudgetShard
from schemas.domain.job import Job
from schemas.errors import Conflict, Unavailable
from schemas.ports import Budgets, JobPage, JobQuery, JobStore, StoredFile, VideoStore


class TracedJobs:
    """A `JobStore` that does what the store inside it does."""

    def __init__(self, jobs: JobStore, system: str, *, tracer: Tracer, meters: Meters, changes: StoredChanges) -> None:
        self._jobs = jobs
        about = {"db.system.name": system, "db.collection.name": "jobs"}
        self._read, self._written = {**about, "db.operation.name": "get"}, {**about, "db.operation.name": "cas"}
        self._tracer, self._meters, self._changes = tracer, meters, changes

    async def create(self, job: Job) -> Job:
        set_job(job)
        with self._write_span(job):
            created = await self._jobs.create(job)
        self._changes.note(created)
        return created

    async def create_all(self, jobs: Sequence[Job]) -> Sequence[Job]:
        with self._write_span(jobs[0]):
            created = await self._jobs.create_all(jobs)
        for job in created:
            self._changes.note(job)
        return created

    async def get(self, job_id: str) -> Job | None:
        if present_span():
            with self._tracer.begin("get jobs", SpanKind.CLIENT, self._read):
                job = await self._jobs.get(job_id)
        else:  # no call or message asked for it: the trace is not known before the record is
            job = await self._jobs.get(job_id)
        if job:
            set_job(job)
            self._changes.note(job)
        return job

    async def save(self, job: Job) -> Job:
        return await self.replace(job, lambda: self._jobs.save(job))

    async def list(self, query: JobQuery) -> JobPage:
        page = await self._jobs.list(query)
        for job in page.jobs:
            self._changes.note(job)
        return page

    async def ahead_of(self, job: Job) -> int | None:
        return await self._jobs.ahead_of(job)

    async def count_queued(self, key: str, *, at_most: int) -> int:
        return await self._jobs.count_queued(key, at_most=at_most)

    async def replace(self, job: Job, write: Callable[[], Awaitable[Job]]) -> Job:
        """Write the job by `write`, in a span, and count what it changed in the version that it replaces."""
        set_job(job)
        before = self._changes.before(job)
        if before is None:
            stored = await self._jobs.get(job.job_id)
            before = totals_of(stored) if stored else Totals()  # another version than the job's: the write will fail
        try:
            with self._write_span(job):
                saved = await write()
        except Conflict:
            self._meters.add("reelbus.conflicts", 1)
            raise
        except (Unavailable, asyncio.CancelledError):  # a write that is cancelled may be stored nevertheless
            self._changes.doubt(before, job)
            raise
        self._changes.count(before, saved)
        return saved

    def _write_span(self, job: Job) -> Span:
        return self._tracer.begin("cas jobs", SpanKind.CLIENT, self._written, parent=parent_in(job.traceparent))


class TracedBudgets:
    """`Budgets` that do what those inside them do. A reservation is a write of the job as well."""

    def __init__(self, budgets: Budgets, jobs: TracedJobs, meters: Meters) -> None:
        self._budgets, self._jobs = budgets, jobs
        self._shards: dict[str, BudgetShard] = {}
        meters.observe("reelbus.budget.used", self._shares)

    async def read(self, names: Sequence[str]) -> Sequence[BudgetShard]:
        shards = await self._budgets.read(names)
        self._shards.update((shard.name, shard) for shard in shards if shard.revision)
        return shards

    async def reserve(self, job: Job, slices: Sequence[BudgetShard]) -> Job:
        return await self._jobs.replace(job, lambda: self._budgets.reserve(job, slices))

    async def give_back(self, found: BudgetShard) -> None:
        await self._budgets.give_back(found)

    def _shares(self) -> Iterable[tuple[float, Attributes]]:
        """Return the used share of each budget in its newest period, of the shards that this worker has read."""
        periods: defaultdict[str, dict[str, list[BudgetShard]]] = defaultdict(dict)
        for shard in tuple(self._shards.values()):
            scope, period, _ = shard.name.rsplit("~", 2)
            kind = "day" if re.fullmatch(r"\d+-\d+-\d+", period) else "month"
            periods[f"{scope} {kind}"].setdefault(period, []).append(shard)
        for budget, shards_by_period in periods.items():
            newest = shards_by_period[max(shards_by_period)]
            allotted = sum((shard.allotted for shard in newest), Decimal(0))
            used = sum((shard.used for shard in newest), Decimal(0))
            yield float(used / allotted) if allotted else 1.0, {"reelbus.budget": budget}


class TracedVideos:
    """A `VideoStore` that does what the store inside it does."""

    def __init__(self, videos: VideoStore, tracer: Tracer) -> None:
        self._videos, self._tracer = videos, tracer

    @property
    def reads(self) -> frozenset[str]:
        return self._videos.reads

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        size = len(source) if isinstance(source, bytes) else size_of(source)
        with self._tracer.begin("put", SpanKind.CLIENT, {"reelbus.bytes": size}):
            return await self._videos.put(name, source, content_type=content_type)

    async def fetch(self, name: str, to: Path) -> None:
        with self._tracer.begin("fetch", SpanKind.CLIENT) as span:
            await self._videos.fetch(name, to)
            span.add({"reelbus.bytes": size_of(to)})

    async def list(self, prefix: str) -> Sequence[StoredFile]:
        return await self._videos.list(prefix)

    async def delete(self, name: str) -> None:
        await self._videos.delete(name)

    async def url_for(self, name: str) -> str:
        return await self._videos.url_for(name)
