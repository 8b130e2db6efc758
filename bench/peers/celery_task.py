"""The task of the Celery side: as many flushed commits of a record as a reelbus job makes, and the same files."""

from typing import Any

from bench.peers import steps
from bench.peers.sqlite_records import records


def make_video(job_id: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run a job whose record is at its first revision, and return the caller's answer."""
    jobs = records(steps.store().parent / "jobs.db")
    jobs.save(job_id, "submitting", 1, request)  # before the paid call
    jobs.save(job_id, "generating", 2, request)  # after it, with the operation's name
    result = steps.finish(job_id, steps.submit(job_id))
    jobs.save(job_id, "succeeded", 3, {**request, **result})
    return result
