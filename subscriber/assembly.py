"""Assemble the clips to the finished file, and put it into the video store.

All of it is free and may be repeated: the final file has the same name for every worker, and a worker adopts a good
file that another worker stored.
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
from schemas.ports import Probe, SourcePart
from schemas.services.update import save_event
from subscriber.context import WorkerContext
from subscriber.provenance import sign_made, tell_provenance
from subscriber.scratch import work_folder

logger = logging.getLogger(__name__)

TRIES = 3
"""Attempts at an assembly that fails with an unexpected exception, for example because memory ran out."""
PAUSE_S = 1.0
_RIGHT_WITHIN_S = 0.5
"""How far the length of a stored final file may differ: another version may have mended the video in another way."""

_NOT_STORED = Failure(
    category=Category.STORAGE,
    code="not_stored",
    message="The finished clips could not be stored in time. They are kept, and a replay costs nothing.",
    retryable=True,
    charged=Charged.NO,
)


async def store(ctx: WorkerContext, job: Job, *, waits_for_files: bool = False) -> Job:
    """Return the succeeded job with its stored file, or the failed job if the clips are certainly no video.

    A video that can't be mended is delivered as it came, with `defect`. Raises `Unavailable` if a dependency or the
    local disk is not ready, and with `waits_for_files` also if a clip's file can't be found yet.
    """
    cause: Exception | None = None
    for tried in range(1, TRIES + 1):
        try:
            return await _save_ending(ctx, job, await _deliver_or_fail(ctx, job, waits_for_files=waits_for_files))
        except ReelbusError:
            raise
        except Exception as error:
            logger.exception("the clips can't be assembled", extra={**_about(job, "assembly_broke"), "tried": tried})
            cause = error
        await ctx.clock.sleep(PAUSE_S * tried)
    try:
        ending: ev.Stored | ev.Failed = await _deliver(ctx, job, edits=False)
    except (Unavailable, Conflict):
        raise
    except Exception:
        logger.exception("the clips can't be delivered as they came", extra=_about(job, "assembly_given_up"))
        reason = f"The finished clips could not be assembled ({type(cause).__name__})."
        words = f"{reason} They are kept, and a replay costs nothing."
        ending = _to_failed(ctx, job, Category.INTERNAL, "not_assembled", words, retryable=True)
    return await _save_ending(ctx, job, ending)


async def give_up_storing(ctx: WorkerContext, job: Job) -> Job:
    """Try to store the video once more, else fail the job. Its paid clips stay in the ledger, and a replay is free.

    A local disk that is full fails no job: raises `LocalDisk`.
    """
    try:
        return await store(ctx, job)
    except LocalDisk:
        raise
    except Unavailable:
        logger.warning("gave up storing", exc_info=True, extra=_about(job, "storing_given_up"))
    return await save_event(ctx.jobs, job, ev.Failed(at=ctx.clock.now(), failure=_NOT_STORED))


async def _save_ending(ctx: WorkerContext, job: Job, ending: ev.Stored | ev.Failed) -> Job:
    ended = await save_event(ctx.jobs, job, ending)
    if isinstance(ending, ev.Stored):
        facts = ending.result.model_dump(include={"gcs_path", "size_bytes", "duration_seconds"})
        extra = {**_about(job, "stored"), **facts, "model": job.clips[0].planned.model}
        logger.info("stored the video", extra=extra)
    return ended


async def _deliver_or_fail(ctx: WorkerContext, job: Job, *, waits_for_files: bool) -> ev.Stored | ev.Failed:
    try:
        return await _deliver(ctx, job, edits=True)
    except NotFound as error:
        if waits_for_files:
            raise Unavailable(f"a clip's file can't be found yet: {error}") from error
        reason: ReelbusError = error
    except Invalid as error:
        reason = error
    return _to_failed(ctx, job, Category.UPSTREAM, "bad_output", f"The model's video can't be used: {reason}.")


def _to_failed(
    ctx: WorkerContext, job: Job, category: Category, code: str, words: str, *, retryable: bool = False
) -> ev.Failed:
    logger.warning("the job has no video", extra={**_about(job, "assembly_failed"), "reason": words})
    failure = Failure(category=category, code=code, message=words, retryable=retryable, charged=Charged.NO)
    return ev.Failed(at=ctx.clock.now(), failure=failure)


async def _deliver(ctx: WorkerContext, job: Job, *, edits: bool) -> ev.Stored:
    """Put the final file and its poster into the video store. Without `edits` the model's files stay as they came."""
    with work_folder(ctx.scratch, "assembly") as folder:
        final = folder / "final.mp4"
        clips = await fetch_clips(ctx, job, folder)
        if edits:
            probe = await ctx.editor.assemble(clips, duration_seconds=job.request.duration_seconds, to=final)
        else:
            probe = await ctx.editor.keep(clips, to=final, defect="it could not be edited")
        defect = None
        if probe.defect is not None:  # saved as the last clip's `cause`, which every version can read
            words = f"The model's video is delivered as well as it can be: {probe.defect}."
            logger.warning(
                "a video is not as requested", extra={**_about(job, "delivered_as_it_came"), "reason": words}
            )
            defect = Failure(category=Category.UPSTREAM, code=DELIVERED_AS_IT_CAME, message=words, charged=job.charged)
        parts = [SourcePart(file=clip) for clip in clips]
        about = {"job_id": job.job_id}
        await sign_made(ctx.provenance, final, parts, is_composite=len(parts) > 1, about=about)
        if not await ctx.videos.put(job.final_name, final, content_type="video/mp4"):
            probe = await _adopt(ctx, job, final, probe)
        provenance = await tell_provenance(ctx.provenance, final, clips)
        checks = ctx.checks
        result = Result(
            gcs_path=job.final_name,
            poster_path=await _put_poster(ctx, job, final),
            width=probe.width,
            height=probe.height,
            duration_seconds=probe.duration_seconds,
            size_bytes=final.stat().st_size,
            checks=await checks.check(ctx.videos, job, final, provenance=provenance) if checks else None,
        )
    return ev.Stored(at=ctx.clock.now(), result=result, defect=defect)


