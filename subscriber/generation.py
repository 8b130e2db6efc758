"""From an accepted clip, or one that nobody knows about, to its file. Everything here is free and may be repeated."""

import logging

from schemas import event as ev
from schemas.advance import advance
from schemas.event import Step
from schemas.failure import Category, Charged, Failure
from schemas.job import Job
from schemas.ledger import Clip
from schemas.names import clip_prefix
from schemas.ports import Broke, Finished, Running
from schemas.state import JobState
from subscriber.policy import may_resubmit
from subscriber.submission import forget_attempt
from subscriber.workshop import Workshop

log = logging.getLogger(__name__)
INLINE = "inline.mp4"
"""Under the prefix of an attempt: the film that came in the answer, where a search finds it, too."""


async def poll_once(shop: Workshop, job: Job, clip: Clip) -> Job | None:
    """The job after the operation ended, or None while it runs. Raises `Unavailable`.

    With the last clip done the job is `storing`, and not written down yet: that can be redone for free, so that it
    need not cost a write of its own.
    """
    ended = await _ended(shop, job, clip)
    after = advance(job, ended) if ended else None
    if after is None or after.state is JobState.STORING:
        return after
    saved = await shop.jobs.save(after)
    if _is_free_of_charge(ended):
        await forget_attempt(shop, saved, clip)
    return saved


async def give_up_generation(shop: Workshop, job: Job, clip: Clip) -> Job:
    """One last question, and one last look under the prefix, for a clip past its deadline."""
    if ended := await _ended(shop, job, clip):
        return await shop.write(job, ended)
    found = await shop.model.recover(clip.prefix or "")
    if found:
        return await shop.write(job, ev.ClipDone(at=shop.clock.now(), clip=clip.index, output=found[0]))
    log.warning("a generation was lost", extra={"action": "generation_lost", "job_id": job.job_id})
    return await shop.write(job, _failed(shop, clip, _LOST))


async def _ended(shop: Workshop, job: Job, clip: Clip) -> ev.ClipDone | ev.ClipFailed | ev.ClipWithdrawn | None:
    """How the operation ended; None while it runs."""
    match await shop.model.poll(clip.operation or "", request=job.request):
        case Running():
            return None
        case Finished(outputs=(output, *_)) if output.startswith(clip_prefix(job.job_id, clip.index)):
            return ev.ClipDone(at=shop.clock.now(), clip=clip.index, output=output)
        case Finished(outputs=(), films=(film, *_)) if clip.prefix:
            log.info("the film came inside the answer", extra={"action": "film_inline", "job_id": job.job_id})
            output = f"{clip.prefix}{INLINE}"
            await shop.videos.put(output, film, content_type="video/mp4")
            return ev.ClipDone(at=shop.clock.now(), clip=clip.index, output=output)
        case Finished(outputs=outputs):
            return await _found_or(shop, clip, _STRANGE if outputs else _NOTHING_MADE)
        case Broke(failure=failure) if _may_wait(failure):
            log.info("the model is too busy", extra={"action": "clip_withdrawn", "job_id": job.job_id})
            return ev.ClipWithdrawn(at=shop.clock.now(), clip=clip.index, cause=failure)
        case Broke(failure=failure):
            return await _found_or(shop, clip, failure)


async def _found_or(shop: Workshop, clip: Clip, failure: Failure) -> ev.ClipDone | ev.ClipFailed:
    """A paid film may lie there although the operation failed, or is forgotten: its folder knows better."""
    found = () if failure.charged is Charged.NO else await shop.model.recover(clip.prefix or "")
    if found:
        return ev.ClipDone(at=shop.clock.now(), clip=clip.index, output=found[0])
    return _failed(shop, clip, failure)


async def search(shop: Workshop, job: Job, clip: Clip) -> Job | None:
    """The job with the unknown clip adopted, or None where nothing lies under its prefix yet."""
    found = await shop.model.recover(clip.prefix or "")
    if not found:
        return None
    log.info("found the file of an unknown submit", extra={"action": "submit_found", "job_id": job.job_id})
    return await shop.write(job, ev.FoundUnderPrefix(at=shop.clock.now(), clip=clip.index, output=found[0]))


async def judge(shop: Workshop, job: Job, clip: Clip) -> Job:
    """A last look, then the caller's choice: fail closed, or send again."""
    found = await search(shop, job, clip)
    if found:
        return found
    if may_resubmit(job):
        await forget_attempt(shop, job, clip)
        log.warning("sending an unknown submit again", extra={"action": "resubmit", "job_id": job.job_id})
        return await shop.write(job, ev.Resubmit(at=shop.clock.now(), clip=clip.index))
    log.warning("gave up an unknown submit", extra={"action": "submit_unknown_failed", "job_id": job.job_id})
    return await shop.write(job, ev.SubmitJudged(at=shop.clock.now(), failure=_UNKNOWN))


def _is_free_of_charge(ended: Step | None) -> bool:
    """True if the model's own word says that the operation was not charged."""
    return isinstance(ended, ev.ClipWithdrawn) or (
        isinstance(ended, ev.ClipFailed) and ended.failure.charged is Charged.NO
    )


def _may_wait(failure: Failure) -> bool:
    """No capacity, and certainly nothing charged: the same clip may be sent again, after a while."""
    busy = failure.category in (Category.QUOTA, Category.CAPACITY)
    return busy and failure.retryable and failure.charged is Charged.NO


def _failed(shop: Workshop, clip: Clip, failure: Failure) -> ev.ClipFailed:
    return ev.ClipFailed(at=shop.clock.now(), clip=clip.index, failure=failure)


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
_UNKNOWN = Failure(
    category=Category.UPSTREAM,
    code="submit_unknown",
    message="Nobody can tell whether the model accepted the clip, and no video turned up; it was not sent again.",
    charged=Charged.UNKNOWN,
)
