"""The budget shards in Firestore. One commit reserves the money and saves the job, each with its precondition.

As with the jobs, a commit is not retried: the caller reads again if the outcome is unknown.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

from google.api_core.exceptions import Aborted, FailedPrecondition, NotFound
from google.api_core.exceptions import AlreadyExists as Taken
from google.cloud.firestore_v1.async_batch import AsyncWriteBatch
from proto.datetime_helpers import DatetimeWithNanoseconds

from infra.gcp.errors import translate_errors
from infra.gcp.firestore.documents import Snapshot, document, revision, stamp, update_time
from infra.gcp.firestore.jobs import READ_TIMEOUT_S, WRITE_TIMEOUT_S, FirestoreJobs
from schemas.domain.budget import BudgetShard
from schemas.domain.job import Job
from schemas.errors import Conflict

COLLECTION = "budgets"


class FirestoreBudgets:
    """The `Budgets` in the database of the jobs."""

    def __init__(self, jobs: FirestoreJobs) -> None:
        self._jobs = jobs
        self._client = jobs.client
        self._collection = jobs.client.collection(COLLECTION)

    async def read(self, names: Sequence[str]) -> Sequence[BudgetShard]:
        documents = [self._collection.document(name) for name in names]
        with translate_errors("Firestore"):
            snapshots = [
                found async for found in self._client.get_all(documents, timeout=READ_TIMEOUT_S) if found.exists
            ]
        shards = {snapshot.id: _shard_of(snapshot.id, snapshot) for snapshot in snapshots}
        return [shards.get(name) or BudgetShard(name=name) for name in names]

    async def reserve(self, job: Job, shards: Sequence[BudgetShard]) -> Job:
        batch = self._client.batch()
        as_read = self._client.write_option(last_update_time=update_time(job))
        batch.update(self._jobs.document(job.job_id), document(job), option=as_read)
        for shard in shards:
            self._add_write(batch, shard)
        with translate_errors("Firestore"), _raise_conflict(job.job_id):
            written, *_ = await batch.commit(retry=None, timeout=WRITE_TIMEOUT_S)
        return stamp(job, written.update_time)

    async def give_back(self, shard: BudgetShard) -> None:
        batch = self._client.batch()
        self._add_write(batch, shard)
        with translate_errors("Firestore"), _raise_conflict(shard.name):
            await batch.commit(retry=None, timeout=WRITE_TIMEOUT_S)

    def _add_write(self, batch: AsyncWriteBatch, shard: BudgetShard) -> None:
        reference = self._collection.document(shard.name)
        amounts = {"allotted": str(shard.allotted), "used": str(shard.used)}  # texts are exact
        # A write without a change would leave the update time as it was: the random field prevents that.
        fields = {"terms": shard.terms, **amounts, "write": secrets.token_hex(8)}
        if not shard.revision:
            batch.create(reference, fields)
            return
        as_read = DatetimeWithNanoseconds.from_rfc3339(shard.revision)  # type: ignore[no-untyped-call, unused-ignore]
        batch.update(reference, fields, option=self._client.write_option(last_update_time=as_read))


@contextmanager
def _raise_conflict(name: str) -> Iterator[None]:
    """Raise `Conflict` for a failed precondition, and for `Aborted`: another process is writing at the same moment."""
    try:
        yield
    except (FailedPrecondition, NotFound, Aborted, Taken) as error:
        raise Conflict(f"{name}, or a budget that is written with it, was changed by another process") from error


def _shard_of(name: str, snapshot: Snapshot) -> BudgetShard:
    return BudgetShard(
        name=name,
        terms=snapshot.get("terms"),
        allotted=Decimal(snapshot.get("allotted")),
        used=Decimal(snapshot.get("used")),
        revision=revision(snapshot.update_time),
    )
