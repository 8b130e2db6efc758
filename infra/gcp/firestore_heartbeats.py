"""Signs of life of the workers, in the database of the jobs. One write a minute and worker, one read for a look."""

import zlib

from google.cloud.firestore_v1 import SERVER_TIMESTAMP
from google.cloud.firestore_v1.base_query import BaseQuery

from infra.gcp.firestore import READ_TIMEOUT_S, WRITE_TIMEOUT_S, FirestoreJobs
from infra.gcp.firestore_documents import moment
from infra.gcp.translate import translated
from schemas.ports import LastBeat

WORKERS_COLLECTION = "workers"
_SLOTS = 64
"""Each process is a new owner: a document for each would be one for every start there ever was."""


class FirestoreHeartbeats:
    """`Heartbeats` in the database of the jobs."""

    def __init__(self, jobs: FirestoreJobs) -> None:
        self._collection = jobs.client.collection(WORKERS_COLLECTION)

    async def beat(self, owner: str) -> None:
        document = self._collection.document(f"slot-{zlib.crc32(owner.encode()) % _SLOTS}")
        with translated("Firestore"):
            await document.set({"owner": owner, "at": SERVER_TIMESTAMP}, timeout=WRITE_TIMEOUT_S)

    async def last_beat(self) -> LastBeat | None:
        newest = self._collection.order_by("at", direction=BaseQuery.DESCENDING).limit(1)
        with translated("Firestore"):
            found = await newest.get(timeout=READ_TIMEOUT_S)
        if not found:
            return None
        (last,) = found
        return LastBeat(owner=last.get("owner"), at=moment(last.get("at")), read_at=moment(last.read_time))
