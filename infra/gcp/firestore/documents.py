"""A job as a Firestore document: the record as one JSON string, and beside it the fields that listings query.

The record is a string because no query reads inside it, and Firestore would index every field of a map. A document
holds 1 MiB (https://cloud.google.com/firestore/quotas), and a record never contains an image.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from proto.datetime_helpers import DatetimeWithNanoseconds

from schemas.domain.job import Job, job_of_record, record_of
from schemas.domain.search_terms import model_of, terms_of, to_small
from schemas.errors import Conflict
from schemas.wire.types import Priority

COLLECTION = "jobs"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = "\uf8ff"
"""Sorts after every character of an id."""
_LATEST_MS = 10**15


class Snapshot(Protocol):
    """The part of a document snapshot that this package uses."""

    update_time: DatetimeWithNanoseconds
    read_time: DatetimeWithNanoseconds

    def get(self, field_path: str) -> Any:
        """Return a field of the document."""


def document_id(job_id: str) -> str:
    """Return the document's name. Firestore reserves names like `__this__`, and no job id has an equals sign."""
    return f"={job_id}" if job_id.startswith("__") else job_id


def document(job: Job) -> dict[str, Any]:
    """Build the document of a job. Every document has every field, so that an update replaces all of them.

    A document that the release before created has no `terms` and no `model` until this version writes it: it is not
    found by them.
    """
    record, model = record_of(job), model_of(job)
    return {
        "job_id": job.job_id,
        "state": job.state.value,
        "project_id": job.request.project_id,
        "fingerprint": job.fingerprint,
        "caller": job.caller,
        "queue": queue_of(job.request.priority, job.queue_key),
        "created_at": in_milliseconds(job.created_at),
        "next_check_at": in_milliseconds(job.next_check_at) if job.next_check_at else None,
        "reattach_until": in_milliseconds(job.reattach_until) if job.reattach_until else None,
        "terms": sorted(terms_of(job, record)),
        "model": model and to_small(model),
        "record": record,
        # A write without a change leaves the update time as it was: two such writes would both pass the precondition.
        "write": secrets.token_hex(8),
    }


def queue_of(lane: Priority, key: str) -> str:
    """Return the name of a key's jobs in one lane."""
    return f"{lane}/{key}"


def job_of(snapshot: Snapshot) -> Job:
    """Return the job that was read.

    Raises `NewerRecord` if a newer version wrote it in a form that this one can't read.
    """
    job = job_of_record(snapshot.get("job_id"), snapshot.get("record"))
    return stamp(job, snapshot.update_time).model_copy(update={"read_at": moment(snapshot.read_time)})


def stamp(job: Job, update_time: DatetimeWithNanoseconds) -> Job:
    """Return the job with the revision and time of the write."""
    at = moment(update_time)
    return job.model_copy(update={"revision": revision(update_time), "stored_at": at, "read_at": at})


def revision(update_time: DatetimeWithNanoseconds) -> str:
    """Return the update time to the nanosecond: a precondition compares it."""
    return update_time.rfc3339()  # type: ignore[no-any-return, no-untyped-call, unused-ignore]


def update_time(job: Job) -> DatetimeWithNanoseconds:
    """Parse the job's revision. Raises `Conflict` for a revision that no document ever had."""
    try:
        at = DatetimeWithNanoseconds.from_rfc3339(job.revision)  # type: ignore[no-untyped-call, unused-ignore]
    except ValueError as error:
        raise conflict(job) from error
    return at


def conflict(job: Job) -> Conflict:
    """Build the error for a job that another process changed first."""
    return Conflict(f"job {job.job_id} is not at revision {job.revision or '(none)'} any more")


def moment(at: datetime) -> datetime:
    """Return a plain datetime in UTC."""
    return datetime.fromtimestamp(at.timestamp(), UTC).replace(microsecond=at.microsecond)


def newest_first(at_ms: int, id: str) -> str:
    """Return a text that sorts the newest first. A listing is a range of it, which needs no composite index."""
    return f"{_LATEST_MS - at_ms:016d}/{id}"


def milliseconds(at: datetime) -> int:
    """Return the time in milliseconds, rounded down."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def in_milliseconds(at: datetime) -> datetime:
    """Round down to milliseconds, as the record's JSON does."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
