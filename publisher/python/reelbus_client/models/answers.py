"""Messages and jobs. Generated from the JSON Schemas by scripts/client_models.py. Do not edit."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from reelbus_client.models.base import Answer


class Charged(StrEnum):
    """
    Whether the provider charged for a call, as far as it is known.
    """

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Failure(Answer):
    """Why something failed, so that a person can act on it."""

    category: str
    """The kind of a failure. It decides the HTTP status of the answer. Known words: invalid_request, safety_filter, auth, not_found, conflict, quota, capacity, budget, cancelled, expired, timeout, upstream, storage, internal."""
    code: str
    message: str
    retryable: bool = False
    charged: Charged = Charged.NO
    field: str | None = None


class Flag(Answer):
    """One thing about the video that a person should look at. It fails no job."""

    code: str
    """black, frozen, flicker, cut, letterbox, pillarbox, silent, partly_silent, too_loud, too_quiet, no_audio_track, first_frame_differs, provenance_dropped; later versions may add codes."""
    from_seconds: float | None = None
    """Where it begins; absent for the whole video."""
    to_seconds: float | None = None
    """Where it ends."""
    value: float | None = None
    """What was measured, in the unit of its rule."""


class Outcome(StrEnum):
    """
    How a completion message ends a request.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class Scene(Answer):
    """One scene of a storyboard, with the callers' names. Its texts make the prompt of a request without one."""

    title: str | None = None
    description: str | None = None
    visual: str | None = None
    cameraFlow: str | None = None
    script: str | None = None
    backgroundMusic: str | None = None
    timeStart: str | int | float | None = None
    timeEnd: str | int | float | None = None


class Timings(Answer):
    """When the job was created, submitted, accepted and ended; None if that did not happen."""

    created_at: AwareDatetime | None = None
    submitted_at: AwareDatetime | None = None
    accepted_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None


class ClipState(StrEnum):
    """
    The state of one clip.
    """

    PLANNED = "planned"
    SUBMITTING = "submitting"
    ACCEPTED = "accepted"
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    LATE = "late"


class ClipView(Answer):
    """One entry of the ledger."""

    index: int
    state: ClipState
    model: str
    seconds: float
    billed_seconds: float
    price_usd: float
    charged: Charged
    attempt: int
    operation: str | None = None
    cause: Failure | None = None


class EvaluationCall(Answer):
    """One call. Only `schemas.domain.state_machine` adds and ends one."""

    kind: str
    """evaluation: of the video; rubrics: questions about the prompt."""
    metric: str
    at: AwareDatetime
    ended_at: AwareDatetime | None = None
    outcome: str | None = None
    """answered, refused, metric_refused, no_answer; null while it is under way."""
    price_usd: float | None = None
    """By the setting; null if it is not known."""
    rubrics: str | None = None
    """The file with the questions, in the video store."""


class Fallback(Answer):
    """The model that was asked for, the one that makes the video, the reason and the price."""

    asked_for: str
    made_by: str
    why: str
    price_usd: float
    """Of the whole video, at the model that made it."""


class JobState(StrEnum):
    """
    The state of a job. The last four are terminal.
    """

    QUEUED = "queued"
    SUBMITTING = "submitting"
    GENERATING = "generating"
    STORING = "storing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Transition(Answer):
    """The moment at which the job entered a state."""

    state: JobState
    at: AwareDatetime


class Verdict(Answer):
    """The answer to one question about the video."""

    text: str
    """What the video should show."""
    holds: bool
    """Whether the video shows it."""
    reason: str | None = None
    """What the service says about it, if it says anything."""


class Checks(Answer):
    """The result of the local checks of one video."""

    rules: str
    """The version of the rules, for example 2026-11."""
    changed_rules: dict[str, float] | None = None
    """The thresholds that the operator has set to another value."""
    checked_in_ms: int = 0
    """How long the checks took."""
    flags: Annotated[list[Flag], Field(validate_default=True)] = []
    cuts: list[float] = []
    """Where the picture changes at once, in seconds."""
    loudness_lufs: float | None = None
    """Integrated loudness (EBU R 128)."""
    true_peak_dbtp: float | None = None
    """The highest peak between the samples."""
    first_frame_ssim: float | None = None
    """How alike the first frame and the reference image are: 1 is the same."""
    provenance: str | None = None
    """kept or dropped: whether the video has a C2PA manifest like its sources; null if they have none."""
    unchecked: str | None = None
    """Why nothing could be measured; such a video is not bad."""


class Webhook(Answer):
    """Where to post the end of the job. The address may hold a token: no completion and no view repeats it."""

    url: str
    """An https:// address; signed by Standard Webhooks, see docs/webhooks.md."""
    events: Annotated[list[str], Field(max_length=4, min_length=1)] = ["succeeded", "failed", "cancelled", "expired"]
    """Which ends are reported; by default all."""


