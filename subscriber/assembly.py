"""From the clips to the finished file in the video store.

Free, and may be repeated: the final file has the same name for every worker, and a good one that is stored is adopted.

The files that make up a job's video, in order. The model says how long each is to be, the file how long it is.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from schemas.domain import events as ev
from schemas.domain.clip import Clip
from schemas.domain.job import Job, Result
from schemas.errors import (
    DELIVERED_AS_IT_CAME,
    Category,
    Charged,
    Conflict,
    Failure,
    Invalid,
    LocalDisk,
    NotFound,
    ReelbusError,
    Unavailable,
)
from schemas.ports import Probe
from schemas.services.update import save_event
from subscriber.context import WorkerContext
from subscriber.scratch import work_folder

logger = logging.getLogger(__name__)


async def fetch_clips(ctx: WorkerContext, job: Job, folder: Path) -> list[Path]:
    """Fetch what is needed, from the last clip back to the first.

    An extension's file should hold all clips before it as well. Some models answer with the added part alone; its
    length tells which it is. Raises `NotFound`, and `Invalid` for what is no video.
    """
    files: list[Path] = []
    last = len(job.clips) - 1
    while last >= 0:
        clip = job.clips[last]
        file = folder / f"clip-{last}.mp4"
        await ctx.videos.fetch(clip.output or "", file)
        files.insert(0, file)
        first = last
        if clip.planned.extends:
            found = await ctx.editor.measure(file)
            first = first_held(job.clips[: last + 1], found)
            if first:
                logger.info("an extension holds the added part alone", extra=_log_fields(job, last, found))
        last = first - 1
    return files


def first_held(clips: Sequence[Clip], seconds: float) -> int:
    """The first clip that the file of the last one holds, by its length. In doubt it holds them all."""
    held, best, nearest = 0.0, 0, float("inf")
    for clip in reversed(clips):
        held += clip.planned.seconds
        if abs(held - seconds) <= nearest:
            best, nearest = clip.index, abs(held - seconds)
        if not clip.planned.extends:
            break
    return best


def _log_fields(job: Job, clip: int, seconds: float) -> dict[str, object]:
    return {"action": "extension_alone", "job_id": job.job_id, "clip": clip, "seconds": round(seconds, 2)}


TRIES = 3
"""Of work that fails in a way that no one foresaw, for example for want of memory."""
PAUSE_S = 1.0
_RIGHT_WITHIN_S = 0.5
"""So much the length of a stored final file may differ: another version may have mended it in another way."""


async def store(ctx: WorkerContext, job: Job, *, waits_for_files: bool = False) -> Job:
    """Return the succeeded job, its stored file probed, or the failed one if the clips are certainly no video.

    A video that can't be mended is delivered as it came, with `defect`. Raises `Unavailable`: a dependency or the
    local disk is not ready, or with `waits_for_files` a clip's file can't be found yet.
    """
    cause: Exception | None = None
    for tried in range(1, TRIES + 1):
        try:
            return await _end(ctx, job, await _ending(ctx, job, waits_for_files=waits_for_files))
        except ReelbusError:
            raise
        except Exception as error:
            logger.exception("the clips can't be assembled", extra={**_about(job, "assembly_broke"), "tried": tried})
            cause = error
        await ctx.clock.sleep(PAUSE_S * tried)
    return await _store_unedited(ctx, job, cause)


async def give_up_storing(ctx: WorkerContext, job: Job) -> Job:
    """One last try; else the failed job. Its paid clips stay in the ledger, and `reelbus replay` is free.

    A local disk that is full fails no job: raises `LocalDisk`.
    """
    try:
        return await store(ctx, job)
    except LocalDisk:
        raise
    except Unavailable:
        logger.warning("gave up storing", exc_info=True, extra=_about(job, "storing_given_up"))
    return await save_event(ctx.jobs, job, ev.Failed(at=ctx.clock.now(), failure=_NOT_STORED))


async def _ending(ctx: WorkerContext, job: Job, *, waits_for_files: bool) -> ev.Stored | ev.Failed:
    """How the job ends as far as its clips are concerned."""
    try:
        result, defect = await _deliver(ctx, job, edits=True)
    except NotFound as error:
        if waits_for_files:
            raise Unavailable(f"a clip's file can't be found yet: {error}") from error
        return _failed(ctx, job, _useless(error))
    except Invalid as error:
        return _failed(ctx, job, _useless(error))
    return ev.Stored(at=ctx.clock.now(), result=result, defect=defect)


async def _store_unedited(ctx: WorkerContext, job: Job, cause: Exception | None) -> Job:
    """Deliver the paid clip as it came; the failed job, with the first reason, if even that breaks."""
    try:
        result, defect = await _deliver(ctx, job, edits=False)
    except (Unavailable, Conflict):
        raise
    except Exception:
        logger.exception("the clips can't be delivered as they came", extra=_about(job, "assembly_given_up"))
        return await save_event(ctx.jobs, job, _failed(ctx, job, _broken(cause)))
    return await _end(ctx, job, ev.Stored(at=ctx.clock.now(), result=result, defect=defect))


async def _end(ctx: WorkerContext, job: Job, ending: ev.Stored | ev.Failed) -> Job:
    ended = await save_event(ctx.jobs, job, ending)
    if isinstance(ending, ev.Stored):
        facts = ending.result.model_dump(include={"gcs_path", "size_bytes", "duration_seconds"})
        extra = {**_about(job, "stored"), **facts, "model": job.clips[0].planned.model}
        logger.info("stored the video", extra=extra)
    return ended


def _failed(ctx: WorkerContext, job: Job, failure: Failure) -> ev.Failed:
    logger.warning("the job has no video", extra={**_about(job, "assembly_failed"), "reason": failure.message})
    return ev.Failed(at=ctx.clock.now(), failure=failure)


async def _deliver(ctx: WorkerContext, job: Job, *, edits: bool) -> tuple[Result, Failure | None]:
    with work_folder(ctx.scratch, "assembly") as folder:
        final = folder / "final.mp4"
        clips = await fetch_clips(ctx, job, folder)
        if edits:
            probe = await ctx.editor.assemble(clips, duration_seconds=job.request.duration_seconds, to=final)
        else:
            probe = await ctx.editor.keep(clips, to=final, defect="it could not be edited")
        defect = _defect(job, probe)
        if not await ctx.videos.put(job.final_name, final, content_type="video/mp4"):
            probe = await _adopt(ctx, job, final, probe)
        return _result(job, probe, final.stat().st_size, await _poster(ctx, job, final)), defect


async def _adopt(ctx: WorkerContext, job: Job, final: Path, ours: Probe) -> Probe:
    """The file that has the name already, if it is a whole video of the right length; else ours takes its place."""
    theirs = final.with_name("stored.mp4")
    try:
        await ctx.videos.fetch(job.final_name, theirs)
    except NotFound as error:
        raise Unavailable(f"{job.final_name} was deleted while it was read", retry_after_s=1) from error
    try:
        found = await ctx.editor.probe(theirs)
    except Invalid as error:
        wrong = str(error)
    else:
        if abs(found.duration_seconds - ours.duration_seconds) <= _RIGHT_WITHIN_S:
            logger.info("adopted the final file that was there", extra=_about(job, "final_adopted"))
            theirs.replace(final)
            return found
        wrong = f"it lasts {found.duration_seconds:.2f} s, not {ours.duration_seconds:.2f} s"
    logger.error("replaces a final file", extra={**_about(job, "final_replaced"), "reason": wrong})
    await ctx.videos.delete(job.final_name)
    if not await ctx.videos.put(job.final_name, final, content_type="video/mp4"):
        raise Unavailable(f"another worker stores {job.final_name} at this moment", retry_after_s=1)
    return ours


async def _poster(ctx: WorkerContext, job: Job, final: Path) -> str | None:
    """The still picture beside the film. A film without one is a film all the same."""
    poster = final.with_name("poster.jpg")
    try:
        await ctx.editor.poster(final, poster)
        await ctx.videos.put(job.poster_name, poster, content_type="image/jpeg")
    except LocalDisk:
        raise
    except Exception:
        logger.warning("the film has no poster", exc_info=True, extra=_about(job, "no_poster"))
        return None
    return job.poster_name


def _result(job: Job, probe: Probe, size_bytes: int, poster: str | None) -> Result:
    return Result(
        gcs_path=job.final_name,
        poster_path=poster,
        width=probe.width,
        height=probe.height,
        duration_seconds=probe.duration_seconds,
        size_bytes=size_bytes,
    )


def _defect(job: Job, probe: Probe) -> Failure | None:
    """Written to the last clip's `cause`, which every version can read."""
    if probe.defect is None:
        return None
    words = f"The model's video is delivered as well as it can be: {probe.defect}."
    logger.warning("a video is not as it was asked for", extra={**_about(job, "delivered_as_it_came"), "reason": words})
    return Failure(category=Category.UPSTREAM, code=DELIVERED_AS_IT_CAME, message=words, charged=job.charged)


def _useless(error: Invalid | NotFound) -> Failure:
    words = f"The model's video can't be used: {error}."
    return Failure(category=Category.UPSTREAM, code="bad_output", message=words, retryable=False, charged=Charged.NO)


def _broken(error: Exception | None) -> Failure:
    reason = f"The finished clips could not be assembled ({type(error).__name__})."
    words = f"{reason} They are kept, and a replay costs nothing."
    return Failure(category=Category.INTERNAL, code="not_assembled", message=words, retryable=True, charged=Charged.NO)


_NOT_STORED = Failure(
    category=Category.STORAGE,
    code="not_stored",
    message="The finished clips could not be stored in time. They are kept, and a replay costs nothing.",
    retryable=True,
    charged=Charged.NO,
)


def _about(job: Job, action: str) -> dict[str, str]:
    return {"action": action, "job_id": job.job_id}
