"""The job records in Firestore. A change is one write with the update time that was read as its precondition.

The client follows `FIRESTORE_EMULATOR_HOST` by itself. By default it would repeat a commit whose answer was lost, and
then see its own write as somebody else's: writes go without any retry, and the caller reads again after a doubt.

Signs of life of the workers, in the database of the jobs. One write a minute and worker, one read for a look.
"""

import logging
import re
import zlib

from google.api_core.exceptions import Aborted, FailedPrecondition, NotFound
from google.api_core.exceptions import AlreadyExists as Taken
from google.cloud.firestore_v1 import SERVER_TIMESTAMP
from google.cloud.firestore_v1.async_aggregation import AsyncAggregationQuery
from google.cloud.firestore_v1.async_client import AsyncClient
from google.cloud.firestore_v1.async_document import AsyncDocumentReference
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
from infra.gcp.firestore.queries import ahead_query, page_query, position_of
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import AlreadyExists, NewerRecord
from schemas.ports import COUNTED_AHEAD, JobPage, JobQuery, LastBeat
from schemas.wire.types import JOB_ID_PATTERN

logger = logging.getLogger(__name__)


WRITE_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0


class FirestoreJobs:
    """`JobStore` in one database. Close it on the event loop that it was used on."""

    def __init__(self, project: str, database: str = "(default)") -> None:
        """Opens no connection, but looks for credentials: raises `Unavailable` where there are none."""
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

    async def get(self, job_id: str) -> Job | None:
        if not re.fullmatch(JOB_ID_PATTERN, job_id):
            return None  # a slash in it would name another document
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
            except (FailedPrecondition, NotFound, Aborted) as error:  # Aborted: somebody is writing it right now
                raise conflict(job) from error
        return stamp(job, written.update_time)

    async def list(self, query: JobQuery) -> JobPage:
        wanted = page_query(self.collection, query)
        with translate_errors("Firestore"):
            snapshots = await wanted.get(timeout=READ_TIMEOUT_S)
        page = snapshots[: query.limit]
        more = len(snapshots) > len(page)
        jobs = [job for snapshot in page if (job := _readable(snapshot))]
        return JobPage(jobs=jobs, cursor=encode_cursor(position_of(query, page[-1])) if more else None)

    async def ahead_of(self, job: Job) -> int | None:
        """One read is billed for up to a thousand, and no more are counted: https://cloud.google.com/firestore/pricing"""
        if job.state is not JobState.QUEUED:
            return None
        with translate_errors("Firestore"):
            ahead = ahead_query(self.collection, job).limit(COUNTED_AHEAD)
            counted = await AsyncAggregationQuery(ahead).count().get(timeout=READ_TIMEOUT_S)
        found = int(counted[0][0].value)
        return found if found < COUNTED_AHEAD else None

    async def close(self) -> None:
        """Ends its connections."""
        await self.client._firestore_api.transport.close()  # the client itself has no way to

    def document(self, job_id: str) -> AsyncDocumentReference:
        """Where the record lies."""
        return self.collection.document(document_id(job_id))


def _readable(snapshot: Snapshot) -> Job | None:
    """A record of a newer version does not take the page with it."""
    try:
        return job_of(snapshot)
    except NewerRecord as error:
        # The id stands in the message, for the command line, which shows nothing else of it.
        logger.warning(str(error), extra={"action": "record_unreadable", "job_id": snapshot.get("job_id")})
        return None


WORKERS_COLLECTION = "workers"
_SLOTS = 64
"""Each process is a new owner: a document for each would be one for every start there ever was."""


class FirestoreHeartbeats:
    """`Heartbeats` in the database of the jobs."""

    def __init__(self, jobs: FirestoreJobs) -> None:
        self._collection = jobs.client.collection(WORKERS_COLLECTION)

    async def beat(self, owner: str) -> None:
        document = self._collection.document(f"slot-{zlib.crc32(owner.encode()) % _SLOTS}")
        with translate_errors("Firestore"):
            await document.set({"owner": owner, "at": SERVER_TIMESTAMP}, timeout=WRITE_TIMEOUT_S)

    async def last_beat(self) -> LastBeat | None:
        newest = self._collection.order_by("at", direction=BaseQuery.DESCENDING).limit(1)
        with translate_errors("Firestore"):
            found = await newest.get(timeout=READ_TIMEOUT_S)
        if not found:
            return None
        (last,) = found
        return LastBeat(owner=last.get("owner"), at=moment(last.get("at")), read_at=moment(last.read_time))
