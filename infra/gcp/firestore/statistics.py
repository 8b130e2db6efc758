"""Counts and extremes from Firestore's indexes. Google bills one read for each thousand documents that are counted.

The ledgers are inside the records, which are strings to Firestore: their entries cost a read for each job.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from google.cloud.firestore_v1 import FieldFilter
from google.cloud.firestore_v1.base_query import BaseQuery

from infra.gcp.errors import translate_errors
from infra.gcp.firestore.documents import moment
from infra.gcp.firestore.jobs import READ_TIMEOUT_S, WORKERS_COLLECTION, FirestoreJobs, count_documents, job_or_warning
from infra.gcp.firestore.queries import oldest_query
from infra.worker_reports import parse_report
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.ports import Backlog, EvaluationLine, JobQuery, LedgerLine, LedgerPage, WorkerBeat

LEDGER_JOBS = 500
"""The jobs of one page of a ledger."""


class FirestoreStatistics:
    """`Statistics` in the database of the jobs. Pub/Sub holds the messages, and can't list them."""

    ledger_pages_at_most: int | None = 40
    """20,000 jobs: $0.006 at $0.03 for 100,000 reads, see https://cloud.google.com/firestore/pricing."""

    def __init__(self, jobs: FirestoreJobs) -> None:
        self._store = jobs
        self._jobs = jobs.collection
        self._workers = jobs.client.collection(WORKERS_COLLECTION)

    async def ledger(
        self, *, written_since: datetime | None = None, caller: str | None = None, cursor: str | None = None
    ) -> LedgerPage:
        """Return the entries of a page of jobs, the newest first. Each is a line of its own."""
        page = await self._store.list(
            JobQuery(caller=caller, written_since=written_since, limit=LEDGER_JOBS, cursor=cursor)
        )
        lines = [LedgerLine.of(job, clip) for job in page.jobs for clip in job.clips if clip.planned.price_usd]
        calls = Counter(EvaluationLine.of(call) for job in page.jobs for call in job.evaluations)
        return LedgerPage(lines=lines, cursor=page.cursor, calls=calls)

    async def count(self, state: JobState, *, at_most: int) -> int:
        with translate_errors("Firestore"):
            found = self._jobs.where(filter=FieldFilter("state", "==", state.value)).limit(at_most)
            return await count_documents(found)

    async def oldest(self, state: JobState, *, limit: int) -> Sequence[Job]:
        with translate_errors("Firestore"):
            snapshots = await oldest_query(self._jobs, state).limit(limit).get(timeout=READ_TIMEOUT_S)
        return [job for snapshot in snapshots if (job := job_or_warning(snapshot))]

    async def beats(self) -> Sequence[WorkerBeat]:
        with translate_errors("Firestore"):
            newest = self._workers.order_by("at", direction=BaseQuery.DESCENDING)
            snapshots = await newest.get(timeout=READ_TIMEOUT_S)
        return [
            WorkerBeat(
                owner=snapshot.get("owner"),
                at=moment(snapshot.get("at")),
                read_at=moment(snapshot.read_time),
                report=parse_report((snapshot.to_dict() or {}).get("report")),
            )
            for snapshot in snapshots
        ]

    async def backlog(self, subscription: str) -> Backlog | None:
        del subscription
        return None
