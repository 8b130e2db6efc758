"""The job store and the workers' heartbeats in Firestore.

A change of a job is one write whose precondition is the update time that was read. The client reads
`FIRESTORE_EMULATOR_HOST` itself. By default it repeats a commit whose answer was lost, and then takes its own write for
another process's. So writes are not retried, and the caller reads again if the outcome is unknown.
"""

import logging
import re
import zlib
from collections.abc import Sequence

from google.api_core.exceptions import Aborted, FailedPrecondition, NotFound
from google.api_core.exceptions import AlreadyExists as Taken
from google.cloud.firestore_v1 import SERVER_TIMESTAMP
from google.cloud.firestore_v1.async_aggregation import AsyncAggregationQuery
from google.cloud.firestore_v1.async_client import AsyncClient
from google.cloud.firestore_v1.async_document import AsyncDocumentReference
from google.cloud.firestore_v1.async_query import AsyncQuery
from google.cloud.firestore_v1.base_query import BaseQuery

from infra.cursor import encode_cursor
from infra.gcp.errors import translate_errors
from infra.gcp.firestore.documents import (
    COLLECTION,
    Snapshot,
    conflict,
    document,
    document_id,
    job_of,
    moment,
    stamp,
    update_time,
)
from infra.gcp.firestore.queries import ahead_query, page_query, position_of, queue_query
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import AlreadyExists, NewerRecord
from schemas.ports import COUNTED_AHEAD, JobPage, JobQuery, LastBeat
from schemas.wire.types import JOB_ID_PATTERN

logger = logging.getLogger(__name__)

WRITE_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
TOGETHER_TIMEOUT_S = 20.0
"""For a commit of megabytes."""
WORKERS_COLLECTION = "workers"
_SLOTS = 64
"""Each process is a new owner: without slots every start would leave a document."""


class FirestoreJobs:
    """The `JobStore` in one database. Close it on the event loop on which it was used."""

    def __init__(self, project: str, database: str = "(default)") -> None:
        """Look for credentials, without opening a connection. Raises `Unavailable` if there are none."""
        with translate_errors("Firestore"):
            self.client = AsyncClient(project=project, database=database)
        self.collection = self.client.collection(COLLECTION)

    async def create(self, job: Job) -> Job:
        with translate_errors("Firestore"):
            try:
                written = await self.document(job.job_id).create(document(job), retry=None, timeout=WRITE_TIMEOUT_S)
            except Taken as error:
                raise AlreadyExists(f"job {job.job_id} exists already") from error
        return stamp(job, written.update_time)

    async def create_all(self, jobs: Sequence[Job]) -> Sequence[Job]:
        together = self.client.batch()
        for job in jobs:
            together.create(self.document(job.job_id), document(job))
        with translate_errors("Firestore"):
            try:
                written = await together.commit(retry=None, timeout=TOGETHER_TIMEOUT_S)
            except Taken as error:
                raise AlreadyExists(f"one of the jobs from {jobs[0].job_id} on exists already") from error
        return [stamp(job, result.update_time) for job, result in zip(jobs, written, strict=True)]

    async def get(self, job_id: str) -> Job | None:
        if not re.fullmatch(JOB_ID_PATTERN, job_id):
            return None  # an id with a slash would name another document
        with translate_errors("Firestore"):
            snapshot = await self.document(job_id).get(timeout=READ_TIMEOUT_S)
        return job_of(snapshot) if snapshot.exists else None

    async def save(self, job: Job) -> Job:
        as_read = self.client.write_option(last_update_time=update_time(job))
        with translate_errors("Firestore"):
            try:
                written = await self.document(job.job_id).update(
                    document(job), option=as_read, retry=None, timeout=WRITE_TIMEOUT_S
                )
            except (
                FailedPrecondition,
                NotFound,
                Aborted,
            ) as error:  # Aborted: another process is writing it at the same moment
                raise conflict(job) from error
        return stamp(job, written.update_time)

    async def list(self, query: JobQuery) -> JobPage:
        wanted = page_query(self.collection, query)
        with translate_errors("Firestore"):
            snapshots = await wanted.get(timeout=READ_TIMEOUT_S)
        page = snapshots[: query.limit]
        more = len(snapshots) > len(page)
        jobs = [job for snapshot in page if (job := job_or_warning(snapshot))]
        return JobPage(jobs=jobs, cursor=encode_cursor(position_of(query, page[-1])) if more else None)

    async def ahead_of(self, job: Job) -> int | None:
        """Count at most a thousand, for which Google bills one read: https://cloud.google.com/firestore/pricing

        None also before the operator has deployed the index: a job can be shown without its position.
        """
        if job.state is not JobState.QUEUED:
            return None
        with translate_errors("Firestore"):
            try:
                found = await count_documents(ahead_query(self.collection, job).limit(COUNTED_AHEAD))
            except FailedPrecondition as error:
                extra = {"action": "index_missing", "reason": str(error)}
                logger.warning("the position in the queue can't be counted", extra=extra)
                return None
        return found if found < COUNTED_AHEAD else None

    async def count_queued(self, key: str, *, at_most: int) -> int:
        """Google bills one read for each thousand that are counted."""
        with translate_errors("Firestore"):
            return await count_documents(queue_query(self.collection, key).limit(at_most))

    async def aclose(self) -> None:
        """Close its connections."""
        await self.client._firestore_api.transport.close()  # the client has no method for it

    def document(self, job_id: str) -> AsyncDocumentReference:
        """Return the reference of the job's document."""
        return self.collection.document(document_id(job_id))


async def count_documents(query: AsyncQuery) -> int:
    """Return how many documents the query finds, at most its limit."""
    counted = await AsyncAggregationQuery(query).count().get(timeout=READ_TIMEOUT_S)
    return int(counted[0][0].value)


def job_or_warning(snapshot: Snapshot) -> Job | None:
    """Return the job of a listing; None for a record of a newer version, so that the rest of the page is returned."""
    try:
        return job_of(snapshot)
    except NewerRecord as error:
        # The message contains the id, because the command line shows the message only.
        logger.warning(str(error), extra={"action": "record_unreadable", "job_id": snapshot.get("job_id")})
        return None


class FirestoreHeartbeats:
    """The `Heartbeats` in the database of the jobs: one write a minute and worker, one read for the newest."""

    def __init__(self, jobs: FirestoreJobs) -> None:
        self._collection = jobs.client.collection(WORKERS_COLLECTION)

    async def beat(self, owner: str, report: str = "") -> None:
        document = self._collection.document(f"slot-{zlib.crc32(owner.encode()) % _SLOTS}")
        with translate_errors("Firestore"):
            await document.set({"owner": owner, "at": SERVER_TIMESTAMP, "report": report}, timeout=WRITE_TIMEOUT_S)

    async def last_beat(self) -> LastBeat | None:
        newest = self._collection.order_by("at", direction=BaseQuery.DESCENDING).limit(1)
        with translate_errors("Firestore"):
            snapshots = await newest.get(timeout=READ_TIMEOUT_S)
        if not snapshots:
            return None
        (last,) = snapshots
        return LastBeat(owner=last.get("owner"), at=moment(last.get("at")), read_at=moment(last.read_time))
