"""Scores one finished video: at most two tries over all restarts, each written down before it is sent.

The record of the job has the calls, with a price each: it is a ledger, and says after a crash what was begun. The score
itself is a file beside the video, since its words are those of the prompt: it is erased with the job's other words.
"""

import logging
import random

from schemas.domain.evaluation import (
    ANSWERED,
    EVALUATION,
    METRIC_REFUSED,
    NO_ANSWER,
    REFUSED,
    TRIES,
    count_tries,
    rubrics_name,
)
from schemas.domain.job import Job
from schemas.errors import NotFound, ReelbusError
from schemas.ports import NotScored
from schemas.services.backoff import backoff_s
from schemas.services.evaluation import read_evaluation
from schemas.services.update import get_job
from schemas.wire.evaluation import Evaluation
from subscriber.evaluation.context import DailyLimit, EvaluatorContext
from subscriber.evaluation.ledger import begin_call, end_call, end_lost_calls
from subscriber.evaluation.rubrics import find_rubrics

logger = logging.getLogger(__name__)

_STORE_TRIES = 4
_LOST = "the service did not answer in 2 tries"


async def evaluate(ctx: EvaluatorContext, job: Job) -> Evaluation:
    """Return the stored score of a video; without one, score the video and store that.

    Raises `CallUnderWay`, `Conflict` and `Unavailable`.
    """
    if stored := await read_evaluation(ctx.videos, job, scratch=ctx.scratch):
        await _end_answered_calls(ctx, job, stored)
        return stored
    job = await end_lost_calls(ctx, job)
    reason = _LOST
    try:
        while count_tries(job.evaluations) < TRIES:
            metric = ctx.metric_for(job)
            found = await _try_once(ctx, job, metric)
            if isinstance(found, Evaluation):
                return found
            reason = str(found)
            job = await get_job(ctx.jobs, job.job_id)
            if not found.retryable or (found.outcome == METRIC_REFUSED and ctx.metric_for(job) == metric):
                break
            if found.outcome != METRIC_REFUSED and count_tries(job.evaluations) < TRIES:
                await ctx.clock.sleep(ctx.pause_s * random.uniform(0.75, 1.25))
    except DailyLimit as error:
        extra = {"action": "evaluation_limit", "job_id": job.job_id, "reason": str(error)}
        logger.warning("a video is not evaluated: the limit of the day was reached", extra=extra)
        reason = str(error)
    return await _store(ctx, job, Evaluation(unevaluated=reason, evaluated_at=ctx.clock.now()))


async def _try_once(ctx: EvaluatorContext, job: Job, metric: str) -> Evaluation | NotScored:
    """Call the service once for the score. Return why there is none."""
    job, rubrics = await find_rubrics(ctx, job, metric)
    name = rubrics_name(job.request.prompt, metric=metric, caller=job.caller) if rubrics else None
    job = await begin_call(ctx, job, EVALUATION, metric, name)
    number = len(job.evaluations) - 1
    try:
        score = await ctx.scorer.score(job.request.prompt, job.final_name, metric=metric, rubrics=rubrics)
    except NotScored as error:
        found = error
    except NotFound:
        found = NotScored("the video is not stored any more", outcome=REFUSED, retryable=False)
    except ReelbusError:  # nothing was sent
        await end_call(ctx, job, number, REFUSED)
        raise
    else:
        evaluation = Evaluation(
            metric=metric,
            score=score.score,
            verdicts=score.verdicts,
            comparable=bool(rubrics),
            evaluated_at=ctx.clock.now(),
        )
        evaluation = await _store(ctx, job, evaluation)
        await end_call(ctx, job, number, ANSWERED)
        return evaluation
    if found.outcome == METRIC_REFUSED:
        ctx.refused_metrics.add(metric)
    extra = {"action": "evaluation_failed", "job_id": job.job_id, "metric": metric, "reason": found.outcome}
    logger.warning("the evaluation service gave no score", extra=extra)
    await end_call(ctx, job, number, found.outcome)
    return found


async def _store(ctx: EvaluatorContext, job: Job, evaluation: Evaluation) -> Evaluation:
    """Store the score, unless one is stored. Return the stored one. A paid answer outlives a short outage."""
    body = evaluation.model_dump_json(exclude_defaults=True).encode()
    for tried in range(_STORE_TRIES):
        try:
            is_ours = await ctx.videos.put(job.evaluation_name, body, content_type="application/json")
            break
        except ReelbusError:
            if tried == _STORE_TRIES - 1:
                raise
            await ctx.clock.sleep(backoff_s(1, 10, tried))
    if (await get_job(ctx.jobs, job.job_id)).erased_at:
        await ctx.videos.delete(job.evaluation_name)
        return evaluation
    return evaluation if is_ours else await read_evaluation(ctx.videos, job, scratch=ctx.scratch) or evaluation


async def _end_answered_calls(ctx: EvaluatorContext, job: Job, stored: Evaluation) -> None:
    """End the calls whose evaluator stored the answer, and was killed before it wrote that down."""
    for number, call in enumerate(job.evaluations):
        if call.outcome is None:
            is_answered = stored.score is not None and number == len(job.evaluations) - 1
            await end_call(ctx, job, number, ANSWERED if is_answered else NO_ANSWER)
