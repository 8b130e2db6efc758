"""The open ports that every use case of the publisher needs, and the view of one job that callers see."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from publisher.derived_files import DerivedFiles
from publisher.films.music_looks import MusicLooks
from publisher.worker_watch import WorkerWatch
from schemas.domain.budget import Limit
from schemas.domain.clip import Plan
from schemas.domain.job import Job
from schemas.domain.projections import JobView, progress_of, view_of
from schemas.domain.states import JobState
from schemas.errors import NotFound, Unavailable
from schemas.ports import (
    Budgets,
    Bus,
    Clock,
    Deliveries,
    Films,
    JobStore,
    MusicReader,
    Poster,
    ProgressReports,
    Statistics,
    VideoStore,
)
from schemas.services.checks import read_checks
from schemas.services.evaluation import show_evaluation
from schemas.wire.caller_names import to_shown_id, to_stored_id
from schemas.wire.film_parts import FilmExport
from schemas.wire.request import VideoRequest
from schemas.wire.webhook_address import AddressPolicy
from schemas.wire.webhook_keys import SigningKey

if TYPE_CHECKING:
    from starlette.types import ASGIApp

Planner: TypeAlias = Callable[[VideoRequest], Plan]
"""Returns the plan of the configured model for a request. Raises `Invalid` for a video that the model can't make."""


def _no_planner(_: VideoRequest) -> Plan:
    raise Unavailable("this program makes no plans")


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueLimit:
    """The most queued jobs of one caller or project, and how fast jobs start."""

    jobs: int
    starts_per_minute: float


class CallTelemetry(Protocol):
    """The telemetry of a facade."""

    def trace_calls(self, app: "ASGIApp", routes: Mapping[Any, str]) -> "ASGIApp":
        """Return the application in spans. `routes` has the templates of the paths by their endpoints."""

    def watch_waits(self, count: Callable[[], int]) -> None:
        """Export how many callers wait."""

    def count_decision(self, decision: str) -> None:
        """Count a decision of a person: one word of a few."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PublisherContext:
    """The publisher's open ports. Only `publisher.compose` makes one from settings."""

    bus: Bus
    jobs: JobStore
    videos: VideoStore
    clock: Clock
    workers: WorkerWatch | None = None
    """Reports how long no worker was seen; None if the deployment does not watch its workers."""
    reports: ProgressReports | None = None
    """What models report of their operations; None if every progress is an estimate."""
    queue_limit: QueueLimit | None = None
    """None if a caller may queue as many jobs as it likes."""
    deliveries: Deliveries | None = None
    """The webhook deliveries; None in a deployment without webhooks."""
    films: Films | None = None
    """The films; None in a deployment without them."""
    film_exports: frozenset[FilmExport] = frozenset()
    """The timelines for editing programs that this installation can write. A worker may have another one."""
    webhook_policy: AddressPolicy | None = None
    """Where webhooks may go; None if none can be signed."""
    webhook_secrets: Callable[[str | None], Sequence[bytes]] | None = None
    """Returns the secrets of a caller, the one for receivers first. May read a file."""
    endpoint_secrets: Callable[[str], Sequence[bytes]] | None = None
    """Returns the secrets of an endpoint of the settings by its name. May read a file."""
    webhook_keys: Sequence[SigningKey] = ()
    """The keys of this installation that sign webhooks besides the secrets."""
    poster: Poster | None = None
    """Posts a test event."""
    music: MusicReader | None = None
    """Looks at the music of films; None in a program that orders none with music."""
    music_looks: MusicLooks = field(default_factory=MusicLooks)
    """Limits how many calls wait for such a look."""
    derived_files: DerivedFiles | None = None
    """What makes files of finished videos; None in a program that shows none."""
    planner: Planner = _no_planner
    """The planner of the configured provider."""
    limits: tuple[Limit, ...] = ()
    """The limits of spending that the workers keep."""
    budgets: Budgets | None = None
    """What is used of them; None if the deployment does not look."""
    statistics: Statistics | None = None
    """Numbers about jobs, messages and workers; None if the deployment does not look."""
    telemetry: CallTelemetry | None = None
    """None if nothing collects it."""

    def count_decision(self, decision: str) -> None:
        """Count a decision of a person, one word of a few, if anything collects it."""
        if self.telemetry:
            self.telemetry.count_decision(decision)


