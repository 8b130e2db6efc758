"""What others see of a job: the view of the facade, the CLI and the Node client, and the messages about its end."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from schemas.domain.clip import Clip
from schemas.domain.evaluation import EvaluationCall
from schemas.domain.fallback import Fallback, fallback_of
from schemas.domain.job import Job, Transition
from schemas.domain.states import ClipState, JobState
from schemas.errors import DELIVERED_AS_IT_CAME, Category, Charged, Failure
from schemas.wire.checks import Checks
from schemas.wire.completion import Completion, Outcome, Timings
from schemas.wire.evaluation import Evaluation
from schemas.wire.types import Moment, Usd


def completion_of(job: Job, *, video_url: str | None) -> Completion:
    """Build the completion of an ended job. Its content is the same each time."""
    result = job.result
    return Completion(
        job_id=job.job_id,
        life=job.life,
        state=Outcome(job.state),
        request=job.request.model_copy(update={"webhook": None, "evaluate": False}),  # an address may hold a token
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
        checks=result.checks if result and not job.erased_at else None,
        erased_at=job.erased_at,
    )


def defect_of(job: Job) -> str | None:
    """Return what is wrong with the video of a succeeded job, in one sentence; None if it is as it was asked for."""
    cause = job.clips[-1].cause if job.state is JobState.SUCCEEDED and job.clips and not job.erased_at else None
    # A second line may hold a fallback: see `Clip.with_defect`.
    return cause.message.partition("\n")[0] if cause and cause.code == DELIVERED_AS_IT_CAME else None


def timings_of(job: Job) -> Timings:
    """Return when the job was created, submitted, accepted and ended."""
    return Timings(
        created_at=job.created_at,
        submitted_at=next((clip.submitting_at for clip in job.clips if clip.submitting_at), None),
        accepted_at=next((clip.accepted_at for clip in job.clips if clip.accepted_at), None),
        ended_at=job.since(job.state) if job.ended else None,
    )


def rejection(job_id: str | None, message: str, *, field: str | None = None, conflict: bool = False) -> Completion:
    """Build the answer to a message that changes no job: it is invalid, or a different request uses its id already."""
    category = Category.CONFLICT if conflict else Category.INVALID_REQUEST
    code = "id_reused" if conflict else "invalid_request"
    failure = Failure(category=category, code=code, message=message, field=field, charged=Charged.NO)
    return Completion(job_id=job_id, state=Outcome.REJECTED, error=failure)


def progress_of(job: Job, *, until: datetime | None = None, reported: Mapping[str, float] | None = None) -> float:
    """Return the progress of the job, from 0 to 1; at most 0.95 before the video is stored.

    `reported` has the progress of operations. Without a report it is estimated from the time that the model usually
    takes, and does not grow after `until`, when the last worker was seen.
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
        elif clip.operation and reported and clip.operation in reported:
            passed += clip.planned.expected_s * reported[clip.operation]
        elif clip.accepted_at:
            running = (at - clip.accepted_at).total_seconds()
            passed += clip.planned.expected_s * min(0.95, max(0.0, running) / clip.planned.expected_s)
    return round(min(0.95, passed / whole), 3)


class ClipView(BaseModel):
    """One entry of the ledger."""

    model_config = ConfigDict(frozen=True)

    index: int
    state: ClipState
    model: str
    seconds: float
    billed_seconds: float
    price_usd: Usd
    charged: Charged
    attempt: int
    operation: str | None = None
    cause: Failure | None = None


class JobView(BaseModel):
    """A job as callers see it."""

    model_config = ConfigDict(frozen=True)

    video_id: str
    state: JobState
    life: int
    progress: float = Field(
        ge=0,
        le=1,
        description="Frames written of all frames by the local renderer, at most 0.95 until the video is stored; for "
        "other models estimated from the time that they usually take.",
    )
    queue_position: int | None = Field(
        default=None,
        description="1 is next of its caller, or else project, in its lane; only while queued, where known.",
    )
    waiting_for: str | None = Field(
        default=None, description="What the job waits for, if its state does not say so: `turn`, `batch`, `quota`, …"
    )
    cancel_requested: bool = False
    prompt: str
    duration_seconds: int
    quality: str
    aspect_ratio: str
    resolution: str
    project_id: str | None = None
    scene_index: int | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    created_at: Moment
    erased_at: Moment | None = Field(default=None, description="Since then the prompt and the files are gone.")
    timings: Timings
    history: tuple[Transition, ...]
    clips: tuple[ClipView, ...]
    model: str | None = None
    fallback: Fallback | None = Field(default=None, description="Another model makes it than the one asked for.")
    billed_seconds: float
    cost_usd: Usd
    charged: Charged
    gcs_path: str | None = None
    video_url: str | None = None
    poster_url: str | None = None
    width: int | None = None
    height: int | None = None
    defect: str | None = Field(default=None, description="What is wrong with a video that is delivered all the same.")
    checks: Checks | None = Field(
        default=None, description="What a look at the video found. Lists and events leave it out by default."
    )
    evaluation: Evaluation | None = Field(
        default=None, description="The score of the video against its prompt. Lists and events leave it out."
    )
    evaluations: tuple[EvaluationCall, ...] = Field(
        default=(), description="The calls of the evaluation service: lines of the ledger, beside the clips."
    )
    error: Failure | None = None
    notice: str | None = Field(default=None, description="What keeps the job from going on, if that is no state of it.")
    caller: str | None = Field(default=None, description="Whose job it is; null for one that was made without a key.")


def view_of(
    job: Job,
    *,
    video_id: str | None = None,
    video_url: str | None = None,
    poster_url: str | None = None,
    queue_position: int | None = None,
    notice: str | None = None,
    progress: float | None = None,
) -> JobView:
    """Build the view of a job as of `job.read_at`, with the stored id unless `video_id` is given.

    `progress` replaces the estimate from the record.
    """
    asked = (
        "prompt",
        "duration_seconds",
        "quality",
        "aspect_ratio",
        "resolution",
        "project_id",
        "scene_index",
        "labels",
    )
    echo: dict[str, Any] = {name: getattr(job.request, name) for name in asked}
    result = job.result
    return JobView(
        video_id=video_id or job.job_id,
        state=job.state,
        life=job.life,
        progress=progress_of(job) if progress is None else progress,
        queue_position=queue_position,
        waiting_for=job.waiting_for,
        cancel_requested=job.cancel_requested,
        created_at=job.created_at,
        erased_at=job.erased_at,
        timings=timings_of(job),
        history=job.history,
        clips=tuple(_clip_view(clip) for clip in job.clips),
        model=job.clips[0].planned.model if job.clips else None,
        fallback=fallback_of(job),
        billed_seconds=job.billed_seconds,
        cost_usd=job.cost_usd,
        charged=job.charged,
        gcs_path=result.gcs_path if result else None,
        video_url=video_url,
        poster_url=poster_url,
        width=result.width if result else None,
        height=result.height if result else None,
        defect=defect_of(job),
        checks=result.checks if result and not job.erased_at else None,
        evaluations=tuple(call.model_copy(update={"rubrics": None}) for call in job.evaluations),
        error=job.failure,
        notice=notice,
        caller=job.caller,
        **echo,
    )


def _clip_view(clip: Clip) -> ClipView:
    return ClipView(
        index=clip.index,
        state=clip.state,
        model=clip.planned.model,
        seconds=clip.planned.seconds,
        billed_seconds=clip.planned.billed_seconds,
        price_usd=clip.planned.price_usd,
        charged=clip.charged,
        attempt=clip.attempt,
        operation=clip.operation,
        cause=clip.cause,
    )
