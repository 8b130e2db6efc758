"""Writes each call into the record before it is sent, and counts it for the limit of the day, in one transaction."""

from dataclasses import replace
from decimal import Decimal

from schemas.domain.budget import BudgetShard
from schemas.domain.evaluation import NO_ANSWER, EvaluationCall
from schemas.domain.events import EvaluationCalled, EvaluationCallEnded
from schemas.domain.job import Job
from schemas.domain.state_machine import advance
from schemas.errors import Conflict
from schemas.services.update import ATTEMPTS, get_job, update_job
from subscriber.evaluation.context import CallUnderWay, DailyLimit, EvaluatorContext

_TERMS = "evaluations"


async def begin_call(ctx: EvaluatorContext, job: Job, kind: str, metric: str, rubrics: str | None) -> Job:
    """Return the job with one more call.

    Raises `DailyLimit`, and `Conflict` if another process has changed the job's calls or erased the job.
    """
    for _ in range(ATTEMPTS):
        at = ctx.clock.now()
        call = EvaluationCall(kind=kind, metric=metric, at=at, price_usd=ctx.price_usd, rubrics=rubrics)
        (shard,) = await ctx.budgets.read([f"{_TERMS}~{at:%Y-%m-%d}~0"])
        try:
            return await ctx.budgets.reserve(advance(job, EvaluationCalled(at=at, call=call)), [_count(ctx, shard)])
        except Conflict:
            newest = await get_job(ctx.jobs, job.job_id)
            if newest.evaluations != job.evaluations or newest.erased_at:
                raise
            job = newest
    raise Conflict(f"other evaluators were faster each time for job {job.job_id}")


def _count(ctx: EvaluatorContext, shard: BudgetShard) -> BudgetShard:
    if shard.used >= ctx.per_day:
        raise DailyLimit(f"the limit of {ctx.per_day} calls a day was reached")
    return replace(shard, terms=_TERMS, allotted=Decimal(ctx.per_day), used=shard.used + 1)


async def end_call(ctx: EvaluatorContext, job: Job, number: int, outcome: str) -> Job:
    """Return the job with the outcome of a call. Raises `Conflict` if other processes were faster each time."""
    at = ctx.clock.now()
    return await update_job(ctx.jobs, job.job_id, lambda _: EvaluationCallEnded(at=at, number=number, outcome=outcome))


async def end_lost_calls(ctx: EvaluatorContext, job: Job) -> Job:
    """Return the job without a call under way. Raises `CallUnderWay` while an evaluator may wait for its answer."""
    for number, call in enumerate(job.evaluations):
        now = ctx.clock.now()
        if call.is_under_way(now, ctx.call_at_most):
            raise CallUnderWay((call.at + ctx.call_at_most - now).total_seconds())
        if call.outcome is None:
            job = await end_call(ctx, job, number, NO_ANSWER)
    return job