async def find(ctx: PublisherContext, job_id: str, *, caller: str | None = None) -> Job:
    """Return the record of a job. A `caller` may name its own id, or the stored id that messages and files show.

    Raises `NotFound`, also if the job belongs to another caller: with the same message, after the same reads.
    """
    for stored in dict.fromkeys((to_stored_id(caller, job_id), job_id)):
        job = await ctx.jobs.get(stored)
        if job and (caller is None or job.caller == caller):
            return job
    raise NotFound(f"there is no job {job_id}")


async def place_of(ctx: PublisherContext, job_id: str, caller: str | None) -> str:
    """Return the id under which this caller's job is stored, or will be.

    The release before this one stored a caller's id unchanged. A call that began there must find its job again, so that
    it is not paid twice.
    """
    try:
        return (await find(ctx, job_id, caller=caller)).job_id
    except NotFound:
        return to_stored_id(caller, job_id)


async def status(ctx: PublisherContext, job_id: str, *, caller: str | None = None) -> JobView:
    """Return the view of a job. Raises `NotFound`, as `find` does."""
    job = await find(ctx, job_id, caller=caller)
    return await with_checks(ctx, job, await view(ctx, job, caller=caller))


async def with_checks(ctx: PublisherContext, job: Job, shown: JobView) -> JobView:
    """Return the view with checks and score of its video, which are files in the store. Lists do not read them."""
    if job.state is not JobState.SUCCEEDED:
        return shown
    checks = shown.checks or await read_checks(ctx.videos, job)
    evaluation = await show_evaluation(ctx.videos, job)
    return shown.model_copy(update={"checks": checks, "evaluation": evaluation}) if checks or evaluation else shown


async def view(ctx: PublisherContext, job: Job, *, caller: str | None = None) -> JobView:
    """Return the view of a record, with its position in the queue if the store can count that."""
    return await outline(ctx, job, caller=caller, queue_position=await queue_position(ctx, job))


async def queue_position(ctx: PublisherContext, job: Job) -> int | None:
    """Return the position of a queued job, from 1; None for another job, or if the store can't count that cheaply."""
    ahead = await ctx.jobs.ahead_of(job) if job.state is JobState.QUEUED else None
    return None if ahead is None else ahead + 1


async def outline(
    ctx: PublisherContext, job: Job, *, caller: str | None = None, queue_position: int | None = None
) -> JobView:
    """Return the view without the position in the queue. A `caller` sees its own id, an operator the stored id.

    The addresses are made on each call, because a signed address that was stored in the record would expire there.
    """
    result = None if job.erased_at else job.result
    silence = await ctx.workers.silence() if ctx.workers and not job.ended else None
    return view_of(
        job,
        notice=silence.words if silence else None,
        progress=progress_of(job, until=silence.since if silence else None, reported=await _read_reports(ctx, job)),
        video_id=to_shown_id(caller, job.job_id),
        video_url=await ctx.videos.url_for(result.gcs_path) if result else None,
        poster_url=await ctx.videos.url_for(result.poster_path) if result and result.poster_path else None,
        queue_position=queue_position,
    )


async def _read_reports(ctx: PublisherContext, job: Job) -> dict[str, float]:
    """Return the reported progress of the job's accepted clips, by their operations."""
    if ctx.reports is None:
        return {}
    operations = [clip.operation for clip in job.clips if clip.accepted_at and not clip.done_at and clip.operation]
    reports = {operation: await ctx.reports.progress_of(operation) for operation in operations}
    return {operation: progress for operation, progress in reports.items() if progress is not None}


def films_of(ctx: PublisherContext) -> Films:
    """Return the films. Raises `NotFound` in a deployment without them."""
    if ctx.films is None:
        raise NotFound("this deployment makes no films")
    return ctx.films
