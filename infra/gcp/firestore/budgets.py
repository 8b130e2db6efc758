"""What is used of the limits, in Firestore: one commit takes the money and claims the clip, each with its precondition.

As with the jobs a commit goes without any retry: the caller reads again after a doubt.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

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
    """`Budgets` in the database of the jobs."""

    def __init__(self, jobs: FirestoreJobs) -> None:
        self._jobs = jobs
        self._client = jobs.client
        self._collection = jobs.client.collection(COLLECTION)

    async def read(self, names: Sequence[str]) -> Sequence[BudgetShard]:
        documents = [self._collection.document(name) for name in names]
        with translate_errors("Firestore"):
            snapshots = [each async for each in self._client.get_all(documents, timeout=READ_TIMEOUT_S) if each.exists]
        found = {each.id: _slice(each.id, each) for each in snapshots}
        return [found.get(name) or BudgetShard(name=name) for name in names]

    async def reserve(self, job: Job, slices: Sequence[BudgetShard]) -> Job:
        batch = self._client.batch()
        as_read = self._client.write_option(last_update_time=update_time(job))
        batch.update(self._jobs.document(job.job_id), document(job), option=as_read)
        for each in slices:
            self._put(batch, each)
        with translate_errors("Firestore"), _is_conflict(job.job_id):
            written, *_ = await batch.commit(retry=None, timeout=WRITE_TIMEOUT_S)
        return stamp(job, written.update_time)

    async def give_back(self, found: BudgetShard) -> None:
        batch = self._client.batch()
        self._put(batch, found)
        with translate_errors("Firestore"), _is_conflict(found.name):
            await batch.commit(retry=None, timeout=WRITE_TIMEOUT_S)

    def _put(self, batch: AsyncWriteBatch, found: BudgetShard) -> None:
        place = self._collection.document(found.name)
        if not found.revision:
            batch.create(place, _fields(found))
            return
        as_read = DatetimeWithNanoseconds.from_rfc3339(found.revision)  # type: ignore[no-untyped-call, unused-ignore]
        batch.update(place, _fields(found), option=self._client.write_option(last_update_time=as_read))


@contextmanager
def _is_conflict(what: str) -> Iterator[None]:
    """Aborted: somebody is writing one of them right now."""
    try:
        yield
    except (FailedPrecondition, NotFound, Aborted, Taken) as error:
        raise Conflict(f"{what}, or what it is written with, was changed by somebody else") from error


def _fields(found: BudgetShard) -> dict[str, Any]:
    """Amounts as texts: exact. A write that changes nothing would leave the update time as it was."""
    amounts = {"allotted": str(found.allotted), "used": str(found.used)}
    return {"terms": found.terms, **amounts, "write": secrets.token_hex(8)}


def _slice(name: str, snapshot: Snapshot) -> BudgetShard:
    return BudgetShard(
        name=name,
        terms=snapshot.get("terms"),
        allotted=Decimal(snapshot.get("allotted")),
        used=Decimal(snapshot.get("used")),
        revision=revision(snapshot.update_time),
    )
