"""A film as callers see it: its state, each scene with its job, and the finished file."""

import asyncio
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from publisher.access import Access
from publisher.context import PublisherContext
from schemas.domain.film import Film, FilmState, SceneJob
from schemas.domain.film_cut import Cut, cuts_of, length_s, title_ends
from schemas.domain.job import Job
from schemas.domain.projections import progress_of
from schemas.errors import Failure
from schemas.wire.caller_names import to_shown_id
from schemas.wire.film import FilmTitleEnd, OnSceneFailure
from schemas.wire.types import Moment, Usd

NO_JOB_YET = "planned"
"""The state of a scene whose job is not made yet."""


class SceneView(BaseModel):
    """One scene of a film."""

    model_config = ConfigDict(frozen=True)

    name: str
    take: int
    video_id: str = Field(description="The job of the scene.")
    state: str = Field(description="The state of that job; `planned` before a worker has made it.")
    progress: float
    reused: bool = Field(description="The job was there before this revision, which pays nothing for it.")
    price_usd: Usd = Field(description="What this revision adds for it.")
    cost_usd: Usd = Field(description="What is known to have been spent on the job.")
    duration_seconds: int
    start_s: float | None = Field(description="When the film shows it; null if the film leaves it out.")
    end_s: float | None
    is_card: bool = Field(default=False, description="The film shows a card in its place: its job has no video.")
    error: Failure | None
    erased_at: Moment | None = Field(
        default=None, description="When the job was erased with its prompt and its video. The film may still show it."
    )


class FilmFileView(BaseModel):
    """A file beside the film."""

    model_config = ConfigDict(frozen=True)

    kind: str
    gcs_path: str
    url: str


class FilmView(BaseModel):
    """A film and its scenes, in the order of the storyboard."""

    model_config = ConfigDict(frozen=True)

    film_id: str
    revision: int
    state: FilmState
    on_scene_failure: OnSceneFailure
    scenes: tuple[SceneView, ...]
    titles: tuple[FilmTitleEnd, ...] = ()
    price_usd: Usd = Field(description="What this revision adds.")
    cost_usd: Usd = Field(description="What is known to have been spent on the scenes of this revision.")
    duration_seconds: float = Field(description="The length of the film.")
    created_at: Moment
    changed_at: Moment
    gcs_path: str | None = Field(description="The newest finished file.")
    video_url: str | None
    files: tuple[FilmFileView, ...] = Field(default=(), description="Files beside the newest finished file.")
    is_stale: bool = Field(description="The file is of an earlier revision.")
    width: int | None
    height: int | None
    provenance: str | None = Field(
        description="kept or dropped: whether the file has a C2PA manifest as its scenes have; null if they have none."
    )
    error: Failure | None
    caller: str | None
    erased_at: Moment | None = Field(default=None, description="When the film was erased with its words and files.")


async def view_film(ctx: PublisherContext, film: Film, access: Access) -> FilmView:
    """Return the film as this caller sees it. Reads the job of each scene."""
    return await build_film_view(ctx, film, await read_scene_jobs(ctx, film), access)


async def read_scene_jobs(ctx: PublisherContext, film: Film) -> dict[str, Job]:
    """Return the jobs of the scenes that were made, by their stored ids."""
    found = await asyncio.gather(*(ctx.jobs.get(job_id) for job_id in film.job_ids))
    return {job.job_id: job for job in found if job}


async def build_film_view(ctx: PublisherContext, film: Film, jobs: Mapping[str, Job], access: Access) -> FilmView:
    """Return the film as this caller sees it, from these jobs of its scenes."""
    cuts = cuts_of(film)
    shown = {cut.name: cut for cut in cuts if not cut.is_title}
    result = film.result
    # The words of its cards are erased, so that only the file's length is that of the film.
    is_erased = film.erased_at is not None
    seconds = result.duration_seconds if result and is_erased else length_s(cuts)
    return FilmView(
        film_id=to_shown_id(access.jobs_of, film.film_id),
        revision=film.request.revision,
        state=film.state,
        on_scene_failure=film.request.on_scene_failure,
        scenes=tuple(
            _view_scene(entry, scene.take, jobs.get(entry.job_id), shown.get(entry.name), access)
            for entry, scene in zip(film.scenes, film.request.scenes, strict=True)
        ),
        titles=title_ends(cuts),
        price_usd=sum(entry.price_usd for entry in film.scenes),
        cost_usd=sum(job.cost_usd for job in jobs.values()),
        duration_seconds=seconds,
        created_at=film.created_at,
        changed_at=film.changed_at,
        gcs_path=result.gcs_path if result and not is_erased else None,
        video_url=await ctx.videos.url_for(result.gcs_path) if result and not is_erased else None,
        files=await _view_files(ctx, film),
        is_stale=is_stale(film),
        width=result.width if result else None,
        height=result.height if result else None,
        provenance=result.provenance if result else None,
        error=film.failure,
        caller=film.caller,
        erased_at=film.erased_at,
    )


def is_stale(film: Film) -> bool:
    """Return whether the newest finished file is of an earlier revision."""
    result = film.result
    return bool(result and (result.revision != film.request.revision or film.state is not FilmState.SUCCEEDED))


async def _view_files(ctx: PublisherContext, film: Film) -> tuple[FilmFileView, ...]:
    found = film.result.files if film.result and not film.erased_at else ()
    urls = [await ctx.videos.url_for(file.gcs_path) for file in found]
    return tuple(
        FilmFileView(kind=file.kind, gcs_path=file.gcs_path, url=url) for file, url in zip(found, urls, strict=True)
    )


def _view_scene(entry: SceneJob, take: int, job: Job | None, cut: Cut | None, access: Access) -> SceneView:
    return SceneView(
        name=entry.name,
        take=take,
        video_id=to_shown_id(access.jobs_of, entry.job_id),
        state=job.state.value if job else NO_JOB_YET,
        progress=progress_of(job) if job else 0.0,
        reused=entry.reused,
        price_usd=entry.price_usd,
        cost_usd=job.cost_usd if job else 0,
        duration_seconds=entry.seconds,
        start_s=cut.start_s if cut else None,
        end_s=cut.end_s if cut else None,
        is_card=bool(cut and cut.card),
        error=job.failure if job else None,
        erased_at=job.erased_at if job else None,
    )
