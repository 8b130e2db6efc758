"""The parked jobs in Firestore: one document for each, beside the jobs.

One process gives the jobs of a key different tags. Processes that park at the same moment may give two of them the same
tag, so that both are served in one round.
"""

import asyncio
import time
from collections.abc import Collection, Sequence

from google.api_core.exceptions import AlreadyExists as Taken
from google.api_core.exceptions import FailedPrecondition, NotFound
from google.cloud.firestore_v1 import SERVER_TIMESTAMP, FieldFilter, Increment
from google.cloud.firestore_v1.async_collection import AsyncCollectionReference
from google.cloud.firestore_v1.async_query import AsyncQuery
from proto.datetime_helpers import DatetimeWithNanoseconds

from infra.gcp.errors import translate_errors
from infra.gcp.firestore.documents import document_id, revision
from infra.gcp.firestore.jobs import READ_TIMEOUT_S, WRITE_TIMEOUT_S, FirestoreJobs
from schemas.ports import ParkedJob
from schemas.wire.types import Priority

COLLECTION = "parked"
PAGE = 100
PAGES = 10
"""`next` reads no more pages than this. If all their jobs are of left-out keys, it returns none."""
TAG_KEPT_S = 5.0
"""A process reads the last tag of a key again after this time: other processes park jobs of it too."""
TAGS_AT_MOST = 10_000
INDEXES = (
    (("priority", "ASCENDING"), ("tag", "ASCENDING"), ("parked_at", "ASCENDING")),
    (("key", "ASCENDING"), ("priority", "ASCENDING"), ("tag", "DESCENDING")),
)
"""The composite indexes that its queries need."""


def lane_query(parked: AsyncCollectionReference, priority: Priority) -> AsyncQuery:
    """Build the query of a lane's jobs in their order."""
    lane = parked.where(filter=FieldFilter("priority", "==", priority))
    return lane.order_by("tag").order_by("parked_at")


def last_query(parked: AsyncCollectionReference, priority: Priority, key: str) -> AsyncQuery:
    """Build the query of the last job of a key."""
    lane = parked.where(filter=FieldFilter("priority", "==", priority))
    return lane.where(filter=FieldFilter("key", "==", key)).order_by("tag", direction="DESCENDING").limit(1)


class FirestoreParkedJobs:
    """The `ParkedJobs` in the database of the jobs."""

    def __init__(self, jobs: FirestoreJobs) -> None:
        self._client = jobs.client
        self._collection = jobs.client.collection(COLLECTION)
        self._tagging = asyncio.Lock()
        self._tags: dict[tuple[Priority, str], tuple[int, float]] = {}
        """The last tag of a key, and until when it counts."""

    async def park(self, job_id: str, *, key: str, priority: Priority) -> None:
        document = self._collection.document(document_id(job_id))
        fields = {"job_id": job_id, "key": key, "priority": priority, "parked_at": SERVER_TIMESTAMP, "times": 1}
        with translate_errors("Firestore"):
            async with self._tagging:  # a flood parks many jobs of a key at once
                fields["tag"] = await self._next_tag(priority, key)
            try:
                await document.create(fields, retry=None, timeout=WRITE_TIMEOUT_S)
            except Taken:
                self._tags.pop((priority, key), None)  # the job keeps its tag: the next one of its key is not used
                try:
                    await document.update({"times": Increment(1)}, retry=None, timeout=WRITE_TIMEOUT_S)
                except NotFound:  # another process has removed it at this moment
                    await document.set(fields, retry=None, timeout=WRITE_TIMEOUT_S)

    async def next(self, priority: Priority, *, limit: int, without: Collection[str] = ()) -> Sequence[ParkedJob]:
        found: list[ParkedJob] = []
        query = lane_query(self._collection, priority)
        size = limit if not without else max(limit, PAGE)
        for _ in range(PAGES):
            with translate_errors("Firestore"):
                snapshots = await query.limit(size).get(timeout=READ_TIMEOUT_S)
            for snapshot in snapshots:
                if snapshot.get("key") not in without:
                    version = revision(snapshot.update_time)
                    found.append(ParkedJob(job_id=snapshot.get("job_id"), key=snapshot.get("key"), version=version))
            if len(found) >= limit or len(snapshots) < size:
                break
            query = query.start_after(snapshots[-1])
        return found[:limit]

    async def remove(self, job_id: str, *, version: str | None = None) -> None:
        document = self._collection.document(document_id(job_id))
        option = None
        if version is not None:
            as_read = DatetimeWithNanoseconds.from_rfc3339(version)  # type: ignore[no-untyped-call, unused-ignore]
            option = self._client.write_option(last_update_time=as_read)
        with translate_errors("Firestore"):
            try:
                await document.delete(option=option, retry=None, timeout=WRITE_TIMEOUT_S)
            except (FailedPrecondition, NotFound):
                return  # removed before, or parked again

    async def holds(self, job_id: str) -> bool:
        with translate_errors("Firestore"):
            snapshot = await self._collection.document(document_id(job_id)).get(timeout=READ_TIMEOUT_S)
        return bool(snapshot.exists)

    async def _next_tag(self, priority: Priority, key: str) -> int:
        """Return one more than the last tag of the key, but at least the lowest of the lane."""
        last, until = self._tags.get((priority, key), (0, 0.0))
        if time.monotonic() < until:
            tag = last + 1
        else:
            if len(self._tags) >= TAGS_AT_MOST:
                self._tags.clear()
            lowest = await lane_query(self._collection, priority).limit(1).get(timeout=READ_TIMEOUT_S)
            of_key = await last_query(self._collection, priority, key).get(timeout=READ_TIMEOUT_S)
            tag = max([0, *(int(each.get("tag")) for each in lowest), *(int(each.get("tag")) + 1 for each in of_key)])
            until = time.monotonic() + TAG_KEPT_S
        self._tags[priority, key] = (tag, until)
        return tag
