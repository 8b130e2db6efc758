"""What is left of a job whose prompt and media were erased: enough to never pay again, and to tell what it cost."""

from datetime import datetime

from schemas.domain.budget import Reserved
from schemas.domain.clip import Clip
from schemas.domain.job import LATE_RESULT_WINDOW, Job
from schemas.errors import Failure, Gone
from schemas.versioning import without_unknown_keys
from schemas.wire.caller_names import to_shown_id
from schemas.wire.request import VideoRequest
from schemas.wire.types import isoformat

ERASED_PROMPT = "(this prompt was erased)"
_LABEL = "label"
_ERASED_WORDS = "The words of this reason were erased."


def erasure_blocker(job: Job, at: datetime) -> str | None:
    """Why a job can't be erased at that moment; None where it can."""
    if not job.ended:
        return f"job {job.job_id} has not ended ({job.state}); cancel it first, or wait"
    if job.completion_due:
        return f"the end of job {job.job_id} is not announced yet; a worker, or `reelbus reconcile`, does that"
    until = (job.since(job.state) or at) + LATE_RESULT_WINDOW
    if job.has_unresolved_charges and at < until:
        return f"a paid clip of job {job.job_id} may still turn up until {isoformat(until)}; wait, or resolve it"
    return None


def to_gone(job: Job, *, caller: str | None = None) -> Gone:
    """The answer to a `caller` that asks for an erased job's video."""
    at = f" at {isoformat(job.erased_at)}" if job.erased_at else ""
    return Gone(f"job {to_shown_id(caller, job.job_id)} was erased{at}; a new video needs a new id")


def tombstone_of(job: Job, at: datetime) -> Job:
    """The job without anything that its caller wrote. The name of its image stays until that is deleted.

    Keys that this program does not know go too, at every level: it can't tell which of them hold the caller's words.
    """
    update = {
        "request": _bare(job.request),
        "clips": tuple(_bare_clip(clip) for clip in job.clips),
        "failure": _bare_failure(job.failure),
        "cancel_reason": None,
        "waiting_for": None,
        "reattach_until": None,
        "traceparent": None,
        "erased_at": at,
        "sweep_until": max(at, (job.since(job.state) or at) + LATE_RESULT_WINDOW),
        "checks": 0,
    }
    return without_unknown_keys(job.model_copy(update=update))


def mark_swept(job: Job, at: datetime) -> Job:
    """The tombstone after its files were deleted; a young one is looked at again, for files that come late."""
    request = job.request.model_copy(update={"reference_image": None})
    over = job.sweep_until is None or at >= job.sweep_until
    update = {"request": request, "sweep_until": None if over else job.sweep_until, "checks": max(1, job.checks)}
    return job if request == job.request and not over and job.checks else job.model_copy(update=update)


def _bare(request: VideoRequest) -> VideoRequest:
    return VideoRequest(
        job_id=request.job_id,
        prompt=ERASED_PROMPT,
        duration_seconds=request.duration_seconds,
        quality=request.quality,
        project_id=request.project_id,
        reference_image=request.reference_image,
    )


def _bare_clip(clip: Clip) -> Clip:
    reserved = tuple(_bare_reserved(part) for part in clip.reserved)
    return clip.model_copy(update={"cause": _bare_failure(clip.cause), "reserved": reserved})


def _bare_reserved(part: Reserved) -> Reserved:
    """The amount stays, a label's key and value go. What such a part was never spent of stays used for its period."""
    return part.model_copy(update={"scope": _LABEL}) if part.scope.startswith(f"{_LABEL}:") else part


def _bare_failure(failure: Failure | None) -> Failure | None:
    """Google's sentences quote the prompt; the code and what is known about the money do not."""
    return failure.model_copy(update={"message": _ERASED_WORDS, "field": None}) if failure else None
