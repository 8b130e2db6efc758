"""Counts and extremes from Firestore's indexes. Google bills one read for each thousand documents that are counted."""

from collections.abc import Sequence

from google.cloud.firestore_v1 import FieldFilter
from google.cloud.firestore_v1.base_query import BaseQuery

from infra.gcp.errors import translate_errors
from infra.gcp.firestore.documents import moment
from infra.gcp.firestore.jobs import READ_TIMEOUT_S, WORKERS_COLLECTION, FirestoreJobs, count_documents, job_or_warning
from infra.gcp.firestore.queries import oldest_query
from infra.worker_reports import parse_report
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.ports import Backlog, WorkerBeat


class FirestoreStatistics:
    """`Statistics` in the database of the jobs. Pub/Sub holds the messages, and can't list them."""

    def __init__(self, jobs: FirestoreJobs) -> None:
        self._jobs = jobs.collection
        self._workers = jobs.client.collection(WORKERS_COLLECTION)

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
