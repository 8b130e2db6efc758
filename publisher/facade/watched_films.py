"""The films that event streams follow: one read of the stores serves all the streams of a film.

Each change is found by reading: after `look_every_s` at first, and less often while nothing changes. A scene whose
video exists is not read again.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta

from publisher.context import PublisherContext, films_of
from publisher.facade.shared_looks import SLOWEST, SharedLooks
from schemas.domain.film import Film, has_video
from schemas.domain.job import Job
from schemas.errors import ReelbusError

logger = logging.getLogger(__name__)


class WatchedFilm:
    """What the streams of one film share: its newest record, and the jobs of its scenes."""

    def __init__(self, ctx: PublisherContext, film: Film, look_every_s: float) -> None:
        self._ctx = ctx
        self._look_every_s = look_every_s
        self._pause_s = look_every_s
        self._reading = asyncio.Lock()
        self._film = film
        self._jobs: Mapping[str, Job] = {}
        self._began_at: float | None = None
        """When the last read began, and None before the first one."""

    async def look(self) -> tuple[Film, Mapping[str, Job]]:
        """Return the record and the jobs by their ids, read again if that is due.

        If a store is out of reach, the last ones are returned. The `read_at` of jobs moves on, since progress is
        estimated from it.
        """
        async with self._reading:
            now = self._ctx.clock.boot()
            if self._began_at is None or now - self._began_at >= self._pause_s:
                self._began_at = now
                await self._read()
            passed = timedelta(seconds=min(now - self._began_at, self._pause_s))
        jobs = {
            job_id: job.model_copy(update={"read_at": job.read_at and job.read_at + passed})
            for job_id, job in self._jobs.items()
        }
        return self._film, jobs

    async def _read(self) -> None:
        try:
            film = await films_of(self._ctx).get(self._film.film_id) or self._film
            missing = [job_id for job_id in film.job_ids if not self._is_final(job_id)]
            found = await asyncio.gather(*(self._ctx.jobs.get(job_id) for job_id in missing))
        except ReelbusError:
            extra = {"action": "events_no_look", "film_id": self._film.film_id}
            logger.warning("event stream sees nothing", extra=extra)
            return
        known = {job_id: self._jobs[job_id] for job_id in film.job_ids if job_id not in missing}
        jobs = {**known, **{job.job_id: job for job in found if job}}
        before, after = _changes_of(self._film, self._jobs), _changes_of(film, jobs)
        slowest_s = SLOWEST * self._look_every_s
        self._pause_s = min(2 * self._pause_s, slowest_s) if before == after else self._look_every_s
        self._film, self._jobs = film, jobs

    def _is_final(self, job_id: str) -> bool:
        return job_id in self._jobs and has_video(self._jobs[job_id])


def _changes_of(film: Film, jobs: Mapping[str, Job]) -> object:
    """Return what a stream shows of them. A director also writes the time of each of its looks."""
    return film.request.revision, film.state, film.holds, {job.job_id: job.revision for job in jobs.values()}


class WatchedFilms(SharedLooks[Film, WatchedFilm]):
    """The films that have event streams in this process."""

    def __init__(self, ctx: PublisherContext, *, look_every_s: float) -> None:
        super().__init__(lambda film: WatchedFilm(ctx, film, look_every_s), key_of=lambda film: film.film_id)