async def fetch_clips(ctx: WorkerContext, job: Job, folder: Path) -> list[Path]:
    """Fetch the files that make up the video, in order.

    An extension's file should hold all clips before it as well, and then those are not fetched. Some models answer with
    the added part alone: the file's length tells. Raises `NotFound`, and `Invalid` for a file that is no video.
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
                extra = {**_about(job, "extension_alone"), "clip": last, "seconds": round(found, 2)}
                logger.info("an extension holds the added part alone", extra=extra)
        last = first - 1
    return files


def first_held(clips: Sequence[Clip], seconds: float) -> int:
    """Return the first clip that the last one's file holds, by the length of that file; if in doubt, the earliest."""
    held, best, nearest = 0.0, 0, float("inf")
    for clip in reversed(clips):
        held += clip.planned.seconds
        if abs(held - seconds) <= nearest:
            best, nearest = clip.index, abs(held - seconds)
        if not clip.planned.extends:
            break
    return best


async def _adopt(ctx: WorkerContext, job: Job, final: Path, ours: Probe) -> Probe:
    """Return the probe of the stored final file. If that is broken or has another length, ours replaces it."""
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
            logger.info("adopted the stored final file", extra=_about(job, "final_adopted"))
            theirs.replace(final)
            return found
        wrong = f"it lasts {found.duration_seconds:.2f} s, not {ours.duration_seconds:.2f} s"
    logger.error("replaced a stored final file", extra={**_about(job, "final_replaced"), "reason": wrong})
    await ctx.videos.delete(job.checks_name)
    await ctx.videos.delete(job.final_name)
    if not await ctx.videos.put(job.final_name, final, content_type="video/mp4"):
        raise Unavailable(f"another worker stores {job.final_name} at this moment", retry_after_s=1)
    return ours


async def _put_poster(ctx: WorkerContext, job: Job, final: Path) -> str | None:
    """Put the still picture beside the video, and return its name; None if it can't be made: the video is delivered."""
    poster = final.with_name("poster.jpg")
    try:
        await ctx.editor.poster(final, poster)
        await ctx.videos.put(job.poster_name, poster, content_type="image/jpeg")
    except LocalDisk:
        raise
    except Exception:
        logger.warning("the video has no poster", exc_info=True, extra=_about(job, "no_poster"))
        return None
    return job.poster_name


def _about(job: Job, action: str) -> dict[str, str]:
    return {"action": action, "job_id": job.job_id}
