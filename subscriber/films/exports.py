"""The timelines of a film for editing programs: stored beside its file. A worker without the extra writes none."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from schemas.domain.film import Film, FilmState, join_failure
from schemas.domain.film_cut import Cut, export_name
from schemas.domain.job import Job
from schemas.errors import Invalid, ReelbusError
from schemas.ports import Segment, Shot
from schemas.wire.film import FilmFile
from schemas.wire.media_types import type_of_name
from subscriber.films.scenes import FilmContext, address_of, read_jobs

logger = logging.getLogger(__name__)

OTHERS_WITHIN = timedelta(minutes=2)
"""For so long a worker that sees a film waits for one that can write what it asks for, before its first job is made."""


def can_write(ctx: FilmContext, film: Film) -> bool:
    """Return whether this worker can write every timeline that the film asks for."""
    return set(film.request.exports) <= (ctx.film_exporter.exports if ctx.film_exporter else set())


async def leave_film(ctx: FilmContext, film: Film, *, seen_at: datetime, is_due: bool) -> bool:
    """Leave a film to another worker. It ends if no worker took it before its first job was made: nothing is paid yet.

    `seen_at` is when this worker saw it first: while all workers stood still, none could take it.

    Return True if its record was changed to an end. Raises `Conflict`.
    """
    now = ctx.clock.now()
    is_late = film.state is FilmState.PLANNED and now - seen_at > OTHERS_WITHIN
    if is_late and not _has_begun(film, await read_jobs(ctx, film)):
        wanted = ", ".join(film.request.exports)
        words = f"No worker can write {wanted}: run scripts/bootstrap editors where the workers run. Nothing was paid."
        await ctx.films.save(film.end(now, FilmState.FAILED, join_failure("outputs_unavailable", words)))
        return True
    if is_due and film.state in (FilmState.RENDERING, FilmState.HELD):
        await ctx.films.save(film.await_next_look(now))
    extra = {"action": "film_left", "film_id": film.film_id, "state": film.state}
    logger.info("a film is left to a worker with the extra editors", extra=extra)
    return False


def _has_begun(film: Film, jobs: Sequence[Job | None]) -> bool:
    """Return whether a job of this revision was made or queued again: a worker that could was killed, or is slow."""
    made = {job.job_id: job for job in jobs if job}
    return any(
        not film.may_replay(made[scene.job_id]) if scene.replays_life else not scene.reused
        for scene in film.scenes
        if scene.job_id in made
    )


async def store_exports(
    ctx: FilmContext, film: Film, cuts: Sequence[Cut], segments: Sequence[Segment], jobs: Mapping[str, Job]
) -> tuple[FilmFile, ...]:
    """Write and store the timelines. One that can't hold this film is left out: the film itself is made."""
    shots = [
        Shot(segment=segment, name=cut.name, address="" if cut.card else address_of(jobs[cut.job_id]))
        for cut, segment in zip(cuts, segments, strict=True)
    ]
    stored = list[FilmFile]()
    for output in film.request.exports:
        assert ctx.film_exporter is not None
        try:
            content = await ctx.film_exporter.write(output, shots, title=film.request.film_id)
        except Invalid as error:
            extra = {"action": "film_export_left_out", "film_id": film.film_id, "reason": str(error)}
            logger.warning("a film has no timeline for one of the editing programs", extra=extra)
            continue
        except (ReelbusError, OSError):
            raise
        except Exception:  # of the libraries: a paid film does without its timeline
            extra = {"action": "film_export_broke", "film_id": film.film_id}
            logger.exception("a timeline of a film can't be written", extra=extra)
            continue
        name = export_name(film.film_id, output, content)
        await ctx.videos.put(name, content, content_type=type_of_name(name))
        stored.append(FilmFile(kind=output, gcs_path=name))
    return tuple(stored)
