"""The record of a job whose prompt and media were erased. It prevents a second payment and says what was paid."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas.domain.clip import Clip
from schemas.domain.job import LATE_RESULT_WINDOW, Job
from schemas.errors import Failure, Gone
from schemas.versioning import without_unknown_keys
from schemas.wire.caller_names import to_shown_id
from schemas.wire.request import VideoRequest
from schemas.wire.types import isoformat

ERASED_PROMPT = "(this prompt was erased)"
_LABEL = "label"
_NO_IMAGES: Mapping[str, Any] = {"reference_image": None, "last_image": None, "reference_images": ()}
_ERASED_WORDS = "The words of this reason were erased."


def erasure_blocker(job: Job, at: datetime) -> str | None:
    """Return why the job can't be erased at that moment; None if it can."""
    if not job.ended:
        return f"job {job.job_id} has not ended ({job.state}); cancel it first, or wait"
    if job.completion_due:
        return f"the end of job {job.job_id} is not announced yet; a worker, or `reelbus reconcile`, does that"
    until = (job.since(job.state) or at) + LATE_RESULT_WINDOW
    if job.has_unresolved_charges and at < until:
        return f"a paid clip of job {job.job_id} may still appear until {isoformat(until)}; wait, or resolve it"
    return None


def to_gone(job: Job, *, caller: str | None = None) -> Gone:
    """Build the error for a `caller` that asks for the video of an erased job."""
    at = f" at {isoformat(job.erased_at)}" if job.erased_at else ""
    return Gone(f"job {to_shown_id(caller, job.job_id)} was erased{at}; a new video needs a new id")


def tombstone_of(job: Job, at: datetime) -> Job:
    """Return the job without anything that its caller wrote. The names of its images stay until the images are deleted.

    Keys that this program does not know are dropped at every level: each of them may hold the caller's words.
    """
    request = VideoRequest(
        job_id=job.request.job_id,
        prompt=ERASED_PROMPT,
        duration_seconds=job.request.duration_seconds,
        quality=job.request.quality,
        project_id=job.request.project_id,
        reference_image=job.request.reference_image,
        last_image=job.request.last_image,
        reference_images=job.request.reference_images,
    )
    update = {
        "request": request,
        "clips": tuple(_erase_clip(clip) for clip in job.clips),
        "result": job.result.model_copy(update={"checks": None}) if job.result else None,
        "failure": erase_failure(job.failure),
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
    """Return the tombstone after its files were deleted. Until `sweep_until` it is checked again for late files."""
    request = job.request.model_copy(update=_NO_IMAGES)
    is_last = job.sweep_until is None or at >= job.sweep_until
    update = {"request": request, "sweep_until": None if is_last else job.sweep_until, "checks": max(1, job.checks)}
    return job if request == job.request and not is_last and job.checks else job.model_copy(update=update)


def _erase_clip(clip: Clip) -> Clip:
    """Return the clip without its cause's words, and without the key and value of a label.

    The amount of a reservation stays. A reservation that was never charged stays used for its period.
    """
    reserved = tuple(
        part.model_copy(update={"scope": _LABEL}) if part.scope.startswith(f"{_LABEL}:") else part
        for part in clip.reserved
    )
    return clip.model_copy(update={"cause": erase_failure(clip.cause), "reserved": reserved})


def erase_failure(failure: Failure | None) -> Failure | None:
    """Drop the message, since Google's sentences quote the prompt. The code and the charge stay."""
    return failure.model_copy(update={"message": _ERASED_WORDS, "field": None}) if failure else None
