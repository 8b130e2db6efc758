"""What callers see of a batch: its plan before it is ordered, and its jobs afterwards."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from publisher.access import Access
from publisher.batches.check import find_refusal, plan_items, total_usd
from publisher.batches.order import check_same_batch, find_batch
from publisher.batches.request import Batch
from publisher.context import PublisherContext, outline
from publisher.refusals import to_failure
from schemas.domain.job import Job
from schemas.domain.projections import JobView
from schemas.domain.states import JobState
from schemas.errors import Failure
from schemas.wire.types import Usd


class BatchItemPlan(BaseModel):
    """What one request of a batch would make."""

    model_config = ConfigDict(frozen=True)

    video_id: str
    model: str
    price_usd: Usd
    billed_seconds: float
    duration_seconds: int
    warnings: tuple[str, ...]


class BatchPlan(BaseModel):
    """What a batch with this body would make."""

    model_config = ConfigDict(frozen=True)

    batch_id: str
    price_usd: Usd = Field(description="The planned prices of all requests together.")
    billed_seconds: float
    duration_seconds: int = Field(description="The length of all videos together.")
    exists: bool = Field(description="The batch was ordered before: the call would return its jobs, and pay nothing.")
    refusal: Failure | None = Field(description="Why it would not be ordered now, although each request is valid.")
    notice: str | None = Field(description="What keeps jobs from being made now, for example that no worker runs.")
    videos: tuple[BatchItemPlan, ...] = Field(description="In the order of the requests.")


class BatchView(BaseModel):
    """A batch with its jobs."""

    model_config = ConfigDict(frozen=True)

    batch_id: str
    ended: bool = Field(description="All of its jobs have ended.")
    states: dict[JobState, int] = Field(description="How many jobs are in each state.")
    price_usd: Usd = Field(description="The planned prices of all jobs together, when the batch was ordered.")
    cost_usd: Usd = Field(description="What is known to have been spent.")
    videos: tuple[JobView, ...] = Field(description="The jobs, in the order of the requests.")


async def plan_batch(ctx: PublisherContext, batch: Batch, access: Access) -> BatchPlan:
    """Return the plan of a batch. Raises what an order of the batch raises, but for refusals because of money or room.

    An operator sees stored ids.
    """
    known = await find_batch(ctx, batch.batch_id, access.caller)
    if known:
        check_same_batch(batch, known)
    items = await plan_items(ctx, batch, access.caller)
    silence = await ctx.workers.silence() if ctx.workers else None
    return BatchPlan(
        batch_id=batch.batch_id,
        price_usd=total_usd(items),
        billed_seconds=sum(clip.billed_seconds for item in items for clip in item.plan.clips),
        duration_seconds=sum(item.request.duration_seconds for item in items),
        exists=bool(known),
        refusal=None if known else to_failure(await find_refusal(ctx, batch, items, access.caller)),
        notice=silence.words if silence and not silence.is_fresh else None,
        videos=tuple(
            BatchItemPlan(
                video_id=request.job_id,
                model=item.plan.clips[0].model,
                price_usd=item.price_usd,
                billed_seconds=sum(clip.billed_seconds for clip in item.plan.clips),
                duration_seconds=request.duration_seconds,
                warnings=item.plan.warnings,
            )
            for request, item in zip(batch.requests, items, strict=True)
        ),
    )


async def view_batch(ctx: PublisherContext, batch_id: str, jobs: Sequence[Job], access: Access) -> BatchView:
    """Return the batch as this caller sees it: an operator sees the stored ids of the jobs."""
    counted = Counter(job.state for job in jobs)
    return BatchView(
        batch_id=batch_id,
        ended=all(job.ended for job in jobs),
        states={state: counted[state] for state in JobState},
        price_usd=sum((job.batch.price_usd for job in jobs if job.batch), Decimal(0)),
        cost_usd=sum((job.cost_usd for job in jobs), Decimal(0)),
        videos=tuple([await outline(ctx, job, caller=access.jobs_of) for job in jobs]),
    )
