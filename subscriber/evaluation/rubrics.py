"""The questions about a prompt: made once, stored by the digest of the prompt, and asked about each of its takes."""

import logging
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from schemas.domain.evaluation import ANSWERED, GENERATE_RUBRICS, METRIC_REFUSED, REFUSED, rubrics_name
from schemas.domain.job import Job
from schemas.errors import NotFound, ReelbusError
from schemas.ports import NotScored, VideoStore
from schemas.services.stored_file import read_stored_file
from schemas.services.update import get_job
from schemas.wire.evaluation import Rubric
from subscriber.evaluation.context import EvaluatorContext
from subscriber.evaluation.ledger import begin_call, end_call

logger = logging.getLogger(__name__)

_RUBRICS = TypeAdapter(tuple[Rubric, ...])


async def find_rubrics(ctx: EvaluatorContext, job: Job, metric: str) -> tuple[Job, Sequence[Rubric]]:
    """Return the questions about the prompt of a job, and the job with the call that made them, if one was needed.

    Without them the service makes its own for each video. They are asked for once for a video and a metric. Raises
    `DailyLimit`, `Conflict` and `Unavailable`.
    """
    name = rubrics_name(job.request.prompt, metric=metric, caller=job.caller)
    if stored := await _read(ctx.videos, name, ctx.scratch):
        return job, stored
    if metric in ctx.refused_rubrics or any(
        call.kind == GENERATE_RUBRICS and call.metric == metric for call in job.evaluations
    ):
        return job, ()
    job = await begin_call(ctx, job, GENERATE_RUBRICS, metric, name)
    number = len(job.evaluations) - 1
    try:
        made = tuple(await ctx.scorer.generate_rubrics(job.request.prompt, metric=metric))
    except NotScored as error:
        if error.outcome == METRIC_REFUSED:
            ctx.refused_rubrics.add(metric)
        extra = {"action": "rubrics_not_made", "job_id": job.job_id, "metric": metric, "reason": error.outcome}
        logger.warning("the evaluation service made no questions about a prompt", extra=extra)
        return await end_call(ctx, job, number, error.outcome), ()
    except ReelbusError:
        await end_call(ctx, job, number, REFUSED)
        raise
    await ctx.videos.put(name, _RUBRICS.dump_json(made, exclude_defaults=True), content_type="application/json")
    job = await end_call(ctx, job, number, ANSWERED)
    if (await get_job(ctx.jobs, job.job_id)).erased_at:
        await ctx.videos.delete(name)
        return job, made
    return job, await _read(ctx.videos, name, ctx.scratch) or made  # another evaluator's, if it was faster


async def _read(videos: VideoStore, name: str, scratch: Path) -> Sequence[Rubric]:
    try:
        return _RUBRICS.validate_json(await read_stored_file(videos, name, scratch=scratch))
    except (NotFound, ValidationError):
        return ()
