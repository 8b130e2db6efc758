"""Makes the jobs of a film's scenes.

A scene's job is named by what it contains. Two directors, or one that is killed and begins again, make the same job:
the store creates it once. The same request may be published twice, which a worker drops.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.domain.events import Replayed, Step, Unsent
from schemas.domain.film import Film
from schemas.domain.job import QUEUED_AT_MOST, Job, new_job
from schemas.domain.state_machine import advance
from schemas.domain.states import JobState
from schemas.errors import AlreadyExists, Conflict
from schemas.ports import Bus, Clock, Deliveries, FilmEditor, FilmExporter, Films, JobStore, Provenance, VideoStore
from schemas.services.publish import publish_request
from schemas.services.update import update_job
from schemas.wire.request import VideoRequest
from schemas.wire.webhook_endpoints import WebhookEndpoint

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class FilmContext:
    """The open ports of one director."""

    bus: Bus
    jobs: JobStore
    videos: VideoStore
    films: Films
    film_editor: FilmEditor
    clock: Clock
    scratch: Path
    film_exporter: FilmExporter | None = None
    provenance: Provenance | None = None
    """What keeps the manifests of the scenes' files."""
    deliveries: Deliveries | None = None
    """The webhook deliveries; without them no webhook hears of a film."""
    endpoints: Sequence[WebhookEndpoint] = ()
    facade_url: str = ""
    wake_courier: Callable[[], None] = lambda: None
    """Called after a delivery was stored, so that a courier of this process posts it at once."""


async def read_jobs(ctx: FilmContext, film: Film) -> Sequence[Job | None]:
    """Return the jobs of the scenes, each once; None for one that does not exist."""
    return await asyncio.gather(*(ctx.jobs.get(job_id) for job_id in film.job_ids))


def address_of(job: Job) -> str:
    """Return the name of a scene's video in the store."""
    assert job.result is not None
    return job.result.gcs_path


async def make_jobs(ctx: FilmContext, film: Film) -> None:
    """Make the jobs that do not exist, and publish their requests. A scene that continues waits for the one before.

    Raises `Conflict` if the film was changed meanwhile, and `Unavailable`.
    """
    followers = film.first_frames
    for job_id, request in film.requests.items():
        job = await ctx.jobs.get(job_id)
        if job is None and job_id in followers:
            continue
        job = job or await create_job(ctx, film, request)
        if film.may_replay(job):
            await _check_newest(ctx, film)  # a film that was cancelled meanwhile must queue nothing again
            job = await update_job(ctx.jobs, job_id, lambda newest: _replay(ctx, film, newest))
        # A director that was killed may have created the job and not published its request.
        if job.state is JobState.QUEUED and not job.waits_for_turn:
            await publish_request(ctx.bus, job, ctx.clock.now())


async def create_job(ctx: FilmContext, film: Film, request: VideoRequest, *, unsent: bool = False) -> Job:
    """Create the job of a scene, unless the film was cancelled or changed after it was read.

    The record says if its request is `unsent`: its check is due then. Raises `Conflict` and `Unavailable`.
    """
    await _check_newest(ctx, film)
    now = ctx.clock.now()
    asked = new_job(_limit_price(film, request), now, caller=film.caller)
    try:
        job = await ctx.jobs.create(advance(asked, Unsent(at=now)) if unsent else asked)
    except AlreadyExists:
        found = await ctx.jobs.get(request.job_id)
        if found is None:
            raise
        return found
    extra = {"action": "film_scene_created", "film_id": film.film_id, "job_id": job.job_id}
    logger.info("made the job of a scene", extra=extra)
    return job


async def _check_newest(ctx: FilmContext, film: Film) -> None:
    """Raise `Conflict` if the film was changed after it was read."""
    newest = await ctx.films.get(film.film_id)
    if newest is None or newest.stored_revision != film.stored_revision:
        raise Conflict(f"film {film.film_id} has changed")


def _limit_price(film: Film, request: VideoRequest) -> VideoRequest:
    """Return the request with its planned price as its limit, if the film has one.

    A worker with other prices then refuses the scene without a charge, instead of passing the film's limit.
    """
    if film.request.max_cost_usd is None:
        return request
    return request.model_copy(update={"max_cost_usd": film.price_of(request.job_id)})


def _replay(ctx: FilmContext, film: Film, job: Job) -> Step | None:
    now = ctx.clock.now()
    return Replayed(at=now, deadline=now + QUEUED_AT_MOST) if film.may_replay(job) else None