class Evaluation(Answer):
    """The score of one video against its prompt, or why it has none. A low score fails no job."""

    metric: str | None = None
    """For example gecko_text2video_v2; null without a score."""
    score: float | None = None
    """The share of the prompt that the video shows, 0 to 1."""
    verdicts: Annotated[list[Verdict], Field(validate_default=True)] = []
    comparable: bool = False
    """The questions are those of the prompt, which its other takes are asked as well."""
    evaluated_at: AwareDatetime | None = None
    unevaluated: str | None = None
    """Why there is no score; such a video is not bad."""


class JobView(Answer):
    """A job as callers see it."""

    video_id: str
    state: JobState
    life: int
    progress: float
    """Frames written of all frames by the local renderer, at most 0.95 until the video is stored; for other models estimated from the time that they usually take."""
    queue_position: int | None = None
    """1 is next of its caller, or else project, in its lane; only while queued, where known."""
    waiting_for: str | None = None
    """What the job waits for, if its state does not say so: `turn`, `batch`, `quota`, …"""
    cancel_requested: bool = False
    prompt: str
    duration_seconds: int
    quality: str
    aspect_ratio: str
    resolution: str
    project_id: str | None = None
    scene_index: int | None = None
    labels: dict[str, str] | None = None
    created_at: AwareDatetime
    erased_at: AwareDatetime | None = None
    """Since then the prompt and the files are gone."""
    timings: Timings
    history: list[Transition]
    clips: list[ClipView]
    model: str | None = None
    fallback: Fallback | None = None
    """Another model makes it than the one asked for."""
    billed_seconds: float
    cost_usd: float
    charged: Charged
    gcs_path: str | None = None
    video_url: str | None = None
    poster_url: str | None = None
    width: int | None = None
    height: int | None = None
    defect: str | None = None
    """What is wrong with a video that is delivered all the same."""
    checks: Checks | None = None
    """What a look at the video found. Lists and events leave it out by default."""
    evaluation: Evaluation | None = None
    """The score of the video against its prompt. Lists and events leave it out."""
    evaluations: Annotated[list[EvaluationCall], Field(validate_default=True)] = []
    """The calls of the evaluation service: lines of the ledger, beside the clips."""
    error: Failure | None = None
    notice: str | None = None
    """What keeps the job from going on, if that is no state of it."""
    caller: str | None = None
    """Whose job it is; null for one that was made without a key."""


class VideoRequest(Answer):
    """A request for one video (`reelbus.video.requested.v1`). A null counts as an absent key."""

    job_id: str
    """Idempotency key, chosen by the caller before it sends."""
    scene: Scene | None = None
    """Prompt and duration are built from it if they are absent."""
    prompt: str | None = None
    """Blanks at its ends are removed."""
    duration_seconds: int = 5
    """Whole seconds, exact to a frame."""
    quality: str = "fast"
    """The two names that callers use. Settings say which models each one stands for. Known words: fast, quality."""
    aspect_ratio: str | None = None
    """Known words: 16:9, 9:16."""
    resolution: str | None = None
    """Known words: 720p, 1080p, 4k."""
    negative_prompt: str | None = None
    style: str | None = None
    seed: int | None = None
    generate_audio: bool = True
    reference_image: str | None = None
    """First frame: a data: URL (PNG, JPEG, WebP; 20 MB at most, 7 MB on the bus) or a gs:// URI."""
    last_image: str | None = None
    """Last frame, as `reference_image` is the first one. No clip is cut or extended then."""
    reference_images: Annotated[list[str], Field(max_length=3)] = []
    """What the video has to show, for example a person or a product: images as in `reference_image`."""
    model: str | None = None
    project_id: str | None = None
    scene_index: int | None = None
    start_before: AwareDatetime | None = None
    """Not started by then: expired, nothing charged."""
    max_cost_usd: float | None = None
    """The plan's price may not exceed this."""
    on_unknown_submit: str = "fail"
    """What the worker does if it can't find out whether a submit was accepted. Known words: fail, resubmit."""
    labels: dict[str, str] | None = None
    priority: str | None = None
    """The lane: batch work may wait while interactive requests wait too. Known words: interactive, batch."""
    webhook: Webhook | None = None
    """Where the end of the job is posted. No completion repeats it."""
    evaluate: bool = False
    """Score the finished video against its prompt, which costs model calls. No completion repeats it."""


class Completion(Answer):
    """
    The end of a job (`reelbus.video.{succeeded,failed,cancelled,expired,rejected}.v1`).

    `rejected` is about a message and not about a job: the message was invalid, or a different request uses its id
    already. Readers accept what a later version writes: keys and words that they don't know change nothing.
    """

    job_id: str | None = None
    """None only if a rejected message has no usable id."""
    life: int = 1
    """1, and one more for each replay of an ended job."""
    state: Outcome
    request: VideoRequest | None = None
    gcs_path: str | None = None
    """Name in the video store, under generated-videos/."""
    video_url: str | None = None
    poster_path: str | None = None
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    model: str | None = None
    billed_seconds: float = 0
    cost_usd: float = 0.0
    error: Failure | None = None
    timings: Timings | None = None
    labels: dict[str, str] | None = None
    checks: Checks | None = None
    """What a look at the video found; only if the workers are set to send it."""
    erased_at: AwareDatetime | None = None
    """Since then the prompt and the files are gone."""
