"""All other answers. Generated from the JSON Schemas by scripts/client_models.py. Do not edit."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field

from reelbus_client.models.answers import Failure, JobView
from reelbus_client.models.base import Answer
from reelbus_client.models.film_end import FilmTitleEnd


class Amounts(Answer):
    """Amounts in US dollars; each amount counts in one field only."""

    clips: int = 0
    charged_usd: float = 0.0
    unknown_usd: float = 0.0
    reserved_usd: float = 0.0


class BatchItemPlan(Answer):
    """What one request of a batch would make."""

    video_id: str
    model: str
    price_usd: float
    billed_seconds: float
    duration_seconds: int
    warnings: list[str]


class BatchPlan(Answer):
    """What a batch with this body would make."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
    )
    batch_id: str
    price_usd: float
    """The planned prices of all requests together."""
    billed_seconds: float
    duration_seconds: int
    """The length of all videos together."""
    exists: bool
    """The batch was ordered before: the call would return its jobs, and pay nothing."""
    refusal: Failure | None
    """Why it would not be ordered now, although each request is valid."""
    notice: str | None
    """What keeps jobs from being made now, for example that no worker runs."""
    videos: list[BatchItemPlan]
    """In the order of the requests."""


class BatchView(Answer):
    """A batch with its jobs."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
    )
    batch_id: str
    ended: bool
    """All of its jobs have ended."""
    states: dict[str, int]
    """How many jobs are in each state."""
    price_usd: float
    """The planned prices of all jobs together, when the batch was ordered."""
    cost_usd: float
    """What is known to have been spent."""
    videos: list[JobView]
    """The jobs, in the order of the requests."""


class EvaluationSums(Answer):
    """Calls of the evaluation service; no amount of videos has them."""

    calls: int = 0
    cost_usd: float = 0.0
    unpriced_calls: int = 0


class FilmFileView(Answer):
    """A file beside the film."""

    kind: str
    gcs_path: str
    url: str


class Group(Answer):
    """The amounts of one key, which is null for jobs without that project or label."""

    clips: int = 0
    charged_usd: float = 0.0
    unknown_usd: float = 0.0
    reserved_usd: float = 0.0
    key: str | None


class Listing(Answer):
    """One page of jobs."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
    )
    videos: list[JobView]
    next_cursor: str | None = None
    """The `cursor` of the next page; null on the last page."""


class PaymentView(Answer):
    """One clip that would be sent to a paid model."""

    clip: int
    model: str
    price_usd: float
    charged_usd: float
    """What was charged for it before, without a video."""
    doubts: int
    """How many earlier submits of it may have been charged."""


class PlannedClip(Answer):
    """One paid call, which becomes one entry of the ledger."""

    model: str
    seconds: float
    """Length of what this call adds."""
    billed_seconds: float
    price_usd: float
    expected_s: float
    """How long it usually takes, for the estimated progress."""
    extends: bool = False
    """Its file holds all clips before it as well."""


class Quote(Answer):
    """What a replay would pay for."""

    may_replay: bool
    why_not: str | None
    price_usd: float
    payments: list[PaymentView]
    life: int | None
    """The life of the job; null for a dead letter."""


class ScenePlan(Answer):
    """What one scene would cost, and when the film would show it."""

    name: str
    video_id: str
    """The job of the scene."""
    status: str
    """`new` is paid for; `reused` exists; `replay` was cancelled before anything was sent; `failed` has no video, and is replayed or taken again; `erased` needs another take. Known words: new, reused, replay, failed, erased."""
    model: str
    price_usd: float
    """What this revision adds. A scene that comes twice is paid for once."""
    duration_seconds: int
    start_s: float
    end_s: float


