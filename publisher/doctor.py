"""Looks at the workers, for `reelbus doctor`: whether one was seen, and whether jobs wait for one."""

from publisher.worker_watch import SILENT_S, Silence
from schemas.domain.states import JobState
from schemas.errors import ReelbusError
from schemas.ports import Heartbeats, JobQuery, JobStore
from schemas.ports.findings import Finding

_START = "start one: reelbus worker, or reelbus up"


def no_jobs_yet() -> Finding:
    """Return the finding for a data folder that no process has made."""
    return Finding.note("worker", "", "none has been seen, and no job was made yet", _START)


async def examine_workers(jobs: JobStore, heartbeats: Heartbeats) -> Finding:
    """Return what is known of the workers. No worker is wrong only if a job waits for one."""
    try:
        last = await heartbeats.last_beat()
        seconds = (last.read_at - last.at).total_seconds() if last else 0.0
        if last and seconds < SILENT_S:
            return Finding.ok("worker", last.owner, f"was seen {seconds:.0f} s ago")
        waiting = await jobs.list(JobQuery(states=frozenset({JobState.QUEUED}), limit=1))
    except ReelbusError as error:
        return Finding.wrong("worker", "", f"can't be looked for: {error}", "see the lines about the database")
    words = Silence(since=last.at if last else None, seconds=seconds).words
    if waiting.jobs:
        return Finding.wrong("worker", "", f"{words}, and jobs wait for one", _START)
    return Finding.note("worker", "", words, _START)
