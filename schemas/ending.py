"""The completion that an ended job announces, and the rejection of a message that is no job."""

from datetime import datetime

from schemas.completion import Completion, Timings
from schemas.failure import DELIVERED_AS_IT_CAME, Category, Failure
from schemas.job import Job
from schemas.state import JobState, Outcome


def completion_of(job: Job, *, video_url: str | None) -> Completion:
    """What an ended job announces: the same content however often it is asked for."""
    result = job.result
    return Completion(
        job_id=job.job_id,
        life=job.life,
        state=Outcome(job.state),
        request=job.request,
        gcs_path=result.gcs_path if result else None,
        video_url=video_url,
        poster_path=result.poster_path if result else None,
        width=result.width if result else None,
        height=result.height if result else None,
        duration_seconds=result.duration_seconds if result else None,
        model=job.clips[0].planned.model if job.clips else None,
        billed_seconds=job.billed_seconds,
        cost_usd=job.cost_usd,
        error=job.failure,
        timings=timings_of(job),
        labels=job.request.labels,
        erased_at=job.erased_at,
    )


def defect_of(job: Job) -> str | None:
    """What is wrong with the video of a succeeded job, in one sentence; None for one that is as it was asked for."""
    told = job.clips[-1].cause if job.state is JobState.SUCCEEDED and job.clips and not job.erased_at else None
    # A fallback may be told below it: see `Clip.with_defect`.
    return told.message.partition("\n")[0] if told and told.code == DELIVERED_AS_IT_CAME else None


def timings_of(job: Job) -> Timings:
    """When the job passed its stations."""
    return Timings(
        created_at=job.created_at,
        submitted_at=next((clip.submitting_at for clip in job.clips if clip.submitting_at), None),
        accepted_at=next((clip.accepted_at for clip in job.clips if clip.accepted_at), None),
        ended_at=job.since(job.state) if job.ended else None,
    )


def rejection(job_id: str | None, message: str, *, field: str | None = None, conflict: bool = False) -> Completion:
    """The answer to a message that touches no job: it was invalid, or its id stands for another request."""
    category = Category.CONFLICT if conflict else Category.INVALID_REQUEST
    code = "id_reused" if conflict else "invalid_request"
    failure = Failure(category=category, code=code, message=message, field=field)
    return Completion(job_id=job_id, state=Outcome.REJECTED, error=failure)


def estimated_progress(job: Job, *, until: datetime | None = None) -> float:
    """0 to 1: an estimate from the time that this model usually takes, never 1 before the end.

    It stands still `until` a worker was seen: what happens to the job without one is not known.
    """
    if job.state is JobState.SUCCEEDED:
        return 1.0
    if not job.clips or job.read_at is None:
        return 0.0
    at = (job.since(job.state) if job.ended else None) or min(job.read_at, until or job.read_at)
    whole = sum(clip.planned.expected_s for clip in job.clips)
    passed = 0.0
    for clip in job.clips:
        if clip.done_at:
            passed += clip.planned.expected_s
        elif clip.accepted_at:
            running = (at - clip.accepted_at).total_seconds()
            passed += clip.planned.expected_s * min(0.95, max(0.0, running) / clip.planned.expected_s)
    return round(min(0.95, passed / whole), 3)