class SceneView(Answer):
    """One scene of a film."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
    )
    name: str
    take: int
    video_id: str
    """The job of the scene."""
    state: str
    """The state of that job; `planned` before a worker has made it."""
    progress: float
    reused: bool
    """The job was there before this revision, which pays nothing for it."""
    price_usd: float
    """What this revision adds for it."""
    cost_usd: float
    """What is known to have been spent on the job."""
    duration_seconds: int
    start_s: float | None
    """When the film shows it; null if the film leaves it out."""
    end_s: float | None
    is_card: bool = False
    """The film shows a card in its place: its job has no video."""
    error: Failure | None
    erased_at: AwareDatetime | None = None
    """When the job was erased with its prompt and its video. The film may still show it."""


class Cap(Answer):
    """One limit in its present period."""

    scope: str
    """all, project:ID or label:KEY=VALUE"""
    period: str
    """After which time a limit starts again from zero, in UTC. Known words: day, month."""
    now: str
    """The present day or month in UTC, for example 2026-01-31 or 2026-01."""
    limit_usd: float
    used_usd: float
    """Paid, perhaps paid, or reserved for a clip that is about to be sent."""
    left_usd: float
    opens_again: AwareDatetime


class FilmOutline(Answer):
    """A film in a list: what is known without its scenes' jobs."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
    )
    film_id: str
    revision: int
    state: str
    """What a film waits for, or how its newest revision ended. Known words: planned, rendering, joining, succeeded, held, failed, cancelled."""
    project_id: str | None
    scenes: int
    """How many scenes its storyboard has."""
    price_usd: float
    """What this revision adds."""
    created_at: AwareDatetime
    changed_at: AwareDatetime
    gcs_path: str | None
    """The newest finished file."""
    video_url: str | None
    is_stale: bool
    """The file is of an earlier revision."""
    duration_seconds: float | None
    """The length of the newest finished file."""
    error: Failure | None
    erased_at: AwareDatetime | None
    """When the film was erased with its words and files."""
    caller: str | None


class FilmPlan(Answer):
    """What an order of this storyboard would make."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
    )
    film_id: str
    revision: int
    scenes: list[ScenePlan]
    titles: list[FilmTitleEnd] = []
    price_usd: float
    """The sum of what is new."""
    duration_seconds: float
    """The length of the film. A crossfade shows two scenes at once."""
    expected_s: float
    """How long the models usually take. Only scenes that continue wait for others."""
    warnings: list[str]
    refusal: Failure | None
    """Why it would not be ordered now, although the storyboard is valid."""


class FilmView(Answer):
    """A film and its scenes, in the order of the storyboard."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
    )
    film_id: str
    revision: int
    state: str
    """What a film waits for, or how its newest revision ended. Known words: planned, rendering, joining, succeeded, held, failed, cancelled."""
    on_scene_failure: str
    """What becomes of a film if a scene has no video. A paid scene is kept in all cases. Known words: hold, card, skip, fail."""
    scenes: list[SceneView]
    titles: list[FilmTitleEnd] = []
    price_usd: float
    """What this revision adds."""
    cost_usd: float
    """What is known to have been spent on the scenes of this revision."""
    duration_seconds: float
    """The length of the film."""
    created_at: AwareDatetime
    changed_at: AwareDatetime
    gcs_path: str | None
    """The newest finished file."""
    video_url: str | None
    files: Annotated[list[FilmFileView], Field(validate_default=True)] = []
    """Files beside the newest finished file."""
    is_stale: bool
    """The file is of an earlier revision."""
    width: int | None
    height: int | None
    provenance: str | None
    """kept or dropped: whether the file has a C2PA manifest as its scenes have; null if they have none."""
    error: Failure | None
    caller: str | None
    erased_at: AwareDatetime | None = None
    """When the film was erased with its words and files."""


class SpendReport(Answer):
    """Amounts in US dollars. Days and months are those in UTC on which a clip was last sent."""

    since: date
    as_of: AwareDatetime
    total: Amounts
    today: Amounts
    month: Amounts
    by_model: list[Group]
    by_project: list[Group]
    by_caller: list[Group]
    """Only for an operator."""
    by_day: list[Group]
    caps: list[Cap]
    """The limits of spending; only for an operator, since callers share them."""
    evaluations: EvaluationSums | None = None
    """Calls of the evaluation service since `since`; no other sum has them."""
    notice: str | None = None
    """Why the sums are not those of all jobs; null if they are."""


class VideoPlan(Answer):
    """What a generate call with this body would make."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
    )
    clips: list[PlannedClip]
    billed_seconds: float
    price_usd: float
    duration_seconds: int
    """The length of the video."""
    cut_seconds: float
    """What is made beyond that length, and cut off."""
    expected_s: float
    """How long the models usually take, one clip after the other."""
    model: str
    prompt: str
    """Built from the scene if the request has none."""
    warnings: list[str]
    """What the caller should know about the models before it pays."""
    budgets: list[Cap]
    """The limits of spending that cover it; only for an operator, since others share them."""
    budget_left_usd: float | None
    """The least that is left of them; null without budgets."""
    refusal: Failure | None
    """Why it would not be made now, although the request is valid."""
    video_id: str | None
    """The job that exists for this id: the call would return it, and pay nothing."""
    notice: str | None
    """What keeps jobs from being made now, for example that no worker runs."""


class FilmListing(Answer):
    """One page of films."""

    films: list[FilmOutline]
    next_cursor: str | None = None
    """The `cursor` of the next page; null on the last page."""
