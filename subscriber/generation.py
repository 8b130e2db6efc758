"""Get the file of an accepted clip, or of one whose outcome is unknown. Every call here is free and may be repeated."""

import logging

from schemas.domain import events as ev
from schemas.domain.clip import Clip
from schemas.domain.job import Job
from schemas.domain.object_names import clip_prefix
from schemas.domain.state_machine import advance
from schemas.domain.states import JobState
from schemas.errors import Category, Charged, Failure, OtherModel
from schemas.ports import Answer, Foreign, GenerationDone, GenerationFailed, GenerationRunning, Missing
from schemas.services.update import save_event
from subscriber.context import WorkerContext
from subscriber.policy import may_resubmit
from subscriber.submission import forget_attempt

logger = logging.getLogger(__name__)
INLINE = "inline.mp4"
"""Name under the prefix of an attempt for a video that came inside the answer, so that a search finds it."""


async def poll_once(ctx: WorkerContext, job: Job, clip: Clip) -> Job | None:
    """Return the job after the operation ended, or None while it runs.

    After the last clip the job is `storing`, and that is not saved yet: it can be found again for free, so it needs no
    write of its own. Raises `Unavailable`, and `OtherModel` if only a worker of another model can poll.
    """
    answer = await ctx.model.poll(clip.operation or "", request=job.request)
    ended = await _end_of(ctx, job, clip, answer)
    if ended is None and isinstance(answer, Missing | Foreign):
        logger.warning(
            "the model does not know an operation", extra={"action": "operation_unknown", "job_id": job.job_id}
        )
    if ended is None and isinstance(answer, Foreign):
        raise OtherModel(f"clip {clip.index} of job {job.job_id} is made by {clip.planned.model}")
    after = advance(job, ended) if ended else None
    if ended is None or after is None or after.state is JobState.STORING:
        return after
    saved = await save_event(ctx.jobs, job, ended)
    is_refused = isinstance(ended, ev.ClipFailed) and ended.failure.charged is Charged.NO
    if is_refused or isinstance(ended, ev.ClipWithdrawn):
        await forget_attempt(ctx, saved, clip)
    return saved


async def give_up_generation(ctx: WorkerContext, job: Job, clip: Clip) -> Job:
    """Poll once more and look once more under the prefix, for a clip past its deadline."""
    answer = await ctx.model.poll(clip.operation or "", request=job.request)
    ended = await _end_of(ctx, job, clip, answer)
    if ended is None:
        failure = _MISSING if isinstance(answer, Missing) else _FOREIGN if isinstance(answer, Foreign) else _LOST
        ended = await _find_or_fail(ctx, clip, failure)
        if isinstance(ended, ev.ClipFailed):
            logger.warning("a generation was lost", extra={"action": "generation_lost", "job_id": job.job_id})
    return await save_event(ctx.jobs, job, ended)


async def _end_of(
    ctx: WorkerContext, job: Job, clip: Clip, answer: Answer
) -> ev.ClipDone | ev.ClipFailed | ev.ClipWithdrawn | None:
    """Return how the operation ended; None while it runs, or while only a file under its prefix could tell."""
    match answer:
        case GenerationRunning():
            return None
        case Missing() | Foreign():
            found = await ctx.model.recover(clip.prefix or "")
            return ev.ClipDone(at=ctx.clock.now(), clip=clip.index, output=found[0]) if found else None
        case GenerationDone(outputs=(output, *_)) if output.startswith(clip_prefix(job.job_id, clip.index)):
            price = ctx.prices.settle(job, clip, answer.price_usd)
            return ev.ClipDone(at=ctx.clock.now(), clip=clip.index, output=output, price_usd=price)
        case GenerationDone(outputs=(), films=(video, *_)) if clip.prefix:
            logger.info("the video came inside the answer", extra={"action": "film_inline", "job_id": job.job_id})
            output = f"{clip.prefix}{INLINE}"
            await ctx.videos.put(output, video, content_type="video/mp4")
            price = ctx.prices.settle(job, clip, answer.price_usd)
            return ev.ClipDone(at=ctx.clock.now(), clip=clip.index, output=output, price_usd=price)
        case GenerationDone(outputs=outputs):
            return await _find_or_fail(ctx, clip, _STRANGE if outputs else _NOTHING_MADE)
        case GenerationFailed(failure=failure) if _may_send_again(failure):
            logger.info("the model is too busy", extra={"action": "clip_withdrawn", "job_id": job.job_id})
            return ev.ClipWithdrawn(at=ctx.clock.now(), clip=clip.index, cause=failure)
        case GenerationFailed(failure=failure):
            return await _find_or_fail(ctx, clip, failure)


