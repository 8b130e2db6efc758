"""Makes the jobs of scenes that continue from the one before, once that one has a video.

The last good frame of that video is stored under a name that follows from its job, and then the next job is made. A
director that is killed in between, or is one of two, stores the same frame again and makes the same job.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from schemas.domain.events import Reconciled
from schemas.domain.film import Film, FilmState, has_video, join_failure
from schemas.domain.film_chain import FirstFrame
from schemas.domain.job import Job
from schemas.domain.state_machine import advance
from schemas.domain.states import JobState
from schemas.errors import Conflict, Failure, NewerRecord, Unavailable
from schemas.services.publish import publish_request
from schemas.services.reference_images import add_reference
from subscriber.films.scenes import FilmContext, create_job
from subscriber.scratch import work_folder

logger = logging.getLogger(__name__)


class NoLastFrame(Exception):
    """The video of a scene gives no frame with which the next one could begin."""

    def __init__(self, job_id: str) -> None:
        words = (
            f"The video of job {job_id} has no last frame with which the next scene could begin. Take its scene again."
        )
        super().__init__(words)
        self.failure: Failure = join_failure("no_last_frame", f"{words} Every other scene is kept.")


@dataclass(frozen=True, slots=True)
class DueFrame:
    """A first frame that is not stored yet, and the job whose video gives it."""

    frame: FirstFrame
    before: Job


@dataclass(frozen=True, slots=True)
class Followers:
    """What a look at the scenes that continue has come to."""

    has_made: bool
    due_frame: DueFrame | None
    """The first frame that is to be stored next."""


async def make_followers(ctx: FilmContext, film: Film, jobs: Sequence[Job | None]) -> Followers:
    """Make the jobs of the scenes whose first frame is stored. No video is fetched: that may take minutes.

    Raises `Conflict` if the film was changed meanwhile, and `Unavailable`.
    """
    found = {job.job_id: job for job in jobs if job}
    requests, has_made = film.requests, False
    due_frame: DueFrame | None = None
    for job_id, frame in film.first_frames.items():
        job, before = found.get(job_id), found.get(frame.job_id)
        if job is None:
            if before is None or not has_video(before):
                continue
            # A scene that is taken again begins with the same frame, which is stored then.
            await add_reference(requests[job_id], ctx.videos)
            if not await ctx.videos.list(frame.name):
                due_frame = due_frame or DueFrame(frame, before)
                continue
            job = await create_job(ctx, film, requests[job_id], unsent=True)
            has_made = True
        await _publish_if_due(ctx, job)
    return Followers(has_made, due_frame)


async def store_frame(ctx: FilmContext, film: Film, due: DueFrame) -> None:
    """Store a first frame, unless the film was changed or erased while it was made.

    Raises `NoLastFrame` and `Unavailable`.
    """
    frame, before = due.frame, due.before
    assert before.result is not None
    try:
        with work_folder(ctx.scratch, "frame") as folder:
            await ctx.videos.fetch(before.result.gcs_path, folder / "scene.mp4")
            await ctx.film_editor.last_frame(folder / "scene.mp4", folder / "frame.jpg", end_ms=frame.end_ms)
            if await read_rendering(ctx, film):
                await ctx.videos.put(frame.name, folder / "frame.jpg", content_type="image/jpeg")
    except (Conflict, NewerRecord, Unavailable):
        raise
    except Exception as error:  # the file is gone, or the codecs can't read it: no other attempt does better
        extra = {"action": "film_frame_broke", "job_id": before.job_id}
        logger.warning("a video gives no last frame", extra=extra, exc_info=True)
        raise NoLastFrame(before.job_id) from error


async def read_rendering(ctx: FilmContext, film: Film) -> Film | None:
    """Return the newest record if the scenes of this revision are still being made."""
    newest = await ctx.films.get(film.film_id)
    if newest is None or newest.erased_at or newest.request.revision != film.request.revision:
        return None
    return newest if newest.state is FilmState.RENDERING else None


async def _publish_if_due(ctx: FilmContext, job: Job) -> None:
    """Publish the request of a new job. A director that was killed may have created it and not published that."""
    now = ctx.clock.now()
    is_due = job.next_check_at is not None and job.next_check_at <= now
    if job.state is not JobState.QUEUED or job.waits_for_turn or not is_due:
        return
    await publish_request(ctx.bus, job, now)
    with suppress(Conflict):  # a worker has it, or another director published it too
        await ctx.jobs.save(advance(job, Reconciled(at=now)))
