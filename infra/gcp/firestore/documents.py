"""A job as a Firestore document: the record as one JSON string, and beside it the fields that listings go by.

A string, because nobody queries inside it and Firestore would index every field of a map; a document holds 1 MiB
(https://cloud.google.com/firestore/quotas), and images never come into a record.
"""

import secrets
from datetime import UTC, datetime
from typing import Any, Protocol

from proto.datetime_helpers import DatetimeWithNanoseconds

from schemas.domain.job import Job, job_of_record, record_of
from schemas.errors import Conflict

COLLECTION = "jobs"


class Snapshot(Protocol):
    """What we use of a document that was read."""

    update_time: DatetimeWithNanoseconds
    read_time: DatetimeWithNanoseconds

    def get(self, field_path: str) -> Any:
        """A field."""


def document_id(job_id: str) -> str:
    """Firestore keeps names like `__this__` for itself; no job id has an equals sign."""
    return f"={job_id}" if job_id.startswith("__") else job_id


def document(job: Job) -> dict[str, Any]:
    """Every document has every field, so that writing them all replaces it."""
    return {
        "job_id": job.job_id,
        "state": job.state.value,
        "project_id": job.request.project_id,
        "fingerprint": job.fingerprint,
        "caller": job.caller,
        "created_at": in_milliseconds(job.created_at),
        "next_check_at": in_milliseconds(job.next_check_at) if job.next_check_at else None,
        "reattach_until": in_milliseconds(job.reattach_until) if job.reattach_until else None,
        "record": record_of(job),
        # A write that changes nothing leaves the update time as it was, and two of them would both win.
        "write": secrets.token_hex(8),
    }


def job_of(snapshot: Snapshot) -> Job:
    """The job as it was read. Raises `NewerRecord` for one of a version that this program can't read."""
    job = job_of_record(snapshot.get("job_id"), snapshot.get("record"))
    return stamp(job, snapshot.update_time).model_copy(update={"read_at": moment(snapshot.read_time)})


def stamp(job: Job, update_time: DatetimeWithNanoseconds) -> Job:
    """The job as the store just took it."""
    at = moment(update_time)
    return job.model_copy(update={"revision": revision(update_time), "stored_at": at, "read_at": at})


def revision(update_time: DatetimeWithNanoseconds) -> str:
    """The update time to the nanosecond: it is what a precondition compares."""
    return update_time.rfc3339()  # type: ignore[no-any-return, no-untyped-call, unused-ignore]


def update_time(job: Job) -> DatetimeWithNanoseconds:
    """Raises `Conflict` for a revision that no document ever had."""
    try:
        at = DatetimeWithNanoseconds.from_rfc3339(job.revision)  # type: ignore[no-untyped-call, unused-ignore]
    except ValueError as error:
        raise conflict(job) from error
    return at


def conflict(job: Job) -> Conflict:
    """Somebody else was quicker."""
    return Conflict(f"job {job.job_id} is not at revision {job.revision or '(none)'} any more")


def moment(at: datetime) -> datetime:
    """A plain datetime in UTC."""
    return datetime.fromtimestamp(at.timestamp(), UTC).replace(microsecond=at.microsecond)


def in_milliseconds(at: datetime) -> datetime:
    """Rounded down, as the record's JSON writes it."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