def _may_send_again(failure: Failure) -> bool:
    """True if the model was busy and certainly charged nothing: the same clip may be sent again after a while."""
    is_busy = failure.category in (Category.QUOTA, Category.CAPACITY)
    return is_busy and failure.retryable and failure.charged is Charged.NO


async def _find_or_fail(ctx: WorkerContext, clip: Clip, failure: Failure) -> ev.ClipDone | ev.ClipFailed:
    """Look for a paid video, which may be stored although the operation failed or is not known any more."""
    found = () if failure.charged is Charged.NO else await ctx.model.recover(clip.prefix or "")
    if found:
        return ev.ClipDone(at=ctx.clock.now(), clip=clip.index, output=found[0])
    return ev.ClipFailed(at=ctx.clock.now(), clip=clip.index, failure=failure)


async def search(ctx: WorkerContext, job: Job, clip: Clip) -> Job | None:
    """Return the job with the file of the unknown clip, or None if nothing is stored under its prefix yet."""
    found = await ctx.model.recover(clip.prefix or "")
    if not found:
        return None
    logger.info("found the file of an unknown submit", extra={"action": "submit_found", "job_id": job.job_id})
    return await save_event(ctx.jobs, job, ev.FoundUnderPrefix(at=ctx.clock.now(), clip=clip.index, output=found[0]))


async def resolve_unknown(ctx: WorkerContext, job: Job, clip: Clip) -> Job:
    """Look a last time, then do what the caller chose: fail the job, or send the clip again."""
    found = await search(ctx, job, clip)
    if found:
        return found
    if may_resubmit(job):
        await forget_attempt(ctx, job, clip)
        logger.warning("sending an unknown submit again", extra={"action": "resubmit", "job_id": job.job_id})
        return await save_event(ctx.jobs, job, ev.Resubmit(at=ctx.clock.now(), clip=clip.index))
    logger.warning("gave up an unknown submit", extra={"action": "submit_unknown_failed", "job_id": job.job_id})
    return await save_event(ctx.jobs, job, ev.SubmitGivenUp(at=ctx.clock.now(), failure=_UNKNOWN))


_NOTHING_MADE = Failure(
    category=Category.UPSTREAM,
    code="no_video",
    message="The model ended without an error and without a video.",
    retryable=True,
    charged=Charged.UNKNOWN,
)
_STRANGE = Failure(
    category=Category.UPSTREAM,
    code="strange_output",
    message="The model named a video outside the folder of this clip; it was not used.",
    charged=Charged.UNKNOWN,
)
_LOST = Failure(
    category=Category.TIMEOUT,
    code="generation_lost",
    message="The model accepted the clip and never delivered it; whether it was charged is not known.",
    charged=Charged.UNKNOWN,
)
_MISSING = Failure(
    category=Category.UPSTREAM,
    code="operation_not_found",
    message="The model accepted the clip and does not know its operation; whether it was charged is not known.",
    charged=Charged.UNKNOWN,
)
_FOREIGN = Failure(
    category=Category.UPSTREAM,
    code="operation_foreign",
    message="Another provider accepted the clip, and no worker of that REELBUS_PROVIDER came; its charge is not known.",
    charged=Charged.UNKNOWN,
)
_UNKNOWN = Failure(
    category=Category.UPSTREAM,
    code="submit_unknown",
    message="It is not known whether the model accepted the clip, and no video turned up; it was not sent again.",
    charged=Charged.UNKNOWN,
)
