"""Erase ended jobs: their prompts, images, videos and dead letters are deleted; kind, ending and cost of the job stay.

A repeat of an erased job's request never pays again. Completions that were published before stay published.
"""

import asyncio
import logging
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from publisher.access import SCOPES, Access
from publisher.context import PublisherContext, films_of, find
from publisher.films.orders import find_film
from schemas.domain.film import Film
from schemas.domain.film_tombstone import film_erasure_blocker
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.domain.tombstone import erasure_blocker
from schemas.errors import Invalid, ReelbusError, Unavailable
from schemas.ports import FilmQuery, JobQuery
from schemas.services.erasure import Eraser
from schemas.services.film_erasure import FilmEraser
from schemas.services.job_pages import read_pages
from schemas.wire.caller_names import to_shown_id, to_stored_id

logger = logging.getLogger(__name__)

_BATCH_SIZE = 50
_PAGE_SIZE = 200
_SCENE_JOB_ID = re.compile(r"(.+)-[0-9a-f]{12}")
"""The id of a scene's job begins with the id of its film, see `scene_job_id`."""
_FINAL_STATES = frozenset(state for state in JobState if state.ended)


class Kept(BaseModel):
    """A job that is not erased."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    reason: str


class KeptFilm(BaseModel):
    """A film that is not erased."""

    model_config = ConfigDict(frozen=True)

    film_id: str
    reason: str


class Purge(BaseModel):
    """What was erased, or would be."""

    model_config = ConfigDict(frozen=True)

    dry_run: bool
    erased: list[str] = Field(default_factory=list)
    unfinished: list[str] = Field(
        default_factory=list,
        description="Erased, but a worker must delete files or dead letters that could not be read or deleted now.",
    )
    kept: list[Kept] = Field(default_factory=list)
    films: list[str] = Field(
        default_factory=list,
        description="The stored ids of films whose finished files may show an erased scene: "
        "generated-videos/film_ID-*.mp4. They are not deleted; erasing the film deletes them.",
    )
    erased_films: list[str] = Field(default_factory=list, description="The stored ids of the films that were erased.")
    unfinished_films: list[str] = Field(
        default_factory=list, description="Erased, but a worker must delete files that could not be deleted now."
    )
    kept_films: list[KeptFilm] = Field(default_factory=list)


async def purge(
    ctx: PublisherContext,
    job_ids: Collection[str],
    *,
    film_ids: Collection[str] = (),
    caller: str | None = None,
    dry_run: bool = False,
) -> Purge:
    """Erase these jobs, and these films with the jobs of their scenes.

    The files of a job or a film that was erased before are deleted again. With a `caller` the ids may be the caller's
    own. Raises `NotFound`, before anything is erased.
    """
    report = Purge(dry_run=dry_run)
    found = [await find(ctx, job_id, caller=caller) for job_id in dict.fromkeys(job_ids)]
    access = Access(caller=caller, scopes=frozenset() if caller else frozenset(SCOPES))
    films = [await find_film(ctx, film_id, access) for film_id in dict.fromkeys(film_ids)]
    jobs = list({job.job_id: job for job in found}.values())
    await _erase(ctx, jobs, report)
    await _erase_films(ctx, list({film.film_id: film for film in films}.values()), report, with_scenes=True)
    return report


async def purge_old(
    ctx: PublisherContext,
    *,
    project_id: str | None,
    older_than: timedelta | None,
    caller: str | None = None,
    dry_run: bool = False,
) -> Purge:
    """Erase the ended jobs and films that match all conditions: a project, a caller, the time since they ended."""
    report = Purge(dry_run=dry_run)
    ended_before = ctx.clock.now() - older_than if older_than else None
    # Unfinished jobs of a project or a caller are reported as kept; without either they are not reported.
    states = frozenset() if project_id or caller else _FINAL_STATES
    query = JobQuery(states=states, project_id=project_id, caller=caller, created_before=ended_before, limit=_PAGE_SIZE)
    async for page in read_pages(ctx.jobs, query):
        jobs = [job for job in page if not job.erased_at and _has_ended_before(job, ended_before)]
        await _erase(ctx, jobs, report)
    await _purge_old_films(ctx, FilmQuery(project_id=project_id, caller=caller, limit=_PAGE_SIZE), ended_before, report)
    return report


async def _purge_old_films(
    ctx: PublisherContext, query: FilmQuery, ended_before: datetime | None, report: Purge
) -> None:
    """Erase the films that match. Of another purge that was killed it finishes the films."""
    if ctx.films is None:
        return
    are_named, now = bool(query.project_id or query.caller), ctx.clock.now()

    def is_wanted(film: Film) -> bool:
        if film.erased_at:
            return film.next_check_at is not None and film.next_check_at <= now
        if film.retention_start is None or ended_before is None:
            return are_named or film.retention_start is not None
        return film.retention_start < ended_before

    page = await ctx.films.list(query)
    await _erase_films(ctx, list(filter(is_wanted, page.films)), report)
    while page.cursor is not None:
        page = await ctx.films.list(replace(query, cursor=page.cursor))
        await _erase_films(ctx, list(filter(is_wanted, page.films)), report)


async def _erase_films(
    ctx: PublisherContext, films: Sequence[Film], report: Purge, *, with_scenes: bool = False
) -> None:
    """Erase films. The jobs of their scenes come first: a purge that is killed between is repeated with the same id."""
    for film in films:
        reason = None if film.erased_at else film_erasure_blocker(film)
        if reason is None and with_scenes:
            job_ids = dict.fromkeys((*film.job_ids, *film.former_job_ids))
            found = await asyncio.gather(*(ctx.jobs.get(job_id) for job_id in job_ids))
            await _erase(ctx, [job for job in found if job and not job.erased_at], report)
        if reason is None and not report.dry_run:
            reason = await _erase_film(ctx, film, report)
        if reason is None:
            report.erased_films.append(film.film_id)
        else:
            report.kept_films.append(KeptFilm(film_id=film.film_id, reason=reason))
    report.films[:] = [film_id for film_id in report.films if film_id not in report.erased_films]


async def _erase_film(ctx: PublisherContext, film: Film, report: Purge) -> str | None:
    """Erase one film, and return None, or why it is kept."""
    eraser = FilmEraser(
        films=films_of(ctx), jobs=ctx.jobs, videos=ctx.videos, clock=ctx.clock, deliveries=ctx.deliveries
    )
    try:
        erased = await eraser.mark(film.film_id)
    except Invalid as error:  # it goes on again since it was read
        return str(error)
    try:
        swept = await eraser.sweep(erased)
        is_finished = swept.next_check_at is None or swept.sweep_until is not None
    except ReelbusError as error:  # the tombstone says that there is more to delete
        extra = {"action": "sweep_failed", "film_id": film.film_id, "reason": str(error)}
        logger.warning("an erased film's files could not be deleted yet", extra=extra)
        is_finished = False
    if not is_finished:
        report.unfinished_films.append(film.film_id)
    return None


def _has_ended_before(job: Job, moment: datetime | None) -> bool:
    return moment is None or (job.ended and (job.since(job.state) or job.created_at) < moment)


async def _erase(ctx: PublisherContext, jobs: list[Job], report: Purge) -> None:
    eraser = Eraser(jobs=ctx.jobs, videos=ctx.videos, bus=ctx.bus, clock=ctx.clock, deliveries=ctx.deliveries)
    for start in range(0, len(jobs), _BATCH_SIZE):
        batch = jobs[start : start + _BATCH_SIZE]
        marked = [erased for job in batch if (erased := await _mark(eraser, job, report))]
        report.erased.extend(job.job_id for job in marked)
        if not report.dry_run:
            report.unfinished.extend(job.job_id for job in await eraser.finish(marked))
        films = [film_id for job in marked if (film_id := await _find_joined_film(ctx, job))]
        report.films.extend(film_id for film_id in dict.fromkeys(films) if film_id not in report.films)


async def _find_joined_film(ctx: PublisherContext, job: Job) -> str | None:
    """Return the stored id of the film that has a finished file, if this job is a scene of it."""
    scene = _SCENE_JOB_ID.fullmatch(to_shown_id(job.caller, job.job_id))
    if scene is None or ctx.films is None:
        return None
    try:
        film = await ctx.films.get(to_stored_id(job.caller, scene[1]))
    except Unavailable as error:  # the job is erased: what it may have been joined into is only a hint
        logger.warning("a film was not read", extra={"action": "film_unread", "reason": str(error)})
        return None
    return film.film_id if film and film.result and not film.erased_at else None


async def _mark(eraser: Eraser, job: Job, report: Purge) -> Job | None:
    """Mark a job as erased and return it, or report it as kept and return None."""
    try:
        if not report.dry_run:
            return await eraser.mark(job.job_id)
        reason = None if job.erased_at else erasure_blocker(job, eraser.clock.now())
    except Invalid as error:
        reason = str(error)
    if reason is None:
        return job
    report.kept.append(Kept(job_id=job.job_id, reason=reason))
    return None
